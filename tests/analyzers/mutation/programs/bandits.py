"""Multi-armed bandits: several policies, run for many seeds, with statistics kept in arrays."""
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp


class State(NamedTuple):
    counts: jax.Array
    means: jax.Array


def fresh(arms):
    return State(jnp.zeros(arms), jnp.zeros(arms))


@jax.jit
def observe(state, arm, reward):
    counts = state.counts.at[arm].add(1.0)
    step = (reward - state.means[arm]) / counts[arm]
    return State(counts, state.means.at[arm].add(step))


@partial(jax.jit, static_argnames=("greedy",))
def choose(key, state, epsilon, greedy=False):
    best = jnp.argmax(state.means)
    if greedy:
        return best
    coin_key, arm_key = jax.random.split(key)
    other = jax.random.randint(arm_key, (), 0, state.means.shape[0])
    explore = jax.random.uniform(coin_key) < epsilon
    return jnp.where(explore, other, best)


@partial(jax.jit, static_argnums=(2,))
def ucb(state, time, optimistic):
    bonus = jnp.sqrt(2.0 * jnp.log(time + 1.0) / jnp.maximum(state.counts, 1.0))
    scores = state.means + bonus if optimistic else state.means
    return jnp.argmax(jnp.where(state.counts == 0, jnp.inf, scores))


def pull(key, rates, arm):
    return jax.random.bernoulli(key, rates[arm]).astype(jnp.float32)


def run_epsilon(key, rates, steps):
    state = fresh(rates.shape[0])
    total = 0.0
    for _ in range(steps):
        key, choice_key, reward_key = jax.random.split(key, 3)
        arm = choose(choice_key, state, 0.1, greedy=False)
        reward = pull(reward_key, rates, arm)
        state = observe(state, arm, reward)
        total += float(reward)
    best = choose(key, state, 0.0, greedy=True)
    return total / steps, int(best)


def run_ucb(key, rates, steps):
    def play(carry, step_key):
        state, time = carry
        arm = ucb(state, time, True)
        reward = pull(step_key, rates, arm)
        return (observe(state, arm, reward), time + 1.0), reward

    keys = jax.random.split(key, steps)
    (state, _), rewards = jax.lax.scan(play, (fresh(rates.shape[0]), 0.0), keys)
    return rewards.mean(), ucb(state, 1.0, False)


def thompson(key, rates, steps):
    arms = rates.shape[0]

    def play(carry, _):
        key, wins, losses = carry
        key, draw_key, reward_key = jax.random.split(key, 3)
        arm = jnp.argmax(jax.random.beta(draw_key, wins, losses))
        reward = pull(reward_key, rates, arm)
        wins = wins.at[arm].add(reward)
        losses = losses.at[arm].add(1.0 - reward)
        return (key, wins, losses), reward

    start = (key, jnp.ones(arms), jnp.ones(arms))
    _, rewards = jax.lax.scan(play, start, None, length=steps)
    return rewards.mean()


def main():
    root = jax.random.key(0)
    rates_key, first, second, third = jax.random.split(root, 4)
    rates = jax.random.uniform(rates_key, (5,))
    print(run_epsilon(first, rates, 5))
    print(run_ucb(second, rates, 5))
    print(thompson(third, rates, 5))


main()
