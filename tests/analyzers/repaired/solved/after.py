"""Fits a ridge regression with JAXopt, and tunes its penalty by the derivative of the solution."""

import jax
import jax.numpy as jnp
import jaxopt  # jaxsight: ignore[jaxopt-unmaintained] pinned until its solvers are replaced


def objective(params, penalty, x, y):
    residual = x @ params["w"] + params["b"] - y
    return jnp.mean(residual**2) + penalty * jnp.sum(params["w"] ** 2)


def with_outlier(y):
    y = y.at[0].set(20.0)
    return y


def data(key):
    key, subkey = jax.random.split(key)
    x = jax.random.normal(subkey, (48, 3))
    noise = jax.random.normal(key, (48,))
    return x, with_outlier(x @ jnp.array([1.0, -2.0, 0.5]) + 0.1 * noise)


solver = jaxopt.LBFGS(fun=objective, maxiter=50)
start = {"w": jnp.zeros(3), "b": jnp.zeros(())}
x, y = data(jax.random.key(0))


@jax.jit
def validation(penalty):
    params = solver.run(start, penalty, x[:32], y[:32]).params
    return objective(params, 0.0, x[32:], y[32:])


slope = jax.grad(validation)(1.0)
params = solver.run(start, 1.0, x, y).params
result = (float(slope) != 0.0, params["w"].shape)
expected = (True, (3,))
