"""NNX transformations: vmap over module creation, scan over layers, split/merge with plain jax.jit."""
from functools import partial

import jax
import jax.numpy as jnp
import optax
from flax import nnx


class Block(nnx.Module):
    def __init__(self, dim: int, rngs: nnx.Rngs):
        self.linear = nnx.Linear(dim, dim, rngs=rngs)
        self.dropout = nnx.Dropout(0.2, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        h = self.linear(x)
        h = jax.nn.gelu(h)
        return x + self.dropout(h)


class Deep(nnx.Module):
    def __init__(self, dim: int, depth: int, rngs: nnx.Rngs):
        self.dim = dim

        @nnx.split_rngs(splits=depth)
        @nnx.vmap(in_axes=(0,), out_axes=0)
        def create(rngs):
            return Block(dim, rngs)

        self.blocks = create(rngs)
        self.out = nnx.Linear(dim, 1, rngs=rngs)

    def __call__(self, x):
        @nnx.scan(in_axes=(nnx.Carry, 0), out_axes=nnx.Carry)
        def forward(x, block):
            return block(x)

        x = forward(x, self.blocks)
        return self.out(x)


class Counter(nnx.Variable):
    pass


class Tracked(nnx.Module):
    def __init__(self, inner):
        self.inner = inner
        self.calls = Counter(jnp.array(0))

    def __call__(self, x):
        self.calls[...] = self.calls[...] + 1
        y = self.inner(x)
        return y


def mse(model, x, y):
    pred = model(x)[:, 0]
    return jnp.mean((pred - y) ** 2)


model = Tracked(Deep(4, 2, nnx.Rngs(0, dropout=1)))
tx = optax.adam(1e-3)
graphdef, params, rest = nnx.split(model, nnx.Param, ...)
opt_state = tx.init(params)


@partial(jax.jit, donate_argnums=(1,))
def pure_step(params, opt_state, rest, x, y):
    def loss_fn(params):
        model = nnx.merge(graphdef, params, rest, copy=True)
        loss = mse(model, x, y)
        _, _, new_rest = nnx.split(model, nnx.Param, ...)
        return loss, new_rest

    (loss, rest), grads = jax.value_and_grad(loss_fn, has_aux=True)(params)
    updates, opt_state = tx.update(grads, opt_state, params)
    params = optax.apply_updates(params, updates)
    return params, opt_state, rest, loss


@nnx.jit
def nnx_step(model, x, y):
    loss, grads = nnx.value_and_grad(mse)(model, x, y)
    state = nnx.state(model, nnx.Param)
    new = jax.tree.map(lambda p, g: p - 0.01 * g, state, grads)
    nnx.update(model, new)
    return loss


x = jax.random.normal(jax.random.key(1), (6, 4))
y = x.sum(-1)
for _ in range(2):
    params, opt_state, rest, loss = pure_step(params, opt_state, rest, x, y)
    print(loss)
model = nnx.merge(graphdef, params, rest, copy=True)
print(nnx_step(model, x, y), model.calls[...])
