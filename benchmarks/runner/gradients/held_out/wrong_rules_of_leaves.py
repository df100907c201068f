"""More custom rules that are wrong: arguments, leaves, batches, forward rules."""

from __future__ import annotations

from benchmarks.runner.gradients.case import Case

CASES: list[Case] = [
    Case(
        name="prelu_none_rule",
        kind="custom_jvp: defjvps with None for a trained argument",
        source="""import jax
import jax.numpy as jnp


@jax.custom_jvp
def prelu(x, slope):
    return jnp.where(x > 0, x, slope * x)


prelu.defjvps(lambda t, ans, x, slope: jnp.where(x > 0, t, slope * t), None)


def f(params, x):
    h = prelu(x @ params["w"], params["slope"])
    h = prelu(h @ params["v"], params["slope"])
    return jnp.sum(h, axis=1)
""",
        inputs="params: {w: f32[5, 7], v: f32[7, 7], slope: f32[7]}, x: f32[6, 5]",
        wrong=True,
        culprit="prelu.defjvps(lambda t, ans, x, slope: jnp.where(x > 0, t, slope * t), None)",
    ),
    Case(
        name="student_t_stirling",
        kind="custom_jvp: truncated series",
        source="""import jax
import jax.numpy as jnp
from jax.scipy.special import gammaln


@jax.custom_jvp
def lgamma(a):
    return gammaln(a)


@lgamma.defjvp
def lgamma_jvp(primals, tangents):
    (a,), (da,) = primals, tangents
    digamma = jnp.log(a) - 0.5 / a
    return lgamma(a), digamma * da


def student_t_logpdf(x, nu, loc, scale):
    z = (x - loc) / scale
    norm = lgamma(0.5 * (nu + 1)) - lgamma(0.5 * nu) - 0.5 * jnp.log(nu * jnp.pi) - jnp.log(scale)
    return norm - 0.5 * (nu + 1) * jnp.log1p(z**2 / nu)


def f(theta, x):
    nu = 2.0 + jnp.exp(theta["log_nu"])
    return -jnp.mean(student_t_logpdf(x, nu, theta["loc"], jnp.exp(theta["log_scale"])))
""",
        inputs="theta: {log_nu: f32[], loc: f32[], log_scale: f32[]}, x: f32[40]",
        wrong=True,
        culprit="digamma = jnp.log(a) - 0.5 / a",
    ),
    Case(
        name="soft_threshold_no_cotangent",
        kind="custom_vjp: incoming cotangent ignored",
        source="""import jax
import jax.numpy as jnp


@jax.custom_vjp
def shrink(x, lam):
    return jnp.sign(x) * jnp.maximum(jnp.abs(x) - lam, 0.0)


def shrink_fwd(x, lam):
    return shrink(x, lam), (x, lam)


def shrink_bwd(res, g):
    x, lam = res
    active = (jnp.abs(x) > lam).astype(x.dtype)
    return active, -jnp.sum(g * active * jnp.sign(x))


shrink.defvjp(shrink_fwd, shrink_bwd)


def f(dictionary, code, signal):
    lam = 0.1
    residual = signal - dictionary @ code
    code = shrink(code + 0.05 * dictionary.T @ residual, lam)
    return 0.5 * jnp.sum((signal - dictionary @ code) ** 2)
""",
        inputs="dictionary: f32[6, 10], code: f32[10], signal: f32[6]",
        wrong=True,
        culprit="return active, -jnp.sum(g * active * jnp.sign(x))",
    ),
    Case(
        name="softmax_axis",
        kind="custom_vjp: reduces over the wrong axis when batched",
        source="""import jax
import jax.numpy as jnp


@jax.custom_vjp
def softmax(x):
    e = jnp.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def softmax_fwd(x):
    y = softmax(x)
    return y, y


def softmax_bwd(y, g):
    return (y * (g - jnp.sum(g * y, axis=0)),)


softmax.defvjp(softmax_fwd, softmax_bwd)


def f(w, x, values):
    weights = softmax(x @ w)
    return jnp.einsum("bk,kd->bd", weights, values)
""",
        inputs="w: f32[4, 6], x: f32[6, 4], values: f32[6, 3]",
        wrong=True,
        culprit="return (y * (g - jnp.sum(g * y, axis=0)),)",
    ),
    Case(
        name="attention_dk_scale",
        kind="custom_vjp: wrong factor in one of several arguments",
        source="""from functools import partial

import jax
import jax.numpy as jnp


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def attention(q, k, v, scale):
    p = jax.nn.softmax(scale * jnp.einsum("htd,hsd->hts", q, k))
    return jnp.einsum("hts,hsd->htd", p, v)


def attention_fwd(q, k, v, scale):
    s = scale * jnp.einsum("htd,hsd->hts", q, k)
    lse = jax.nn.logsumexp(s, axis=-1, keepdims=True)
    out = jnp.einsum("hts,hsd->htd", jnp.exp(s - lse), v)
    return out, (q, k, v, out, lse)


def attention_bwd(scale, res, do):
    q, k, v, out, lse = res
    p = jnp.exp(scale * jnp.einsum("htd,hsd->hts", q, k) - lse)
    dv = jnp.einsum("hts,htd->hsd", p, do)
    dp = jnp.einsum("htd,hsd->hts", do, v)
    ds = p * (dp - jnp.sum(do * out, -1, keepdims=True))
    dq = scale * jnp.einsum("hts,hsd->htd", ds, k)
    dk = jnp.einsum("hts,htd->hsd", ds, q)
    return dq, dk, dv


attention.defvjp(attention_fwd, attention_bwd)


def f(q, k, v):
    return attention(q, k, v, q.shape[-1] ** -0.5)
""",
        inputs="q: f32[2, 6, 8], k: f32[2, 6, 8], v: f32[2, 6, 8]",
        wrong=True,
        culprit='dk = jnp.einsum("hts,htd->hsd", ds, q)',
    ),
    Case(
        name="fir_kernel_not_flipped",
        kind="custom_vjp: kernel not flipped in the backward pass",
        source="""import jax
import jax.numpy as jnp


@jax.custom_vjp
def fir(x, taps):
    return jnp.convolve(x, taps, mode="same")


def fir_fwd(x, taps):
    return fir(x, taps), (x, taps)


def fir_bwd(res, g):
    x, taps = res
    n, k = x.shape[0], taps.shape[0]
    dx = jnp.convolve(g, taps, mode="same")
    padded = jnp.pad(x, k // 2)
    dtaps = jnp.stack([g @ padded[k - 1 - i : k - 1 - i + n] for i in range(k)])
    return dx, dtaps


fir.defvjp(fir_fwd, fir_bwd)


def f(taps, noisy, clean):
    filtered = jax.vmap(lambda row: fir(jnp.tanh(fir(row, taps)), taps))(noisy)
    return jnp.mean((filtered - clean) ** 2)
""",
        inputs="taps: f32[5], noisy: f32[3, 32], clean: f32[3, 32]",
        wrong=True,
        culprit='dx = jnp.convolve(g, taps, mode="same")',
    ),
    Case(
        name="linear_recurrence_off_by_one",
        kind="custom_vjp: reverse scan uses the coefficient of the wrong step",
        source="""import jax
import jax.numpy as jnp


def _run(a, b):
    def step(h, ab):
        h = ab[0] * h + ab[1]
        return h, h

    return jax.lax.scan(step, jnp.zeros_like(b[0]), (a, b))[1]


@jax.custom_vjp
def recurrence(a, b):
    return _run(a, b)


def recurrence_fwd(a, b):
    h = _run(a, b)
    return h, (a, h)


def recurrence_bwd(res, g):
    a, h = res
    lam = _run(a[::-1], g[::-1])[::-1]
    h_prev = jnp.concatenate([jnp.zeros_like(h[:1]), h[:-1]])
    return lam * h_prev, lam


recurrence.defvjp(recurrence_fwd, recurrence_bwd)


def f(params, u):
    decay = jax.nn.sigmoid(u @ params["wa"])
    return recurrence(decay, u @ params["wb"]) @ params["c"]
""",
        inputs="params: {wa: f32[3, 4], wb: f32[3, 4], c: f32[4]}, u: f32[12, 3]",
        wrong=True,
        culprit="lam = _run(a[::-1], g[::-1])[::-1]",
    ),
    Case(
        name="dropout_other_mask",
        kind="custom_vjp: another dropout mask in the backward pass",
        source="""import jax
import jax.numpy as jnp

RATE = 0.3


@jax.custom_vjp
def dropout(x, key):
    keep = jax.random.bernoulli(key, 1 - RATE, x.shape)
    return jnp.where(keep, x / (1 - RATE), 0)


def _fwd(x, key):
    return dropout(x, key), key


def _bwd(key, g):
    # recompute the mask instead of storing it
    mask = jax.random.bernoulli(jax.random.fold_in(key, 0), 1 - RATE, g.shape)
    return jnp.where(mask, g / (1 - RATE), 0), None


dropout.defvjp(_fwd, _bwd)


def f(w, x, key):
    return jnp.mean(dropout(jnp.tanh(x @ w), key) ** 2)
""",
        inputs="w: f32[5, 9], x: f32[6, 5], key: key",
        wrong=True,
        culprit="mask = jax.random.bernoulli(jax.random.fold_in(key, 0), 1 - RATE, g.shape)",
    ),
    Case(
        name="huber_delta",
        kind="custom_vjp: forgotten division by a static argument",
        source="""from functools import partial

import jax
import jax.numpy as jnp


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def smooth_l1(r, delta):
    a = jnp.abs(r)
    return jnp.where(a < delta, 0.5 * r * r / delta, a - 0.5 * delta)


def _fwd(r, delta):
    return smooth_l1(r, delta), r


def _bwd(delta, r, g):
    slope = jnp.where(jnp.abs(r) < delta, r, jnp.sign(r))
    return (g * slope,)


smooth_l1.defvjp(_fwd, _bwd)


def f(boxes, targets):
    per_box = smooth_l1(boxes - targets, 0.25).sum(-1)
    return per_box.mean()
""",
        inputs="boxes: f32[60, 4], targets: f32[60, 4]",
        wrong=True,
        culprit="slope = jnp.where(jnp.abs(r) < delta, r, jnp.sign(r))",
    ),
    Case(
        name="tied_embedding_fused_loss",
        kind="custom_vjp: label column shifted by one",
        source="""import jax
import jax.numpy as jnp


@jax.custom_vjp
def fused_xent(hidden, table, labels):
    logits = hidden @ table.T
    picked = jnp.take_along_axis(logits, labels[:, None], axis=1)[:, 0]
    return jnp.mean(jax.nn.logsumexp(logits, axis=1) - picked)


def fused_xent_fwd(hidden, table, labels):
    return fused_xent(hidden, table, labels), (hidden, table, labels)


def fused_xent_bwd(res, g):
    hidden, table, labels = res
    probs = jax.nn.softmax(hidden @ table.T)
    rows = jnp.arange(labels.shape[0])
    dlogits = probs.at[rows, labels + 1].add(-1.0) / labels.shape[0]
    return g * dlogits @ table, g * dlogits.T @ hidden, None


fused_xent.defvjp(fused_xent_fwd, fused_xent_bwd)


def f(params, ids, labels):
    hidden = jnp.tanh(params["table"][ids] @ params["mix"])
    return fused_xent(hidden, params["table"], labels)
""",
        inputs="params: {table: f32[12, 6], mix: f32[6, 6]}, ids: i32[9] in [0, 11], labels: i32[9] in [0, 10]",
        wrong=True,
        culprit="dlogits = probs.at[rows, labels + 1].add(-1.0) / labels.shape[0]",
    ),
    Case(
        name="bessel_corrected_gain",
        kind="custom_vjp: small scale error (1.5 %) on one leaf",
        source="""import jax
import jax.numpy as jnp


@jax.custom_vjp
def embed_scale(x, gain):
    return x * gain


def _embed_fwd(x, gain):
    return x * gain, (x, gain)


def _embed_bwd(res, g):
    x, gain = res
    n = g.shape[0]
    return g * gain, jnp.sum(g * x, axis=0) * (n / (n - 1))


embed_scale.defvjp(_embed_fwd, _embed_bwd)


def f(gain, w, x):
    z = embed_scale(x, gain)
    return jnp.mean(jnp.sin(z @ w))
""",
        inputs="gain: f32[8], w: f32[8, 3], x: f32[67, 8]",
        wrong=True,
        culprit="return g * gain, jnp.sum(g * x, axis=0) * (n / (n - 1))",
    ),
]
