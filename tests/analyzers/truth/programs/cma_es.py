"""A small CMA-ES in the functional style; the state is a plain dict, hyperparameters are static."""
import math
from types import SimpleNamespace

import jax
import jax.numpy as jnp


def hyperparameters(n, popsize):
    mu = popsize // 2
    raw = [math.log(mu + 0.5) - math.log(i + 1) for i in range(mu)]
    total = sum(raw)
    weights = [r / total for r in raw]
    mueff = 1.0 / sum(w * w for w in weights)
    c_sigma = (mueff + 2) / (n + mueff + 5)
    return SimpleNamespace(
        n=n,
        popsize=popsize,
        mu=mu,
        weights=jnp.array(weights),
        c_sigma=c_sigma,
        d_sigma=1 + c_sigma + 2 * max(0, math.sqrt((mueff - 1) / (n + 1)) - 1),
        c_c=(4 + mueff / n) / (n + 4 + 2 * mueff / n),
        c_1=2 / ((n + 1.3) ** 2 + mueff),
        mueff=mueff,
        chi_n=math.sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n)),
    )


def rosenbrock(x):
    return jnp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def init(n):
    return dict(mean=jnp.zeros(n), sigma=0.5, C=jnp.eye(n), p_sigma=jnp.zeros(n), p_c=jnp.zeros(n))


def make_generation(objective, hp):
    evaluate = jax.vmap(objective)

    def sample(key, state):
        eigenvalues, B = jnp.linalg.eigh(state["C"])
        D = jnp.sqrt(jnp.maximum(eigenvalues, 1e-12))
        z = jax.random.normal(key, (hp.popsize, hp.n))
        y = z * D @ B.T
        return state["mean"] + state["sigma"] * y, y, (B, D)

    def generation(state, key):
        x, y, (B, D) = sample(key, state)
        scores = evaluate(x)
        order = jnp.argsort(scores)[: hp.mu]
        y_w = hp.weights @ y[order]
        mean = state["mean"] + state["sigma"] * y_w
        inv_sqrt = B @ jnp.diag(1.0 / D) @ B.T
        p_sigma = (1 - hp.c_sigma) * state["p_sigma"] + math.sqrt(
            hp.c_sigma * (2 - hp.c_sigma) * hp.mueff
        ) * inv_sqrt @ y_w
        norm = jnp.linalg.norm(p_sigma)
        sigma = state["sigma"] * jnp.exp(hp.c_sigma / hp.d_sigma * (norm / hp.chi_n - 1))
        p_c = (1 - hp.c_c) * state["p_c"] + math.sqrt(hp.c_c * (2 - hp.c_c) * hp.mueff) * y_w
        C = (1 - hp.c_1) * state["C"] + hp.c_1 * jnp.outer(p_c, p_c)
        new_state = {"mean": mean, "sigma": sigma, "C": C, "p_sigma": p_sigma, "p_c": p_c}
        return new_state, scores.min()

    return generation


hp = hyperparameters(3, 6)
generation = make_generation(rosenbrock, hp)
keys = jax.random.split(jax.random.key(0), 4)
state, best = jax.jit(lambda s, ks: jax.lax.scan(generation, s, ks))(init(3), keys)
print(best, state["sigma"])
