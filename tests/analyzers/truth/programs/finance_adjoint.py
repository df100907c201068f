"""Curve bootstrapping: Newton with jacfwd, sensitivities with jacrev, linearize and vjp."""
from math import ceil

import jax
import jax.numpy as jnp
from jax import jacfwd, jacrev, linearize, vjp


def discount(zero_rates, tenors, t):
    r = jnp.interp(t, tenors, zero_rates)
    return jnp.exp(-r * t)


def swap_value(zero_rates, tenors, rate, maturity, freq=2):
    n = ceil(maturity * freq)
    times = jnp.arange(1, n + 1) / freq
    dfs = discount(zero_rates, tenors, times)
    fixed = rate * dfs.sum() / freq
    floating = 1.0 - dfs[-1]
    return floating - fixed


def residuals(zero_rates, tenors, quotes, maturities):
    values = [swap_value(zero_rates, tenors, q, m) for q, m in zip(quotes, maturities)]
    return jnp.stack(values)


def newton(f, x, tol=1e-6, max_iter=8):
    jac = jax.jit(jacfwd(f))
    for i in range(max_iter):
        fx = f(x)
        if jnp.abs(fx).max() < tol:
            break
        x = x - jnp.linalg.solve(jac(x), fx)
    return x, i


def bootstrap(quotes, maturities):
    tenors = jnp.array(maturities, dtype=jnp.float32)

    def f(z):
        return residuals(z, tenors, quotes, maturities)

    rates, iterations = newton(f, jnp.full(len(maturities), 0.02))
    return tenors, rates, iterations


def portfolio(rates, tenors, trades):
    total = 0.0
    for notional, rate, maturity in trades:
        total = total + notional * swap_value(rates, tenors, rate, maturity)
    return total


maturities = [1, 2, 5]
quotes = jnp.array([0.01, 0.015, 0.02])
tenors, rates, iterations = bootstrap(quotes, maturities)
trades = [(100.0, 0.012, 2), (50.0, 0.03, 4)]
value, pullback = vjp(lambda r: portfolio(r, tenors, trades), rates)
(bucketed,) = pullback(jnp.ones_like(value))
full = jacrev(portfolio)(rates, tenors, trades)
value_again, tangent_map = linearize(lambda r: portfolio(r, tenors, trades), rates)
parallel = tangent_map(jnp.ones_like(rates))
hess = jax.hessian(portfolio)(rates, tenors, trades)
print(iterations, value, jnp.allclose(bucketed, full), parallel, hess.shape)
