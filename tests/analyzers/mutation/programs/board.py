"""A small board game, played by random and greedy players, all on arrays."""
from functools import partial

import jax
import jax.numpy as jnp

SIZE = 3
LINES = jnp.array(
    [[0, 1, 2], [3, 4, 5], [6, 7, 8], [0, 3, 6], [1, 4, 7], [2, 5, 8], [0, 4, 8], [2, 4, 6]]
)


def empty():
    return jnp.zeros(SIZE * SIZE, jnp.int32)


@jax.jit
def place(board, move, player):
    taken = board[move] != 0
    moved = board.at[move].set(player)
    return jnp.where(taken, board, moved)


@jax.jit
def winner(board):
    sums = board[LINES].sum(axis=1)
    crosses = jnp.any(sums == 3)
    noughts = jnp.any(sums == -3)
    return jnp.where(crosses, 1, jnp.where(noughts, -1, 0))


@partial(jax.jit, static_argnames=("flip", "padded"))
def features(board, flip, padded=False):
    planes = jnp.stack([board == 1, board == -1, board == 0]).astype(jnp.float32)
    if flip:
        planes = planes[::-1]
    grid = planes.reshape(3, SIZE, SIZE)
    return jnp.pad(grid, ((0, 0), (1, 1), (1, 1))) if padded else grid


def random_move(key, board):
    free = (board == 0).astype(jnp.float32)
    return jax.random.categorical(key, jnp.log(free + 1e-9))


def greedy_move(key, board, player):
    def value(move):
        return winner(place(board, move, player)) * player

    values = jax.vmap(value)(jnp.arange(SIZE * SIZE)).astype(jnp.float32)
    values = jnp.where(board == 0, values, -jnp.inf)
    noise = 1e-3 * jax.random.uniform(key, values.shape)
    return jnp.argmax(values + noise)


def play(key):
    board = empty()
    player = 1
    for turn in range(SIZE * SIZE):
        key, move_key = jax.random.split(key)
        if turn % 2 == 0:
            move = greedy_move(move_key, board, player)
        else:
            move = random_move(move_key, board)
        board = place(board, move, player)
        player = -player
    return winner(board)


@jax.jit
def playout(key, board):
    def turn(carry, player):
        key, board = carry
        key, move_key = jax.random.split(key)
        move = random_move(move_key, board)
        over = winner(board) != 0
        board = jax.lax.cond(
            over,
            lambda: board,
            lambda: place(board, move, player),
        )
        return (key, board), winner(board)

    players = jnp.array([1, -1] * 4)
    (_, board), history = jax.lax.scan(turn, (key, board), players)
    jax.debug.print("winners {}", history)
    return history[-1], board


@jax.jit
def normalised(visits):
    total = visits.sum()
    safe = jnp.where(total > 0, total, 1.0)
    scaled = visits / safe
    scaled = scaled.at[0].set(0.0)
    largest = jnp.argmax(scaled)
    return scaled.at[largest].multiply(2.0)


def main():
    first, second = jax.random.split(jax.random.key(5))
    print(play(first))
    result, board = playout(second, empty())
    print(result, features(board, True).shape, features(board, False, padded=True).shape)
    print(normalised(jnp.arange(4.0)))


main()
