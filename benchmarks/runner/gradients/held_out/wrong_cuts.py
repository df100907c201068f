"""Gradients that are cut off by mistake."""

from __future__ import annotations

from benchmarks.runner.gradients.case import Case

CASES: list[Case] = [
    # --- stop_gradient ----------------------------------------------------------------------------
    Case(
        name="attention_detached_logits",
        kind="stop_gradient: whole logits instead of their maximum",
        source="""import jax
import jax.numpy as jnp


def softmax(z):
    z = jax.lax.stop_gradient(z - z.max(axis=-1, keepdims=True))
    e = jnp.exp(z)
    return e / e.sum(axis=-1, keepdims=True)


def f(params, x):
    q, k, v = (x @ params[n] for n in ("q", "k", "v"))
    weights = softmax(q @ k.T / jnp.sqrt(q.shape[-1]))
    y = x + weights @ v @ params["o"]
    return jnp.mean(y**2)
""",
        inputs="params: {q: f32[8, 8], k: f32[8, 8], v: f32[8, 8], o: f32[8, 8]}, x: f32[10, 8]",
        wrong=True,
        culprit="z = jax.lax.stop_gradient(z - z.max(axis=-1, keepdims=True))",
    ),
    Case(
        name="batch_norm_detached_statistics",
        kind="stop_gradient: batch statistics detached",
        source="""import jax
import jax.numpy as jnp


def batch_norm(x, scale, bias, eps=1e-5):
    mean = x.mean(0)
    var = x.var(0)
    mean, var = jax.tree.map(jax.lax.stop_gradient, (mean, var))
    return (x - mean) / jnp.sqrt(var + eps) * scale + bias


def f(params, x, y):
    h = x @ params["w0"]
    h = jax.nn.relu(batch_norm(h, params["scale"], params["bias"]))
    pred = h @ params["w1"]
    return jnp.mean((pred[:, 0] - y) ** 2)
""",
        inputs="params: {w0: f32[5, 16], scale: f32[16], bias: f32[16], w1: f32[16, 1]}, x: f32[20, 5], y: f32[20]",
        wrong=True,
        culprit="mean, var = jax.tree.map(jax.lax.stop_gradient, (mean, var))",
    ),
    Case(
        name="td_wrong_side",
        kind="stop_gradient: prediction detached, not the target",
        source="""import jax
import jax.numpy as jnp


def q_values(params, obs):
    return jnp.tanh(obs @ params["w1"] + params["b1"]) @ params["w2"]


def f(params, obs, action, reward, next_obs):
    q = jnp.take_along_axis(q_values(params, obs), action[:, None], axis=-1)[:, 0]
    target = reward + 0.99 * q_values(params, next_obs).max(-1)
    td_error = target - jax.lax.stop_gradient(q)
    return 0.5 * jnp.mean(td_error**2)
""",
        inputs="params: {w1: f32[4, 8], b1: f32[8], w2: f32[8, 3]}, obs: f32[16, 4], action: i32[16] in [0, 2], reward: f32[16], next_obs: f32[16, 4]",
        wrong=True,
        culprit="td_error = target - jax.lax.stop_gradient(q)",
    ),
    Case(
        name="rnn_detached_carry",
        kind="stop_gradient: scan carry detached",
        source="""import jax
import jax.numpy as jnp
from jax import lax


def f(params, xs):
    def step(h, x):
        z = jax.nn.sigmoid(x @ params["wz"] + h @ params["uz"])
        cand = jnp.tanh(x @ params["wh"] + h @ params["uh"])
        h = (1 - z) * h + z * cand
        return lax.stop_gradient(h), h

    h0 = jnp.zeros(params["uh"].shape[0], xs.dtype)
    _, hs = lax.scan(step, h0, xs)
    return jnp.mean(hs[-1] ** 2)
""",
        inputs="params: {wz: f32[3, 6], uz: f32[6, 6], wh: f32[3, 6], uh: f32[6, 6]}, xs: f32[10, 3]",
        wrong=True,
        culprit="return lax.stop_gradient(h), h",
    ),
    Case(
        name="heteroscedastic_detached_precision",
        kind="stop_gradient: part of an optax loss detached",
        source="""import jax
import jax.numpy as jnp
import optax


def f(params, x, y):
    h = jax.nn.silu(x @ params["body"])
    mean, log_var = jnp.split(h @ params["head"], 2, axis=-1)
    precision = jax.lax.stop_gradient(jnp.exp(-log_var))
    nll = precision * optax.l2_loss(mean, y) + 0.5 * log_var
    return nll.mean()
""",
        inputs="params: {body: f32[4, 8], head: f32[8, 2]}, x: f32[20, 4], y: f32[20, 1]",
        wrong=True,
        culprit="precision = jax.lax.stop_gradient(jnp.exp(-log_var))",
    ),
    Case(
        name="linen_detached_norm",
        kind="stop_gradient: inside a flax module",
        source="""import flax.linen as nn
import jax
import jax.numpy as jnp


class Encoder(nn.Module):
    width: int = 8

    @nn.compact
    def __call__(self, x):
        h = nn.Dense(self.width)(x)
        h = nn.LayerNorm()(jax.lax.stop_gradient(h))
        h = nn.gelu(h)
        return nn.Dense(1)(h)


def f(variables, x, y):
    pred = Encoder().apply(variables, x)
    return jnp.mean(jnp.abs(pred[:, 0] - y))
""",
        inputs="variables = Encoder().init(jax.random.key(1), jnp.ones((1, 5))), x: f32[12, 5], y: f32[12]",
        wrong=True,
        culprit="h = nn.LayerNorm()(jax.lax.stop_gradient(h))",
    ),
    # --- integers, rounding, comparisons -----------------------------------------------------------
    Case(
        name="warp_nearest",
        kind="integer cast: sampling positions truncated",
        source='''import jax
import jax.numpy as jnp


def warp(image, flow):
    h, w = image.shape
    yy, xx = jnp.meshgrid(jnp.arange(h), jnp.arange(w), indexing="ij")
    coords = jnp.stack([yy, xx], -1) + flow
    idx = coords.astype(jnp.int32)
    idx = jnp.clip(idx, 0, jnp.array([h - 1, w - 1]))
    return image[idx[..., 0], idx[..., 1]]


def f(flow, moving, fixed):
    """Registration loss of a displacement field."""
    return jnp.mean((warp(moving, flow) - fixed) ** 2)
''',
        inputs="flow: f32[9, 9, 2], moving: f32[9, 9], fixed: f32[9, 9]",
        wrong=True,
        culprit="idx = coords.astype(jnp.int32)",
    ),
    Case(
        name="fake_quant_round",
        kind="round: quantised weights",
        source="""import jax
import jax.numpy as jnp


def fake_quant(w, bits=4):
    levels = 2 ** (bits - 1) - 1
    step = 0.5
    q = jnp.round(w / step)
    return jnp.clip(q, -levels, levels) * step


def f(params, x):
    h = jax.nn.relu(x @ fake_quant(params["w0"]) + params["b0"])
    return jnp.mean(h @ fake_quant(params["w1"]) + params["b1"])
""",
        inputs="params: {w0: f32[6, 8], b0: f32[8], w1: f32[8, 1], b1: f32[1]}, x: f32[10, 6]",
        wrong=True,
        culprit="q = jnp.round(w / step)",
    ),
    Case(
        name="vq_nearest_code",
        kind="argmin: encoder gets no gradient",
        source="""import jax
import jax.numpy as jnp


def quantize(z, codebook):
    d2 = jnp.sum((z[:, None, :] - codebook[None]) ** 2, axis=-1)
    nearest = jnp.argmin(d2, axis=1)
    return codebook[nearest]


def f(params, x):
    z = jnp.tanh(x @ params["enc"])
    zq = quantize(z, params["codebook"])
    recon = zq @ params["dec"]
    return jnp.mean((recon - x) ** 2)
""",
        inputs="params: {enc: f32[6, 3], codebook: f32[5, 3], dec: f32[3, 6]}, x: f32[14, 6]",
        wrong=True,
        culprit="nearest = jnp.argmin(d2, axis=1)",
    ),
    Case(
        name="router_argmax",
        kind="argmax: router of a mixture of experts is dead",
        source="""import jax
import jax.numpy as jnp


def f(params, x):
    scores = jax.nn.softmax(x @ params["router"])
    expert = jnp.argmax(scores, axis=-1)
    outs = jnp.einsum("bd,edk->ebk", x, params["experts"])
    picked = jnp.take_along_axis(outs, expert[None, :, None], axis=0)[0]
    return jnp.mean(jax.nn.gelu(picked) ** 2)
""",
        inputs="params: {router: f32[5, 4], experts: f32[4, 5, 3]}, x: f32[9, 5]",
        wrong=True,
        culprit="expert = jnp.argmax(scores, axis=-1)",
    ),
    Case(
        name="learned_threshold",
        kind="comparison: threshold is dead",
        source="""import jax
import jax.numpy as jnp


def f(params, signal, weight):
    energy = jnp.convolve(signal**2, jnp.full(3, 1 / 3), mode="same")
    gate = (energy > params["threshold"]).astype(signal.dtype)
    kept = gate * signal * params["gain"]
    return jnp.sum(weight * kept**2)
""",
        inputs="params = dict(threshold=jnp.float32(0.8), gain=jnp.float32(1.3)), signal: f32[50], weight: f32[50]",
        wrong=True,
        culprit='gate = (energy > params["threshold"]).astype(signal.dtype)',
    ),
    Case(
        name="phase_floor",
        kind="floor: period is dead",
        source='''import jax.numpy as jnp


def f(period, table, t):
    """Looks up a periodic table of amplitudes, one slot for each period."""
    cycle = jnp.floor(t / jnp.exp(period))
    slot = jnp.mod(cycle, table.shape[0]).astype(int)
    amplitude = jnp.take(table, slot)
    return jnp.sum(amplitude * jnp.exp(-0.1 * t))
''',
        inputs="period: f32[], table: f32[6], t = jnp.linspace(0.05, 9.0, 31)",
        wrong=True,
        culprit="cycle = jnp.floor(t / jnp.exp(period))",
    ),
    Case(
        name="sign_activation",
        kind="sign: binarised activations",
        source="""import jax
import jax.numpy as jnp


def f(layers, x):
    h = x
    for i, (w, b) in enumerate(layers):
        h = h @ w + b
        if i < len(layers) - 1:
            h = jnp.sign(h)
    return jnp.mean(jax.nn.log_softmax(h)[:, 0])
""",
        inputs="layers: [(f32[6, 10], f32[10]), (f32[10, 3], f32[3])], x: f32[8, 6]",
        wrong=True,
        culprit="h = jnp.sign(h)",
    ),
    Case(
        name="spearman_ranks",
        kind="argsort: ranks instead of scores",
        source='''import jax
import jax.numpy as jnp


def ranks(scores):
    order = jnp.argsort(scores)
    return jnp.argsort(order).astype(jnp.float32)


def f(w, features, relevance):
    """Spearman correlation as a ranking loss."""
    r = ranks(features @ w)
    t = ranks(relevance)
    r = (r - r.mean()) / r.std()
    t = (t - t.mean()) / t.std()
    return -jnp.mean(r * t)
''',
        inputs="w: f32[5], features: f32[30, 5], relevance = jnp.linspace(0.0, 1.0, 30)",
        wrong=True,
        culprit="order = jnp.argsort(scores)",
    ),
    # --- dead parameters ----------------------------------------------------------------------------
    Case(
        name="gain_replaced",
        kind="dead parameter: replaced by a constant of its shape",
        source="""import jax
import jax.numpy as jnp


def normalise(x, p):
    gain = jnp.ones_like(p["gain"])
    centred = x - x.mean(-1, keepdims=True)
    return gain * centred * jax.lax.rsqrt(jnp.mean(centred**2, -1, keepdims=True) + 1e-6) + p["shift"]


def f(params, x):
    h = normalise(x @ params["w"], params["norm"])
    return jnp.sum(jax.nn.softplus(h), axis=-1)
""",
        inputs="params: {w: f32[4, 8], norm: {gain: f32[8], shift: f32[8]}}, x: f32[6, 4]",
        wrong=True,
        culprit='gain = jnp.ones_like(p["gain"])',
    ),
    Case(
        name="at_set_result_dropped",
        kind="dead parameter: result of .at[].set not kept",
        source="""import jax.numpy as jnp


def f(stiffness, coupling, u):
    n = u.shape[0]
    k = jnp.zeros((n, n), u.dtype)
    i = jnp.arange(n)
    k = k.at[i, i].set(2.0 + stiffness**2)
    k.at[i[:-1], i[1:]].add(-coupling)
    k = k.at[i[1:], i[:-1]].set(k[i[:-1], i[1:]])
    return 0.5 * u @ k @ u
""",
        inputs="stiffness: f32[8], coupling: f32[7], u: f32[8]",
        wrong=True,
        culprit="k.at[i[:-1], i[1:]].add(-coupling)",
    ),
]
