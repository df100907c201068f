"""The heat equation with finite differences, boundary conditions chosen by a static argument."""
import functools
import jax
from jax import numpy as np


def laplacian(u, dx, boundary):
    if boundary == "periodic":
        left, right = np.roll(u, 1), np.roll(u, -1)
    elif boundary == "dirichlet":
        padded = np.pad(u, 1)
        left, right = padded[:-2], padded[2:]
    else:
        padded = np.pad(u, 1, mode="edge")
        left, right = padded[:-2], padded[2:]
    return (left - 2 * u + right) / dx ** 2


@functools.partial(jax.jit, static_argnames=["n_steps", "boundary", "save_every"])
def simulate(u0, nu, dx, dt, n_steps, boundary="periodic", save_every=5):
    def one(u, _):
        return u + dt * nu * laplacian(u, dx, boundary), None

    def outer(u, _):
        u, _ = jax.lax.scan(one, u, None, length=save_every)
        return u, u

    final, history = jax.lax.scan(outer, u0, None, length=n_steps // save_every)
    return final, history


def energy(u, dx):
    return 0.5 * np.sum(u ** 2) * dx


def mismatch(nu, u0, observed, dx, dt):
    final, _ = simulate(u0, nu, dx, dt, n_steps=10)
    diff = final - observed
    return energy(diff, dx)


n = 32
dx = 1.0 / n
dt = 0.2 * dx ** 2
x = np.arange(n) * dx
u0 = np.exp(-100 * (x - 0.5) ** 2)
truth, history = simulate(u0, 0.7, dx, dt, 10)
for kind in ("dirichlet", "neumann"):
    u, _ = simulate(u0, 0.7, dx, dt, 10, boundary=kind)
    print(kind, energy(u, dx))
nu = 0.5
for i in range(2):
    value, slope = jax.value_and_grad(mismatch)(nu, u0, truth, dx, dt)
    curvature = jax.hessian(mismatch)(nu, u0, truth, dx, dt)
    nu = nu - slope / curvature
    print(i, value, nu)
