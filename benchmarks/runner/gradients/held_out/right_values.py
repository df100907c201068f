"""Kinks, safe forms and scales: right, although naive checks shout at some."""

from __future__ import annotations

from benchmarks.runner.gradients.case import Case

CASES: list[Case] = [
    # --- kinks and ties -------------------------------------------------------------------------
    Case(
        name="relu_at_zero",
        kind="kink: relu of exact zeros",
        source='''import jax
import jax.numpy as jnp


def f(params, x):
    """Freshly initialised biases and padded rows put units exactly on the kink."""
    h = jax.nn.relu(x @ params["w0"] + params["b0"])
    h = jax.nn.relu(h @ params["w1"] + params["b1"])
    return jnp.mean(h)
''',
        inputs="params = dict(w0=jnp.ones((4, 6)) / 4, b0=jnp.zeros(6), w1=jnp.eye(6), b1=jnp.zeros(6)), x = jnp.concatenate([jnp.ones((3, 4)), jnp.zeros((2, 4))])",
        wrong=False,
        culprit="",
    ),
    Case(
        name="l1_at_zero_residual",
        kind="kink: abs at zero",
        source="""import jax.numpy as jnp


def f(w, x, y):
    residual = x @ w - y
    return jnp.mean(jnp.abs(residual)) + 0.01 * jnp.sum(jnp.abs(w))
""",
        inputs="w = jnp.array([0.0, 1.0, 0.0, -2.0]), x = jnp.arange(12.0).reshape(3, 4), y = jnp.array([-5.0, -9.0, 4.0])",
        wrong=False,
        culprit="",
    ),
    Case(
        name="max_pool_ties",
        kind="tie: max pooling over equal values",
        source="""import jax
import jax.numpy as jnp
from jax import lax


def f(kernel, image):
    y = lax.conv_general_dilated(image, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    y = jax.nn.relu(y)
    y = lax.reduce_window(y, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    return y.mean(axis=(1, 2))
""",
        inputs="kernel: f32[3, 3, 2, 4], image: f32[2, 8, 8, 2]",
        wrong=False,
        culprit="",
    ),
    Case(
        name="hinge_margin_exact",
        kind="kink: margin exactly one",
        source="""import jax.numpy as jnp


def f(w, b, x, y):
    margins = y * (x @ w + b)
    return 0.5 * w @ w + jnp.sum(jnp.maximum(0.0, 1.0 - margins))
""",
        inputs="w = jnp.array([1.0, 0.0]), b = jnp.float32(0.0), x = jnp.array([[1.0, 2.0], [-1.0, 0.5], [3.0, 1.0], [0.25, -1.0]]), y = jnp.array([1.0, -1.0, 1.0, -1.0])",
        wrong=False,
        culprit="",
    ),
    Case(
        name="triplet_inactive",
        kind="kink: max with many inactive terms",
        source="""import jax
import jax.numpy as jnp


def embed(w, x):
    z = jnp.tanh(x @ w)
    return z / jnp.sqrt(jnp.sum(z**2, -1, keepdims=True) + 1e-12)


def f(w, anchor, positive, negative):
    a, p, n = (embed(w, t) for t in (anchor, positive, negative))
    dp = jnp.sum((a - p) ** 2, -1)
    dn = jnp.sum((a - n) ** 2, -1)
    return jnp.mean(jnp.maximum(dp - dn + 0.2, 0.0))
""",
        inputs="w: f32[6, 4], anchor: f32[12, 6], positive: f32[12, 6], negative: f32[12, 6]",
        wrong=False,
        culprit="",
    ),
    Case(
        name="ppo_clipped",
        kind="clip: clipped policy objective",
        source="""import jax
import jax.numpy as jnp

CLIP = 0.2


def f(params, obs, action, old_logp, advantage):
    logits = jnp.tanh(obs @ params["w"]) @ params["v"]
    logp_all = jax.nn.log_softmax(logits)
    logp = jnp.take_along_axis(logp_all, action[:, None], -1)[:, 0]
    ratio = jnp.exp(logp - old_logp)
    surrogate = jnp.minimum(ratio * advantage, jnp.clip(ratio, 1 - CLIP, 1 + CLIP) * advantage)
    entropy = -jnp.sum(jnp.exp(logp_all) * logp_all, -1)
    return -jnp.mean(surrogate + 0.01 * entropy)
""",
        inputs="params: {w: f32[4, 8], v: f32[8, 3]}, obs: f32[20, 4], action: i32[20] in [0, 2], old_logp = jnp.full(20, -1.1), advantage: f32[20]",
        wrong=False,
        culprit="",
    ),
    Case(
        name="quantile_sorted",
        kind="sort: expected shortfall and median",
        source='''import jax.numpy as jnp


def f(scale, returns):
    """Expected shortfall of a portfolio: the mean of the worst tenth."""
    pnl = returns @ scale
    worst = jnp.sort(pnl)[: max(1, pnl.shape[0] // 10)]
    return -jnp.mean(worst) + 0.1 * jnp.median(pnl)
''',
        inputs="scale: f32[4], returns: f32[40, 4]",
        wrong=False,
        culprit="",
    ),
    # --- safe forms ------------------------------------------------------------------------------
    Case(
        name="double_where_distance",
        kind="safe where: pairwise distances",
        source="""import jax.numpy as jnp


def f(positions, charges):
    diff = positions[:, None, :] - positions[None, :, :]
    d2 = jnp.sum(diff**2, axis=-1)
    pair = ~jnp.eye(positions.shape[0], dtype=bool)
    dist = jnp.sqrt(jnp.where(pair, d2, 1.0))
    energy = jnp.where(pair, charges[:, None] * charges[None, :] / (dist + 0.1), 0.0)
    return 0.5 * energy.sum()
""",
        inputs="positions: f32[7, 3], charges: f32[7]",
        wrong=False,
        culprit="",
    ),
    Case(
        name="entropy_safe",
        kind="safe where: entropy with exact zeros",
        source="""import jax
import jax.numpy as jnp


def entropy(p):
    positive = p > 0
    logp = jnp.log(jnp.where(positive, p, 1.0))
    return -jnp.sum(jnp.where(positive, p * logp, 0.0), axis=-1)


def f(z, mask):
    p = jnp.where(mask, jax.nn.softmax(z, axis=-1), 0.0)
    p = p / p.sum(-1, keepdims=True)
    return entropy(p)
""",
        inputs="z: f32[3, 5], mask = jnp.array([[1, 1, 0, 1, 0], [1, 1, 1, 1, 1], [0, 0, 0, 1, 1]], bool)",
        wrong=False,
        culprit="",
    ),
    Case(
        name="masked_softmax_inf",
        kind="logsumexp: minus infinity in a causal mask",
        source="""import jax
import jax.numpy as jnp


def f(params, x):
    b, t, d = x.shape
    heads = 2
    qkv = (x @ params["qkv"]).reshape(b, t, 3, heads, d // heads)
    q, k, v = jnp.moveaxis(qkv, 2, 0)
    scores = jnp.einsum("bthd,bshd->bhts", q, k) / jnp.sqrt(d // heads)
    causal = jnp.tril(jnp.ones((t, t), dtype=bool))
    scores = jnp.where(causal, scores, -jnp.inf)
    y = jnp.einsum("bhts,bshd->bthd", jax.nn.softmax(scores, -1), v).reshape(b, t, d)
    return jnp.mean((x + y @ params["out"]) ** 2)
""",
        inputs="params: {qkv: f32[8, 24], out: f32[8, 8]}, x: f32[2, 6, 8]",
        wrong=False,
        culprit="",
    ),
    Case(
        name="attention_empty_row_masked_before",
        kind="NaN inside that reaches neither output nor gradient",
        source="""import jax
import jax.numpy as jnp


def f(q, k, v, mask):
    # the first row is all masked: its NaN is replaced after, and cut off before, the softmax
    scores = q @ k.T / q.shape[-1] ** 0.5
    weights = jax.nn.softmax(jnp.where(mask, scores, -jnp.inf), axis=-1)
    weights = jnp.where(mask.any(-1, keepdims=True), weights, 0.0)
    return weights @ v
""",
        inputs="q: f32[6, 4], k: f32[6, 4], v: f32[6, 4], mask = jnp.tril(jnp.ones((6, 6), bool), -1)",
        wrong=False,
        culprit="",
    ),
    Case(
        name="mask_huge_negative",
        kind="large numbers: -1e30 as a mask",
        source='''import jax
import jax.numpy as jnp

NEG = -1e30


def f(logits, lengths):
    """Log partition over the valid prefix of each row."""
    valid = jnp.arange(logits.shape[1])[None, :] < lengths[:, None]
    masked = logits + (1.0 - valid.astype(logits.dtype)) * NEG
    return jax.scipy.special.logsumexp(masked, axis=-1)
''',
        inputs="logits: f32[5, 9], lengths: i32[5] in [1, 9]",
        wrong=False,
        culprit="",
    ),
    Case(
        name="softmax_max_detached",
        kind="stop_gradient: harmless (maximum in a hand-written logsumexp)",
        source="""import jax
import jax.numpy as jnp


def logsumexp(x):
    m = jax.lax.stop_gradient(x.max(-1, keepdims=True))
    return jnp.log(jnp.exp(x - m).sum(-1)) + m[..., 0]


def f(w, x, target):
    logits = x @ w
    return jnp.mean(logsumexp(logits) - jnp.sum(logits * jax.nn.one_hot(target, w.shape[1]), -1))
""",
        inputs="w: f32[6, 5], x: f32[9, 6], target: i32[9] in [0, 4]",
        wrong=False,
        culprit="",
    ),
    Case(
        name="stop_gradient_on_constant_table",
        kind="stop_gradient: harmless (on what does not depend on a parameter)",
        source="""import jax
import jax.numpy as jnp


def positional(n, d):
    pos = jnp.arange(n, dtype=jnp.float32)[:, None]
    freq = jnp.exp(-jnp.arange(0, d, 2) * (jnp.log(100.0) / d))
    table = jnp.concatenate([jnp.sin(pos * freq), jnp.cos(pos * freq)], axis=-1)
    return jax.lax.stop_gradient(table)


def f(params, x):
    h = x + positional(*x.shape)
    return jnp.mean(jax.nn.gelu(h @ params["w"]) @ params["v"])
""",
        inputs="params: {w: f32[6, 10], v: f32[10]}, x: f32[8, 6]",
        wrong=False,
        culprit="",
    ),
    # --- scales and precision ---------------------------------------------------------------------
    Case(
        name="orbit_si_units",
        kind="large and small scales: SI units",
        source='''import jax
import jax.numpy as jnp

GM = 3.986e14  # m^3 / s^2


def f(pos, vel, dt):
    """Where a satellite is after ten leapfrog steps."""

    def acc(p):
        r2 = jnp.sum(p**2)
        return -(GM / r2) * (p / jnp.sqrt(r2))

    def step(state, _):
        p, v = state
        v = v + 0.5 * dt * acc(p)
        p = p + dt * v
        v = v + 0.5 * dt * acc(p)
        return (p, v), None

    (pos, vel), _ = jax.lax.scan(step, (pos, vel), None, length=10)
    return pos
''',
        inputs="pos = jnp.array([7.0e6, 1.0e5, -2.0e5]), vel = jnp.array([100.0, 7.5e3, 50.0]), dt = jnp.float32(20.0)",
        wrong=False,
        culprit="",
    ),
    Case(
        name="tiny_loss",
        kind="small scale: loss of 1e-12",
        source="""import jax.numpy as jnp

PLANCK = 1.0e-12


def f(amplitude, phase, t):
    wave = PLANCK * amplitude[:, None] * jnp.cos(t[None, :] + phase[:, None])
    return jnp.sum(wave, axis=0).mean()
""",
        inputs="amplitude: f32[4], phase: f32[4], t = jnp.linspace(0.0, 1.0, 7)",
        wrong=False,
        culprit="",
    ),
    Case(
        name="loss_with_offset",
        kind="large offset: loss near 1e6 with small changes",
        source="""import jax
import jax.numpy as jnp


def f(params, x):
    baseline = 1.0e6
    h = jax.nn.sigmoid(x @ params["w"])
    return baseline + jnp.mean(h @ params["v"])
""",
        inputs="params: {w: f32[5, 6], v: f32[6]}, x: f32[10, 5]",
        wrong=False,
        culprit="",
    ),
    Case(
        name="high_frequency",
        kind="high frequency: step of a naive check too long",
        source='''import jax.numpy as jnp


def f(params, coords):
    """First layers of a SIREN."""
    h = jnp.sin(300.0 * (coords @ params["w0"]) + params["b0"])
    h = jnp.sin(30.0 * (h @ params["w1"]) + params["b1"])
    return h @ params["w2"]
''',
        inputs="params: {w0: f32[2, 6], b0: f32[6], w1: f32[6, 6], b1: f32[6], w2: f32[6]}, coords: f32[5, 2]",
        wrong=False,
        culprit="",
    ),
    Case(
        name="softmax_large_logits",
        kind="large logits: log_softmax",
        source="""import jax
import jax.numpy as jnp


def f(w, x, label):
    logits = 2000.0 * (x @ w)
    logp = jax.nn.log_softmax(logits, axis=-1)
    return -jnp.mean(logp[jnp.arange(x.shape[0]), label])
""",
        inputs="w: f32[4, 3], x: f32[6, 4], label: i32[6] in [0, 2]",
        wrong=False,
        culprit="",
    ),
    Case(
        name="float32_inside",
        kind="float32 hard-coded inside",
        source="""import jax
import jax.numpy as jnp


def time_embedding(t, dim):
    half = dim // 2
    freqs = jnp.exp(-jnp.log(1000.0) * jnp.arange(half, dtype=jnp.float32) / half)
    args = t.astype(jnp.float32)[:, None] * freqs[None]
    return jnp.concatenate([jnp.cos(args), jnp.sin(args)], axis=-1)


def f(params, x, t):
    emb = jax.nn.silu(time_embedding(t, 8) @ params["time"].astype(jnp.float32))
    h = x.astype(jnp.float32) + emb
    return jnp.mean(jnp.square(h @ params["out"].astype(jnp.float32)))
""",
        inputs="params: {time: f32[8, 6], out: f32[6, 2]}, x: f32[5, 6], t = jnp.linspace(0.0, 1.0, 5)",
        wrong=False,
        culprit="",
    ),
    Case(
        name="bfloat16_matmul",
        kind="bf16 mixed precision",
        source="""import jax
import jax.numpy as jnp


def dense(p, x):
    y = jnp.dot(x.astype(jnp.bfloat16), p["w"].astype(jnp.bfloat16), preferred_element_type=jnp.float32)
    return y + p["b"]


def f(params, x, y):
    h = jax.nn.gelu(dense(params[0], x))
    h = jax.nn.gelu(dense(params[1], h))
    pred = dense(params[2], h)[:, 0]
    return jnp.mean((pred - y) ** 2)
""",
        inputs="params: [{w: f32[8, 16], b: f32[16]}, {w: f32[16, 16], b: f32[16]}, {w: f32[16, 1], b: f32[1]}], x: f32[32, 8], y: f32[32]",
        wrong=False,
        culprit="",
    ),
    Case(
        name="two_pass_variance",
        kind="large offset: two-pass variance in float32",
        source="""import jax.numpy as jnp


def f(x):
    centred = x - jnp.mean(x)
    var = jnp.mean(centred**2)
    return jnp.log(var + 1e-8)
""",
        inputs="x = 1e3 + jnp.sin(jnp.arange(64.0))",
        wrong=False,
        culprit="",
    ),
    Case(
        name="polynomial_ridge",
        kind="ill-conditioned but right",
        source='''import jax.numpy as jnp


def f(log_lam, t, y):
    """Fit of a ridge regression on monomials, as a function of its penalty."""
    a = jnp.vander(t, 5, increasing=True)
    gram = a.T @ a + jnp.exp(log_lam) * jnp.eye(5)
    coef = jnp.linalg.solve(gram, a.T @ y)
    return jnp.mean((a @ coef - y) ** 2)
''',
        inputs="log_lam = jnp.float32(-3.0), t = jnp.linspace(-1.0, 1.5, 20), y: f32[20]",
        wrong=False,
        culprit="",
    ),
    Case(
        name="rosenbrock_scaled",
        kind="badly scaled arguments",
        source="""import jax.numpy as jnp


def f(theta):
    x = theta["fast"] * 1e3
    y = theta["slow"] * 1e-3
    return jnp.sum(100.0 * (y[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)
""",
        inputs="theta = dict(fast=1e-3 * jnp.arange(5.0), slow=1e3 * jnp.array([0.5, 1.5, -1.0, 2.0, 0.1]))",
        wrong=False,
        culprit="",
    ),
]
