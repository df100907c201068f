"""Thompson sampling and UCB; everything at module level, as in a notebook."""
import jax
import jax.numpy as jnp
import jax.random as jrandom
from jax.numpy import newaxis

n_arms = 3
horizon = 12
probs = jnp.array([0.2, 0.5, 0.7])
key = jrandom.key(11)

# Thompson sampling in a Python loop
alpha, beta = jnp.ones(n_arms), jnp.ones(n_arms)
rewards = []
for t in range(horizon):
    key, theta_key, reward_key = jrandom.split(key, 3)
    theta = jrandom.beta(theta_key, alpha, beta)
    arm = int(jnp.argmax(theta))
    r = jrandom.bernoulli(reward_key, probs[arm])
    alpha = alpha.at[arm].add(r)
    beta = beta.at[arm].add(1 - r)
    rewards.append(float(r))
print("thompson", sum(rewards) / horizon)


# the same as a scan
def thompson_step(carry, key):
    alpha, beta = carry
    theta_key, reward_key = jrandom.split(key)
    theta = jrandom.beta(theta_key, alpha, beta)
    arm = jnp.argmax(theta)
    r = jrandom.bernoulli(reward_key, probs[arm]).astype(jnp.float32)
    carry = alpha.at[arm].add(r), beta.at[arm].add(1.0 - r)
    return carry, (arm, r)


key, scan_key = jrandom.split(key)
init = (jnp.ones(n_arms), jnp.ones(n_arms))
(alpha, beta), (arms, rs) = jax.lax.scan(thompson_step, init, jrandom.split(scan_key, horizon))
print("scan", rs.mean(), jnp.bincount(arms, length=n_arms))


def ucb(counts, totals, t, c=2.0):
    mean = totals / jnp.maximum(counts, 1)
    bonus = jnp.sqrt(c * jnp.log(t + 1) / jnp.maximum(counts, 1))
    score = jnp.where(counts == 0, jnp.inf, mean + bonus)
    return jnp.argmax(score)


def ucb_episode(key, c):
    def step(i, val):
        counts, totals, key = val
        key, sub = jrandom.split(key)
        arm = ucb(counts, totals, i, c)
        reward = jrandom.uniform(sub) < probs[arm]
        return counts.at[arm].add(1), totals.at[arm].add(reward), key

    counts, totals, _ = jax.lax.fori_loop(
        0, horizon, step, (jnp.zeros(n_arms), jnp.zeros(n_arms), key)
    )
    regret = horizon * probs.max() - counts @ probs
    return regret


keys = jrandom.split(key, 4)
cs = jnp.array([0.5, 2.0])
regrets = jax.jit(jax.vmap(jax.vmap(ucb_episode, (0, None)), (None, 0)))(keys, cs)
summary = {f"c={c:.1f}": row.mean().item() for c, row in zip(cs.tolist(), regrets)}
print(summary, regrets[newaxis].shape)
