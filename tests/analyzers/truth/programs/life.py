"""Conway's game of life, and elementary cellular automata, in a notebook-like script."""
# %%
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.signal import convolve2d

# %%
kernel = jnp.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]])
neighbours = lambda board: convolve2d(board, kernel, mode="same")  # noqa


@jax.jit
def tick(board):
    n = neighbours(board)
    born = (board == 0) & (n == 3)
    stays = (board == 1) & ((n == 2) | (n == 3))
    return (born | stays).astype(board.dtype)


# %%
glider = np.zeros((8, 8), dtype=int)
glider[1, 2] = glider[2, 3] = 1
glider[3, 1:4] = 1
board = jnp.array(glider)
for generation in range(4):
    board = tick(board)
print(board.sum())

# %%
def run(board, n):
    final, populations = jax.lax.scan(lambda b, _: (tick(b), b.sum()), board, None, length=n)
    return final, populations


final, populations = run(board, 3)
boards = jax.random.bernoulli(jax.random.key(0), 0.4, (2, 8, 8)).astype(int)
many, _ = jax.vmap(run, in_axes=(0, None))(boards, 3)
print(populations, many.shape)

# %%
def rule_table(number):
    return jnp.array([(number >> i) & 1 for i in range(8)])


def automaton(number):
    table = rule_table(number)

    @jax.jit
    def update(row):
        code = 4 * jnp.roll(row, 1) + 2 * row + jnp.roll(row, -1)
        return table[code]

    return update


rule30 = automaton(30)
row = jnp.zeros(11, dtype=int).at[5].set(1)
rows = [row]
for _ in range(4):
    rows.append(rule30(rows[-1]))
picture = jnp.stack(rows)
print("\n".join("".join("#" if c else "." for c in line) for line in np.asarray(picture)))
