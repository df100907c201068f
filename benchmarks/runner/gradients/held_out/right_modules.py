"""Normalisations, modules and gradients written by hand that are right."""

from __future__ import annotations

from benchmarks.runner.gradients.case import Case

CASES: list[Case] = [
    # --- normalisations and modules ---------------------------------------------------------------------------------
    Case(
        name="batch_norm_training",
        kind="batch norm: statistics of the batch",
        source="""import jax
import jax.numpy as jnp


def f(params, x, y):
    h = x @ params["w0"]
    mean, var = h.mean(0), h.var(0)
    h = (h - mean) * jax.lax.rsqrt(var + 1e-5) * params["scale"] + params["bias"]
    logits = jax.nn.relu(h) @ params["w1"]
    return jnp.mean(jax.nn.softplus(-y * logits[:, 0]))
""",
        inputs="params: {w0: f32[5, 16], scale: f32[16], bias: f32[16], w1: f32[16, 1]}, x: f32[20, 5], y: f32[20]",
        wrong=False,
        culprit="",
    ),
    Case(
        name="weight_norm",
        kind="normalisation: weight norm and cosine similarity",
        source="""import jax
import jax.numpy as jnp
import optax


def f(params, x, target):
    v = params["v"]
    w = params["g"] * v / jnp.linalg.norm(v, axis=0)
    h = jax.nn.tanh(x @ w)
    return jnp.mean(1 - optax.cosine_similarity(h, target, epsilon=1e-8))
""",
        inputs="params: {v: f32[5, 7], g: f32[7]}, x: f32[6, 5], target: f32[6, 7]",
        wrong=False,
        culprit="",
    ),
    Case(
        name="equinox_mlp",
        kind="equinox module with an activation function among its leaves",
        source="""import equinox as eqx
import jax
import jax.numpy as jnp


class Regressor(eqx.Module):
    body: eqx.nn.MLP
    norm: eqx.nn.LayerNorm
    log_sigma: jax.Array

    def __init__(self, key):
        self.body = eqx.nn.MLP(4, 4, width_size=8, depth=2, activation=jax.nn.softplus, key=key)
        self.norm = eqx.nn.LayerNorm(4)
        self.log_sigma = jnp.full(4, 0.1)

    def __call__(self, x):
        return x + self.norm(self.body(x))


def f(model, x, y):
    pred = jax.vmap(model)(x)
    z = (pred - y) * jnp.exp(-model.log_sigma)
    return jnp.mean(0.5 * z**2 + model.log_sigma)
""",
        inputs="model = Regressor(jax.random.key(3)), x: f32[9, 4], y: f32[9, 4]",
        wrong=False,
        culprit="",
    ),
    Case(
        name="linen_conv_net",
        kind="flax module: convolutions, group norm, pooling",
        source="""import flax.linen as nn
import jax
import jax.numpy as jnp
import optax


class Net(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.Conv(4, (3, 3))(x)
        x = nn.silu(nn.GroupNorm(num_groups=2)(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        return nn.Dense(3)(x.reshape(x.shape[0], -1))


def f(variables, images, labels):
    logits = Net().apply(variables, images)
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
""",
        inputs="variables = Net().init(jax.random.key(0), jnp.ones((1, 6, 6, 2))), images: f32[3, 6, 6, 2], labels: i32[3] in [0, 2]",
        wrong=False,
        culprit="",
    ),
    Case(
        name="haiku_transform",
        kind="haiku module: transformed function",
        source="""import haiku as hk
import jax
import jax.numpy as jnp


def forward(x):
    h = hk.Linear(8)(x)
    h = hk.LayerNorm(axis=-1, create_scale=True, create_offset=True)(h)
    return hk.Linear(1)(jnp.tanh(h))


net = hk.without_apply_rng(hk.transform(forward))


def f(params, x, y):
    pred = net.apply(params, x)[:, 0]
    return jnp.mean(jnp.log(jnp.cosh(pred - y)))
""",
        inputs="params = net.init(jax.random.PRNGKey(0), jnp.ones((1, 5))), x: f32[8, 5], y: f32[8]",
        wrong=False,
        culprit="",
    ),
    # --- hand-written gradients ------------------------------------------------------------------------------------------
    Case(
        name="logistic_hand_gradient_right",
        kind="hand-written gradient: right",
        source='''import jax
import jax.numpy as jnp


def f(w, x, y):
    """Logistic loss with an L2 penalty, and its gradient."""
    margin = y * (x @ w)
    loss = jnp.mean(jnp.logaddexp(0.0, -margin)) + 0.05 * jnp.sum(w**2)
    weight = -y * jax.nn.sigmoid(-margin)
    grad = x.T @ weight / x.shape[0] + 0.1 * w
    return loss, grad
''',
        inputs="w: f32[5], x: f32[30, 5], y = jnp.where(jnp.arange(30) % 3 == 0, 1.0, -1.0)",
        wrong=False,
        culprit="",
    ),
]
