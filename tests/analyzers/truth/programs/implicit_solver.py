"""Fixed points and roots with implicit derivatives: custom_vjp, custom_jvp and custom_root."""
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def fixed_point(f, a, x_guess):
    def cond_fun(carry):
        x_prev, x = carry
        return jnp.abs(x_prev - x).max() > 1e-5

    def body_fun(carry):
        _, x = carry
        return x, f(a, x)

    _, x_star = lax.while_loop(cond_fun, body_fun, (x_guess, f(a, x_guess)))
    return x_star


def fixed_point_fwd(f, a, x_init):
    x_star = fixed_point(f, a, x_init)
    return x_star, (a, x_star)


def fixed_point_rev(f, res, x_star_bar):
    a, x_star = res
    _, vjp_a = jax.vjp(lambda a: f(a, x_star), a)

    def rev_iter(packed, u):
        a, x_star, x_star_bar = packed
        _, vjp_x = jax.vjp(lambda x: f(a, x), x_star)
        return x_star_bar + vjp_x(u)[0]

    packed = (a, x_star, x_star_bar)
    u = fixed_point(rev_iter, packed, x_star_bar)
    (a_bar,) = vjp_a(u)
    return a_bar, jnp.zeros_like(x_star)


fixed_point.defvjp(fixed_point_fwd, fixed_point_rev)


def newton_sqrt(a):
    def update(a, x):
        return 0.5 * (x + a / x)

    return fixed_point(update, a, a)


@jax.custom_jvp
def safe_log(x):
    return jnp.where(x > 0, jnp.log(x), -jnp.inf)


@safe_log.defjvp
def safe_log_jvp(primals, tangents):
    (x,) = primals
    (x_dot,) = tangents
    y = safe_log(x)
    slope = jnp.where(x > 0, 1.0 / x, 0.0)
    return y, slope * x_dot


def cube_root(a):
    def f(x):
        return x ** 3 - a

    def solve(f, x0):
        def body(_, x):
            value, slope = jax.value_and_grad(f)(x)
            return x - value / slope

        return lax.fori_loop(0, 20, body, x0)

    def tangent_solve(g, y):
        return y / g(1.0)

    return lax.custom_root(f, jnp.ones_like(a), solve, tangent_solve)


@jax.custom_vjp
def clip_gradient(x, lo, hi):
    return x


def clip_gradient_fwd(x, lo, hi):
    return x, (lo, hi)


def clip_gradient_bwd(res, g):
    lo, hi = res
    clipped = jnp.clip(g, lo, hi)
    return clipped, None, None


clip_gradient.defvjp(clip_gradient_fwd, clip_gradient_bwd)


def equilibrium_layer(w, x):
    def cell(params, z):
        w, x = params
        return jnp.tanh(w @ z + x)

    return fixed_point(cell, (w, x), jnp.zeros_like(x))


def objective(w, x):
    z = equilibrium_layer(w, x)
    total = jnp.sum(z ** 2)
    return clip_gradient(total, -0.1, 0.1)


print(newton_sqrt(2.0), jax.grad(newton_sqrt)(2.0), jax.grad(jax.grad(newton_sqrt))(2.0))
print(jax.grad(safe_log)(3.0), jax.jvp(safe_log, (-1.0,), (1.0,)))
print(cube_root(27.0), jax.grad(cube_root)(27.0), jax.jit(jax.grad(cube_root))(8.0))
w = 0.3 * jax.random.normal(jax.random.key(0), (3, 3))
x = jnp.array([0.1, 0.2, -0.3])
value, (dw, dx) = jax.value_and_grad(objective, argnums=(0, 1))(w, x)
print(value, dw.shape, dx)
