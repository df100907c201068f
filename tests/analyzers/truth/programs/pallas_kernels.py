"""Pallas kernels in interpret mode: add, matmul with a grid, softmax by rows."""
import functools

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl


def add_kernel(x_ref, y_ref, o_ref):
    x, y = x_ref[...], y_ref[...]
    o_ref[...] = x + y


@jax.jit
def add_vectors(x: jax.Array, y: jax.Array) -> jax.Array:
    shape = jax.ShapeDtypeStruct(x.shape, x.dtype)
    return pl.pallas_call(add_kernel, out_shape=shape, interpret=True)(x, y)


def matmul_kernel(x_ref, y_ref, z_ref, *, activation):
    acc = x_ref[...] @ y_ref[...]
    z_ref[...] = activation(acc)


def matmul(x, y, *, block=4, activation=lambda z: z):
    m, k = x.shape
    _, n = y.shape
    grid = (m // block, n // block)
    return pl.pallas_call(
        functools.partial(matmul_kernel, activation=activation),
        out_shape=jax.ShapeDtypeStruct((m, n), x.dtype),
        grid=grid,
        in_specs=[
            pl.BlockSpec((block, k), lambda i, j: (i, 0)),
            pl.BlockSpec((k, block), lambda i, j: (0, j)),
        ],
        out_specs=pl.BlockSpec((block, block), lambda i, j: (i, j)),
        interpret=True,
    )(x, y)


def softmax_kernel(x_ref, o_ref):
    row = x_ref[...]
    row = row - jnp.max(row, axis=-1, keepdims=True)
    weights = jnp.exp(row)
    o_ref[...] = weights / jnp.sum(weights, axis=-1, keepdims=True)


def rowwise_softmax(x):
    spec = pl.BlockSpec((1, x.shape[1]), lambda i: (i, 0))
    call = pl.pallas_call(
        softmax_kernel,
        out_shape=jax.ShapeDtypeStruct(x.shape, x.dtype),
        grid=(x.shape[0],),
        in_specs=[spec],
        out_specs=spec,
        interpret=True,
    )
    return call(x)


def iota_kernel(o_ref):
    i = pl.program_id(0)
    o_ref[i] = i


def iota(n):
    shape = jax.ShapeDtypeStruct((n,), jnp.int32)
    return pl.pallas_call(iota_kernel, out_shape=shape, grid=(n,), interpret=True)()


k1, k2 = jax.random.split(jax.random.key(0))
a, b = jax.random.normal(k1, (8, 8)), jax.random.normal(k2, (8, 8))
print(add_vectors(a, b)[0, :2])
fused = jax.jit(functools.partial(matmul, activation=jax.nn.relu))(a, b)
print(fused.shape, bool((fused >= 0).all()))
print(rowwise_softmax(a).sum(axis=1), iota(4))
