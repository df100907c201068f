"""Data parallel training with shard_map on however many devices there are, and shardings for jit."""
import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P

mesh = Mesh(np.array(jax.devices()[:1]), ("data",))


def model(params, x):
    return jnp.tanh(x @ params["w"]) @ params["v"]


def local_loss(params, x, y):
    error = model(params, x) - y
    return jnp.mean(error ** 2)


@jax.jit
@functools.partial(
    jax.shard_map, mesh=mesh, in_specs=(P(), P("data"), P("data")), out_specs=(P(), P())
)
def parallel_step(params, x, y):
    loss, grads = jax.value_and_grad(local_loss)(params, x, y)
    loss = jax.lax.pmean(loss, "data")
    grads = jax.tree.map(lambda g: jax.lax.pmean(g, "data"), grads)
    params = jax.tree.map(lambda p, g: p - 0.1 * g, params, grads)
    return params, loss


def all_to_all_sum(x):
    def inner(block):
        local = block.sum(axis=0, keepdims=True)
        total = jax.lax.psum(local, "data")
        index = jax.lax.axis_index("data")
        return total + index

    mapped = jax.shard_map(inner, mesh=mesh, in_specs=P("data"), out_specs=P("data"))
    return mapped(x)


replicated = NamedSharding(mesh, P())
split = NamedSharding(mesh, P("data", None))


@functools.partial(jax.jit, in_shardings=(replicated, split), out_shardings=split)
def infer(params, x):
    hidden = x @ params["w"]
    hidden = jax.lax.with_sharding_constraint(hidden, split)
    return jax.nn.relu(hidden)


def axis_norm(x):
    squared = jax.lax.psum(x ** 2, axis_name="batch")
    return x / jnp.sqrt(squared)


key_w, key_v, key_x = jax.random.split(jax.random.key(0), 3)
params = {"w": jax.random.normal(key_w, (4, 8)), "v": jax.random.normal(key_v, (8, 1))}
x = jax.device_put(jax.random.normal(key_x, (8, 4)), split)
y = x.sum(axis=1, keepdims=True)
with mesh:
    for _ in range(2):
        params, loss = parallel_step(params, x, y)
    print(loss, all_to_all_sum(x).shape, infer(params, x).shape)
print(jax.vmap(axis_norm, axis_name="batch")(x[:, 0]))
