"""A custom rule that is wrong, and a function that is right."""

import jax
import jax.numpy as jnp


@jax.custom_vjp
def cube(x):
    return x**3


def cube_forward(x):
    return cube(x), x


def cube_backward(x, cotangent):
    return (2.0 * x**2 * cotangent,)


cube.defvjp(cube_forward, cube_backward)


# jaxsight: inputs x: f32[8] in [1, 2]
@jax.jit
def wrong(x):
    return jnp.sum(cube(x))


# jaxsight: inputs params: {w: f32[8, 4], b: f32[4]}, x: f32[16, 8]
@jax.jit
def right(params, x):
    return jnp.mean(jnp.tanh(x @ params["w"] + params["b"]) ** 2)
