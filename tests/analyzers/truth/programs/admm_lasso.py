"""ADMM for the lasso with residual-based stopping; the soft threshold is a jitted lambda."""
import typing as tp

import jax
import jax.numpy as jnp
import numpy as np


class ADMMState(tp.NamedTuple):
    x: jax.Array
    z: jax.Array
    u: jax.Array
    primal: jax.Array
    dual: jax.Array
    k: int


soft = jax.jit(lambda v, t: jnp.sign(v) * jnp.maximum(jnp.abs(v) - t, 0.0))


def prepare(A, b, rho):
    gram = A.T @ A + rho * jnp.eye(A.shape[1])
    return jax.scipy.linalg.cho_factor(gram), A.T @ b


def make_solver(A, b, lam, rho=1.0, tol=1e-3, max_iter=50):
    factor, Atb = prepare(A, b, rho)

    def step(s: ADMMState) -> ADMMState:
        x = jax.scipy.linalg.cho_solve(factor, Atb + rho * (s.z - s.u))
        z = soft(x + s.u, lam / rho)
        u = s.u + x - z
        primal = jnp.linalg.norm(x - z)
        dual = rho * jnp.linalg.norm(z - s.z)
        return ADMMState(x, z, u, primal, dual, s.k + 1)

    def running(s: ADMMState):
        return jnp.logical_and(jnp.maximum(s.primal, s.dual) > tol, s.k < max_iter)

    @jax.jit
    def solve():
        n = A.shape[1]
        zero = jnp.zeros(n)
        start = ADMMState(zero, zero, zero, jnp.inf, jnp.inf, 0)
        return jax.lax.while_loop(running, step, start)

    return solve


def path(A, b, lams):
    results = {}
    for lam in lams:
        solve = make_solver(A, b, lam)
        out = solve()
        support = np.flatnonzero(np.asarray(out.z))
        results[lam] = (int(out.k), support.tolist())
    return results


def objective(x, A, b, lam):
    residual = A @ x - b
    return 0.5 * residual @ residual + lam * jnp.abs(x).sum()


rng = np.random.default_rng(0)
A = jnp.asarray(rng.standard_normal((20, 6)), dtype=jnp.float32)
x_true = jnp.array([1.0, 0.0, -2.0, 0.0, 0.0, 0.5])
b = A @ x_true
for lam, (iterations, support) in path(A, b, [0.1, 5.0]).items():
    print(lam, iterations, support)
print(jax.vmap(objective, in_axes=(None, None, None, 0))(x_true, A, b, jnp.array([0.1, 1.0])))
