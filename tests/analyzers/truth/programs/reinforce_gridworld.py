"""REINFORCE on a grid world with an environment class, dict observations and functools.partial."""
import functools as ft
from typing import Dict, Tuple

import chex
import jax
import jax.numpy as jnp
import optax


@chex.dataclass(frozen=True)
class State:
    pos: chex.Array
    goal: chex.Array
    steps: chex.Array


@chex.dataclass
class Params:
    w: chex.Array
    b: chex.Array


class GridWorld:
    MOVES = ((0, 1), (0, -1), (1, 0), (-1, 0))

    def __init__(self, size: int = 4, limit: int = 6):
        self.size = size
        self.limit = limit
        self.moves = jnp.array(self.MOVES)

    @property
    def num_actions(self) -> int:
        return len(self.MOVES)

    def reset(self, key: chex.PRNGKey) -> Tuple[Dict, State]:
        pos_key, goal_key = jax.random.split(key)
        pos = jax.random.randint(pos_key, (2,), 0, self.size)
        goal = jax.random.randint(goal_key, (2,), 0, self.size)
        state = State(pos=pos, goal=goal, steps=jnp.array(0))
        return self.observation(state), state

    def step(self, state: State, action: chex.Array):
        pos = jnp.clip(state.pos + self.moves[action], 0, self.size - 1)
        reached = jnp.all(pos == state.goal)
        steps = state.steps + 1
        done = reached | (steps >= self.limit)
        reward = jnp.where(reached, 1.0, -0.1)
        new_state = state.replace(pos=pos, steps=steps)
        return self.observation(new_state), new_state, reward, done

    def observation(self, state):
        delta = (state.goal - state.pos) / self.size
        return {"delta": delta, "time": state.steps / self.limit}


def features(obs: Dict[str, jnp.ndarray]):
    return jnp.append(obs["delta"], obs["time"])


def logits_fn(params: Params, obs):
    chex.assert_rank(params.w, 2)
    return features(obs) @ params.w + params.b


def episode(env: GridWorld, params: Params, key):
    reset_key, act_key = jax.random.split(key)
    obs, state = env.reset(reset_key)

    def body(carry, key):
        obs, state, alive = carry
        logits = logits_fn(params, obs)
        action = jax.random.categorical(key, logits)
        log_prob = jax.nn.log_softmax(logits)[action]
        next_obs, next_state, reward, done = env.step(state, action)
        out = {"log_prob": log_prob * alive, "reward": reward * alive}
        alive = alive * (1.0 - done)
        return (next_obs, next_state, alive), out

    keys = jax.random.split(act_key, env.limit)
    _, traj = jax.lax.scan(body, (obs, state, jnp.array(1.0)), keys)
    return traj


def returns_to_go(rewards, gamma=0.95):
    def accumulate(acc, r):
        acc = r + gamma * acc
        return acc, acc

    _, out = jax.lax.scan(accumulate, 0.0, rewards, reverse=True)
    return out


def surrogate(env, params, keys):
    traj = jax.vmap(ft.partial(episode, env, params))(keys)
    returns = jax.vmap(returns_to_go)(traj["reward"])
    baseline = returns.mean(axis=0)
    advantage = jax.lax.stop_gradient(returns - baseline)
    loss = -(traj["log_prob"] * advantage).sum(axis=1).mean()
    return loss, traj["reward"].sum(axis=1).mean()


def train(env, key, iterations=2, batch=4):
    key, w_key = jax.random.split(key)
    params = Params(w=0.1 * jax.random.normal(w_key, (3, env.num_actions)), b=jnp.zeros(env.num_actions))
    tx = optax.inject_hyperparams(optax.adam)(learning_rate=1e-2)
    opt_state = tx.init(params)

    @ft.partial(jax.jit, donate_argnums=(0, 1))
    def update(params, opt_state, key):
        grad_fn = jax.grad(surrogate, argnums=1, has_aux=True)
        grads, mean_return = grad_fn(env, params, jax.random.split(key, batch))
        updates, opt_state = tx.update(grads, opt_state)
        params = optax.apply_updates(params, updates)
        return params, opt_state, mean_return

    for i in range(iterations):
        key, sub = jax.random.split(key)
        params, opt_state, mean_return = update(params, opt_state, sub)
        print(i, mean_return)
    return params


if __name__ == "__main__":
    train(GridWorld(), jax.random.key(0))
