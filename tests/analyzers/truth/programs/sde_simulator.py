"""Stochastic differential equations: Euler-Maruyama and Milstein, option prices and their Greeks."""
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import jax
import jax.numpy as jnp
from jax.random import key as make_key
from jax.random import normal, split


class SDE(Protocol):
    def drift(self, x, t): ...
    def diffusion(self, x, t): ...


@partial(jax.tree_util.register_dataclass, data_fields=["mu", "sigma"], meta_fields=[])
@dataclass(frozen=True)
class BlackScholes:
    mu: float
    sigma: float

    def drift(self, x, t):
        return self.mu * x

    def diffusion(self, x, t):
        return self.sigma * x


@partial(jax.tree_util.register_dataclass, data_fields=["theta", "mean", "sigma"], meta_fields=[])
@dataclass(frozen=True)
class Vasicek:
    theta: float
    mean: float
    sigma: float

    def drift(self, x, t):
        return self.theta * (self.mean - x)

    def diffusion(self, x, t):
        return self.sigma * jnp.ones_like(x)


def euler_step(sde, x, t, dt, dw):
    return x + sde.drift(x, t) * dt + sde.diffusion(x, t) * dw


def milstein_step(sde, x, t, dt, dw):
    def sigma(x):
        return sde.diffusion(x, t)

    b, db = jax.jvp(sigma, (x,), (jnp.ones_like(x),))
    return x + sde.drift(x, t) * dt + b * dw + 0.5 * b * db * (dw ** 2 - dt)


SCHEMES = {"euler": euler_step, "milstein": milstein_step}


@partial(jax.jit, static_argnames=("scheme", "n_steps"))
def solve_path(sde, key, x0, t1, n_steps=8, scheme="euler"):
    step = SCHEMES[scheme]
    dt = t1 / n_steps
    noise = normal(key, (n_steps,)) * jnp.sqrt(dt)
    times = jnp.arange(n_steps) * dt

    def body(x, inputs):
        t, dw = inputs
        x = step(sde, x, t, dt, dw)
        return x, x

    _, path = jax.lax.scan(body, x0, (times, noise))
    return path


def call_price(spot, sigma, strike, rate, maturity, keys):
    sde = BlackScholes(rate, sigma)
    paths = jax.vmap(lambda k: solve_path(sde, k, spot, maturity))(keys)
    payoff = jnp.maximum(paths[:, -1] - strike, 0.0)
    discount = jnp.exp(-rate * maturity)
    return discount * payoff.mean()


keys = split(make_key(0), 16)
price = call_price(1.0, 0.2, 1.0, 0.01, 1.0, keys)
delta, vega = jax.grad(call_price, argnums=(0, 1))(1.0, 0.2, 1.0, 0.01, 1.0, keys)
gamma = jax.jit(jax.grad(jax.grad(call_price)))(1.0, 0.2, 1.0, 0.01, 1.0, keys)
print(price, delta, vega, gamma)
rates = jax.vmap(partial(solve_path, Vasicek(1.0, 0.05, 0.01), scheme="milstein"), in_axes=(0, None, None))(keys, 0.03, 2.0)
print(rates.mean(), rates.std())
