"""Functions with right and wrong gradients, written by someone who had not seen the checker."""

from __future__ import annotations

from benchmarks.runner.gradients.case import Case

WRONG: list[Case] = [
    # --- custom rules ---------------------------------------------------------------------------
    Case(
        name="swish_missing_term",
        kind="custom_vjp: missing term",
        source="""import jax
import jax.numpy as jnp


@jax.custom_vjp
def swish(x):
    return x * jax.nn.sigmoid(x)


def swish_fwd(x):
    return swish(x), x


def swish_bwd(x, g):
    s = jax.nn.sigmoid(x)
    return (g * s,)


swish.defvjp(swish_fwd, swish_bwd)


def f(params, x):
    h = swish(x @ params["up"]) * (x @ params["gate"])
    return jnp.mean((h @ params["down"]) ** 2)
""",
        inputs="params: {up: f32[6, 12], gate: f32[6, 12], down: f32[12, 3]}, x: f32[8, 6]",
        wrong=True,
        culprit="return (g * s,)",
    ),
    Case(
        name="layer_norm_swapped",
        kind="custom_vjp: gradients of two arguments swapped",
        source="""import jax
import jax.numpy as jnp

EPS = 1e-5


@jax.custom_vjp
def layer_norm(x, gamma, beta):
    return _forward(x, gamma, beta)[0]


def _forward(x, gamma, beta):
    mu = jnp.mean(x, axis=-1, keepdims=True)
    rstd = jax.lax.rsqrt(jnp.var(x, axis=-1, keepdims=True) + EPS)
    xhat = (x - mu) * rstd
    return xhat * gamma + beta, (xhat, rstd, gamma)


def _backward(res, dy):
    xhat, rstd, gamma = res
    dgamma = jnp.sum(dy * xhat, axis=0)
    dbeta = jnp.sum(dy, axis=0)
    dxhat = dy * gamma
    mean1 = jnp.mean(dxhat, axis=-1, keepdims=True)
    mean2 = jnp.mean(dxhat * xhat, axis=-1, keepdims=True)
    dx = rstd * (dxhat - mean1 - xhat * mean2)
    return dx, dbeta, dgamma


layer_norm.defvjp(_forward, _backward)


def f(x, gamma, beta):
    return jnp.sum(jnp.tanh(layer_norm(x, gamma, beta)))
""",
        inputs="x: f32[10, 16], gamma: f32[16], beta: f32[16]",
        wrong=True,
        culprit="return dx, dbeta, dgamma",
    ),
    Case(
        name="rms_norm_wrong_count",
        kind="custom_vjp: wrong factor (batch size for feature size)",
        source="""from functools import partial

import jax
import jax.numpy as jnp


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def rms_norm(x, weight, eps):
    return x * jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + eps) * weight


def rms_norm_fwd(x, weight, eps):
    r = jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + eps)
    return x * r * weight, (x, r, weight)


def rms_norm_bwd(eps, res, g):
    x, r, weight = res
    gw = g * weight
    inner = jnp.sum(gw * x, -1, keepdims=True) / x.shape[0]
    dx = r * gw - x * r**3 * inner
    return dx, jnp.sum(g * x * r, axis=0)


rms_norm.defvjp(rms_norm_fwd, rms_norm_bwd)


def f(params, x):
    for layer in params:
        x = x + jax.nn.gelu(rms_norm(x, layer["scale"], 1e-6) @ layer["w"])
    return jnp.mean(x**2)
""",
        inputs="params: [{scale: f32[12], w: f32[12, 12]}, {scale: f32[12], w: f32[12, 12]}], x: f32[5, 12]",
        wrong=True,
        culprit="inner = jnp.sum(gw * x, -1, keepdims=True) / x.shape[0]",
    ),
    Case(
        name="tanh_input_as_residual",
        kind="custom_vjp: wrong residual",
        source='''import jax
import jax.numpy as jnp

act = jax.custom_vjp(jnp.tanh)
act.defvjp(lambda x: (jnp.tanh(x), x), lambda y, g: (g * (1.0 - y * y),))


def f(w1, w2, x):
    """A two-layer regressor."""
    hidden = act(0.3 * x @ w1)
    return jnp.sum(hidden @ w2, axis=-1)
''',
        inputs="w1: f32[4, 10], w2: f32[10, 2], x: f32[7, 4]",
        wrong=True,
        culprit="act.defvjp(lambda x: (jnp.tanh(x), x), lambda y, g: (g * (1.0 - y * y),))",
    ),
    Case(
        name="bearing_sign",
        kind="custom_jvp: wrong sign in one of two arguments",
        source="""import jax
import jax.numpy as jnp


@jax.custom_jvp
def bearing(dy, dx):
    return jnp.arctan2(dy, dx)


@bearing.defjvp
def bearing_jvp(primals, tangents):
    dy, dx = primals
    t_dy, t_dx = tangents
    r2 = dy**2 + dx**2 + 1e-12
    out = bearing(dy, dx)
    return out, (dx * t_dy + dy * t_dx) / r2


def f(pose, landmarks, observed):
    delta = landmarks - pose["xy"]
    predicted = bearing(delta[:, 1], delta[:, 0]) - pose["heading"]
    err = jnp.sin(predicted - observed)
    return 0.5 * jnp.sum(err**2)
""",
        inputs="pose: {xy: f32[2], heading: f32[]}, landmarks: f32[9, 2], observed: f32[9]",
        wrong=True,
        culprit="return out, (dx * t_dy + dy * t_dx) / r2",
    ),
    Case(
        name="gelu_typo",
        kind="custom_vjp: small error (wrong power in a small term, under 1 %)",
        source="""import jax
import jax.numpy as jnp

C = 0.7978845608028654


@jax.custom_vjp
def gelu(x):
    return 0.5 * x * (1.0 + jnp.tanh(C * (x + 0.044715 * x**3)))


def gelu_fwd(x):
    return gelu(x), (x,)


def gelu_bwd(res, g):
    (x,) = res
    t = jnp.tanh(C * (x + 0.044715 * x**3))
    dt = (1.0 - t * t) * C * (1.0 + 2 * 0.044715 * x * x)
    return (g * (0.5 * (1.0 + t) + 0.5 * x * dt),)


gelu.defvjp(gelu_fwd, gelu_bwd)


def f(params, tokens):
    h = gelu(tokens @ params["fc"]["w"] + params["fc"]["b"])
    out = tokens + h @ params["proj"]["w"] + params["proj"]["b"]
    return jnp.mean(jnp.square(out))
""",
        inputs="params: {fc: {w: f32[8, 32], b: f32[32]}, proj: {w: f32[32, 8], b: f32[8]}}, tokens: f32[16, 8]",
        wrong=True,
        culprit="dt = (1.0 - t * t) * C * (1.0 + 2 * 0.044715 * x * x)",
    ),
    Case(
        name="nested_bias_zero",
        kind="custom_vjp: one leaf of a nested pytree is zero",
        source="""import jax
import jax.numpy as jnp


def _apply(p, x):
    pre = x @ p["inp"]["w"] + p["inp"]["b"]
    return jnp.maximum(pre, 0.0) @ p["out"]["w"] + p["out"]["b"], pre


@jax.custom_vjp
def block(p, x):
    return _apply(p, x)[0]


def block_fwd(p, x):
    y, pre = _apply(p, x)
    return y, (p, x, pre)


def block_bwd(res, g):
    p, x, pre = res
    d_pre = jnp.where(pre > 0, g @ p["out"]["w"].T, 0.0)
    grads = {
        "inp": {"w": x.T @ d_pre, "b": jnp.zeros_like(p["inp"]["b"])},
        "out": {"w": jnp.maximum(pre, 0.0).T @ g, "b": g.sum(0)},
    }
    return grads, d_pre @ p["inp"]["w"].T


block.defvjp(block_fwd, block_bwd)


def f(p, x, y):
    return jnp.mean((block(p, x) - y) ** 2)
""",
        inputs="p: {inp: {w: f32[5, 9], b: f32[9]}, out: {w: f32[9, 2], b: f32[2]}}, x: f32[12, 5], y: f32[12, 2]",
        wrong=True,
        culprit='"inp": {"w": x.T @ d_pre, "b": jnp.zeros_like(p["inp"]["b"])},',
    ),
    Case(
        name="laplacian_boundary",
        kind="custom_vjp: wrong in the first and last element only",
        source='''import jax
import jax.numpy as jnp


@jax.custom_vjp
def laplacian(u):
    """Second difference with zero-flux ends."""
    p = jnp.pad(u, 1, mode="edge")
    return p[2:] - 2 * u + p[:-2]


def _fwd(u):
    return laplacian(u), None


def _bwd(_, g):
    # the stencil is symmetric, so its adjoint is itself
    return (jnp.roll(g, 1) - 2 * g + jnp.roll(g, -1),)


laplacian.defvjp(_fwd, _bwd)


def f(u0, kappa):
    def step(u, _):
        return u + 0.1 * jnp.tanh(kappa) * laplacian(u), None

    u, _ = jax.lax.scan(step, u0, None, length=3)
    return jnp.sum(u**2)
''',
        inputs="u0: f32[200], kappa: f32[]",
        wrong=True,
        culprit="return (jnp.roll(g, 1) - 2 * g + jnp.roll(g, -1),)",
    ),
    Case(
        name="dense_bias_mean",
        kind="custom_vjp: batched rule takes a mean for a sum",
        source="""import jax
import jax.numpy as jnp


@jax.custom_vjp
def dense(x, w, b):
    return jnp.einsum("bi,io->bo", x, w) + b


def dense_fwd(x, w, b):
    return dense(x, w, b), (x, w)


def dense_bwd(res, g):
    x, w = res
    dx = jnp.einsum("bo,io->bi", g, w)
    dw = jnp.einsum("bi,bo->io", x, g)
    db = g.mean(axis=0)
    return dx, dw, db


dense.defvjp(dense_fwd, dense_bwd)


def f(params, x, labels):
    h = jax.nn.elu(dense(x, params["w0"], params["b0"]))
    logits = dense(h, params["w1"], params["b1"])
    logp = jax.nn.log_softmax(logits)
    return -jnp.mean(jnp.take_along_axis(logp, labels[:, None], axis=1))
""",
        inputs="params: {w0: f32[6, 8], b0: f32[8], w1: f32[8, 3], b1: f32[3]}, x: f32[10, 6], labels: i32[10] in [0, 2]",
        wrong=True,
        culprit="db = g.mean(axis=0)",
    ),
    Case(
        name="bilinear_swapped_keys",
        kind="custom_vjp: two leaves of a dict swapped",
        source="""import jax
import jax.numpy as jnp


@jax.custom_vjp
def bilinear(p, u, v):
    return (u @ p["left"]) * (v @ p["right"])


def fwd(p, u, v):
    a, b = u @ p["left"], v @ p["right"]
    return a * b, (p, u, v, a, b)


def bwd(res, g):
    p, u, v, a, b = res
    ga, gb = g * b, g * a
    dp = {"left": v.T @ gb, "right": u.T @ ga}
    return dp, ga @ p["left"].T, gb @ p["right"].T


bilinear.defvjp(fwd, bwd)


def f(p, u, v):
    scores = bilinear(p, u, v).sum(-1)
    return jnp.mean(jax.nn.softplus(-scores))
""",
        inputs="p: {left: f32[6, 4], right: f32[6, 4]}, u: f32[11, 6], v: f32[11, 6]",
        wrong=True,
        culprit='dp = {"left": v.T @ gb, "right": u.T @ ga}',
    ),
    Case(
        name="normal_cdf_scale",
        kind="custom_jvp: chain-rule factor forgotten",
        source='''import jax
import jax.numpy as jnp
from jax.scipy.special import ndtr


@jax.custom_jvp
def normal_cdf(x, mu, sigma):
    return ndtr((x - mu) / sigma)


@normal_cdf.defjvp
def _normal_cdf_jvp(primals, tangents):
    x, mu, sigma = primals
    dx, dmu, dsigma = tangents
    z = (x - mu) / sigma
    pdf = jnp.exp(-0.5 * z**2) / jnp.sqrt(2 * jnp.pi)
    dz = (dx - dmu) / sigma - z * dsigma
    return normal_cdf(x, mu, sigma), pdf * dz


def f(mu, log_sigma, edges):
    """Probability mass of each bin under the model."""
    cdf = normal_cdf(edges, mu, jnp.exp(log_sigma))
    mass = jnp.diff(cdf)
    return mass
''',
        inputs="mu: f32[], log_sigma = jnp.float32(0.7), edges = jnp.linspace(-3.0, 3.0, 9)",
        wrong=True,
        culprit="dz = (dx - dmu) / sigma - z * dsigma",
    ),
    Case(
        name="xlogy_forgets_y",
        kind="custom_jvp: tangent of one argument dropped",
        source="""import jax
import jax.numpy as jnp


@jax.custom_jvp
def xlogy(x, y):
    safe = jnp.where(x == 0, 1.0, y)
    return x * jnp.log(safe)


@xlogy.defjvp
def xlogy_jvp(primals, tangents):
    x, y = primals
    x_dot, _ = tangents
    safe = jnp.where(x == 0, 1.0, y)
    return xlogy(x, y), x_dot * jnp.log(safe)


def kl(p, q):
    return jnp.sum(xlogy(p, p) - xlogy(p, q), axis=-1)


def f(student, teacher):
    return kl(jax.nn.softmax(teacher), jax.nn.softmax(student)).mean()
""",
        inputs="student: f32[6, 5], teacher: f32[6, 5]",
        wrong=True,
        culprit="return xlogy(x, y), x_dot * jnp.log(safe)",
    ),
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
    # --- solves and implicit differentiation -----------------------------------------------------
    Case(
        name="solve_without_transpose",
        kind="linear solve: adjoint not transposed",
        source="""import jax
import jax.numpy as jnp


@jax.custom_vjp
def solve(a, b):
    return jnp.linalg.solve(a, b)


def solve_fwd(a, b):
    x = jnp.linalg.solve(a, b)
    return x, (a, x)


def solve_bwd(res, g):
    a, x = res
    lam = jnp.linalg.solve(a, g)
    return -jnp.outer(lam, x), lam


solve.defvjp(solve_fwd, solve_bwd)


def f(conductance, source):
    n = source.shape[0]
    a = 6.0 * jnp.eye(n) + jnp.tanh(conductance)
    potential = solve(a, source)
    return potential @ jnp.arange(1.0, n + 1)
""",
        inputs="conductance: f32[6, 6], source: f32[6]",
        wrong=True,
        culprit="lam = jnp.linalg.solve(a, g)",
    ),
    Case(
        name="linear_solve_transpose",
        kind="linear solve: transpose_solve of custom_linear_solve not transposed",
        source='''import jax
import jax.numpy as jnp
from jax import lax
from jax.scipy.linalg import lu_factor, lu_solve


def solve(matrix, rhs):
    lu = lu_factor(matrix)
    return lax.custom_linear_solve(
        lambda x: matrix @ x,
        rhs,
        solve=lambda _, b: lu_solve(lu, b),
        transpose_solve=lambda _, b: lu_solve(lu, b, trans=0),
    )


def f(rates, inflow):
    """Steady state of a compartment model."""
    exchange = jax.nn.softplus(rates)
    matrix = jnp.diag(1.0 + exchange.sum(axis=0)) - exchange
    return jnp.log(1.0 + solve(matrix, inflow**2)).sum()
''',
        inputs="rates: f32[5, 5], inflow: f32[5]",
        wrong=True,
        culprit="transpose_solve=lambda _, b: lu_solve(lu, b, trans=0),",
    ),
    Case(
        name="mahalanobis_sign",
        kind="custom_vjp: wrong sign for the matrix",
        source="""import jax
import jax.numpy as jnp
from jax.scipy.linalg import cho_factor, cho_solve


@jax.custom_vjp
def mahalanobis(x, cov):
    return x @ cho_solve(cho_factor(cov), x)


def mahalanobis_fwd(x, cov):
    alpha = cho_solve(cho_factor(cov), x)
    return x @ alpha, alpha


def mahalanobis_bwd(alpha, g):
    return 2 * g * alpha, g * jnp.outer(alpha, alpha)


mahalanobis.defvjp(mahalanobis_fwd, mahalanobis_bwd)


def f(params, x):
    cov = params["factor"] @ params["factor"].T + 2.0 * jnp.eye(x.shape[1])
    d2 = jax.vmap(lambda row: mahalanobis(row - params["mean"], cov))(x)
    return 0.5 * jnp.sum(d2)
""",
        inputs="params: {mean: f32[4], factor: f32[4, 4]}, x: f32[5, 4]",
        wrong=True,
        culprit="return 2 * g * alpha, g * jnp.outer(alpha, alpha)",
    ),
    Case(
        name="kepler_implicit_sign",
        kind="implicit differentiation: wrong sign",
        source="""import jax
import jax.numpy as jnp


@jax.custom_jvp
def eccentric_anomaly(mean_anomaly, ecc):
    def newton(_, e):
        return e - (e - ecc * jnp.sin(e) - mean_anomaly) / (1 - ecc * jnp.cos(e))

    return jax.lax.fori_loop(0, 12, newton, mean_anomaly)


@eccentric_anomaly.defjvp
def _implicit(primals, tangents):
    m, ecc = primals
    dm, decc = tangents
    e = eccentric_anomaly(m, ecc)
    # residual r = e - ecc sin e - m
    dr_de = 1 - ecc * jnp.cos(e)
    dr = -jnp.sin(e) * decc - dm
    return e, dr / dr_de


def f(orbit, t):
    ecc = 0.5 * jax.nn.sigmoid(orbit["ecc"])
    e = jax.vmap(lambda m: eccentric_anomaly(m, ecc))(orbit["rate"] * t)
    return jnp.stack([jnp.cos(e) - ecc, jnp.sqrt(1 - ecc**2) * jnp.sin(e)])
""",
        inputs="orbit: {ecc: f32[], rate: f32[]}, t = jnp.linspace(0.1, 2.0, 6)",
        wrong=True,
        culprit="return e, dr / dr_de",
    ),
    Case(
        name="custom_root_tangent_solve",
        kind="implicit differentiation: tangent_solve multiplies instead of dividing",
        source="""import jax
import jax.numpy as jnp
from jax import lax


def newton(func, x0):
    def body(_, x):
        fx, slope = jax.jvp(func, (x,), (jnp.ones_like(x),))
        return x - fx / slope

    return lax.fori_loop(0, 20, body, x0)


def tangent_solve(g, y):
    return y * g(jnp.ones_like(y))


def wet_bulb(temperature, humidity):
    def residual(tw):
        return tw + 0.3 * jnp.tanh(tw) - temperature * (1 + 0.1 * humidity)

    return lax.custom_root(residual, temperature, newton, tangent_solve)


def f(temperature, humidity):
    return jax.vmap(wet_bulb)(temperature, humidity)
""",
        inputs="temperature: f32[5], humidity: f32[5]",
        wrong=True,
        culprit="return y * g(jnp.ones_like(y))",
    ),
    Case(
        name="equilibrium_one_step",
        kind="implicit differentiation: inverse of I - J left out",
        source="""import jax
import jax.numpy as jnp


def cell(params, x, z):
    return jnp.tanh(0.15 * params["w"] @ z + params["u"] @ x)


@jax.custom_vjp
def equilibrium(params, x):
    z0 = jnp.zeros(params["w"].shape[0], x.dtype)
    return jax.lax.fori_loop(0, 80, lambda _, z: cell(params, x, z), z0)


def equilibrium_fwd(params, x):
    z = equilibrium(params, x)
    return z, (params, x, z)


def equilibrium_bwd(res, g):
    params, x, z = res
    _, pull = jax.vjp(lambda p, xx: cell(p, xx, z), params, x)
    return pull(g)


equilibrium.defvjp(equilibrium_fwd, equilibrium_bwd)


def f(params, x):
    z = jax.vmap(equilibrium, in_axes=(None, 0))(params, x)
    return jnp.mean(jnp.square(z @ params["head"]))
""",
        inputs="params: {w: f32[6, 6], u: f32[6, 3], head: f32[6]}, x: f32[4, 3]",
        wrong=True,
        culprit="return pull(g)",
    ),
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
    # --- not-a-number and infinity --------------------------------------------------------------------
    Case(
        name="pair_distance_where",
        kind="NaN: where-trap, sqrt of the diagonal",
        source="""import jax.numpy as jnp


def f(positions, charges):
    diff = positions[:, None, :] - positions[None, :, :]
    d2 = jnp.sum(diff**2, axis=-1)
    off_diagonal = ~jnp.eye(positions.shape[0], dtype=bool)
    dist = jnp.where(off_diagonal, jnp.sqrt(d2), 1.0)
    energy = charges[:, None] * charges[None, :] * jnp.exp(-dist) / dist
    return 0.5 * jnp.sum(jnp.where(off_diagonal, energy, 0.0))
""",
        inputs="positions: f32[7, 3], charges: f32[7]",
        wrong=True,
        culprit="dist = jnp.where(off_diagonal, jnp.sqrt(d2), 1.0)",
    ),
    Case(
        name="norm_of_zero_velocity",
        kind="NaN: norm at zero",
        source="""import jax.numpy as jnp


def drag(velocity, coefficient):
    speed = jnp.linalg.norm(velocity, axis=-1, keepdims=True)
    return -coefficient * speed * velocity


def f(state, coefficient):
    pos, vel = state["pos"], state["vel"]
    for _ in range(3):
        acc = drag(vel, coefficient) - pos
        vel = vel + 0.1 * acc
        pos = pos + 0.1 * vel
    return jnp.sum(pos**2)
""",
        inputs="state = dict(pos=jnp.ones((4, 3)), vel=jnp.zeros((4, 3))), coefficient: f32[]",
        wrong=True,
        culprit="speed = jnp.linalg.norm(velocity, axis=-1, keepdims=True)",
    ),
    Case(
        name="entropy_zero_probability",
        kind="NaN: where-trap, log of zero",
        source='''import jax
import jax.numpy as jnp


def sparsegen(z):
    """Sparse positive weights that sum to one."""
    w = jax.nn.relu(z)
    return w / (w.sum(-1, keepdims=True) + 1e-6)


def f(z, payoff):
    p = sparsegen(z)
    entropy = -jnp.sum(jnp.where(p > 0, p * jnp.log(p), 0.0), axis=-1)
    return jnp.mean(p @ payoff + 0.1 * entropy)
''',
        inputs="z: f32[6, 8], payoff: f32[8]",
        wrong=True,
        culprit="entropy = -jnp.sum(jnp.where(p > 0, p * jnp.log(p), 0.0), axis=-1)",
    ),
    Case(
        name="scan_unit_vector",
        kind="NaN: 0/0 inside scan",
        source="""import jax
import jax.numpy as jnp


def f(forces, mass):
    def step(momentum, force):
        moving = jnp.any(momentum != 0)
        direction = jnp.where(moving, momentum / jnp.linalg.norm(momentum), 0.0)
        momentum = momentum + force / mass - 0.05 * direction
        return momentum, momentum

    start = jnp.zeros(forces.shape[-1], forces.dtype)
    _, path = jax.lax.scan(step, start, forces)
    return jnp.sum(path[-1])
""",
        inputs="forces = jnp.array([[0.0, 0.0, 0.0], [1.0, -2.0, 0.5], [0.3, 0.1, 0.7]]), mass = jnp.float32(2.0)",
        wrong=True,
        culprit="direction = jnp.where(moving, momentum / jnp.linalg.norm(momentum), 0.0)",
    ),
    Case(
        name="vmap_angle_parallel",
        kind="inf: arccos of one inside vmap",
        source="""import jax
import jax.numpy as jnp


def angle(u, v):
    cos = jnp.dot(u, v) / (jnp.linalg.norm(u) * jnp.linalg.norm(v))
    return jnp.arccos(jnp.clip(cos, -1.0, 1.0))


def f(normals, reference):
    errors = jax.vmap(angle)(normals, reference)
    return jnp.mean(errors)
""",
        inputs="normals = jnp.eye(3), reference = jnp.array([[1.0, 0.0, 0.0], [0.0, 0.6, 0.8], [1.0, 1.0, 0.0]])",
        wrong=True,
        culprit="return jnp.arccos(jnp.clip(cos, -1.0, 1.0))",
    ),
    Case(
        name="focal_saturated",
        kind="NaN: power of zero with an exponent below one",
        source="""import jax
import jax.numpy as jnp


def focal_loss(logits, labels, gamma=0.5):
    p = jax.nn.sigmoid(logits)
    pt = jnp.where(labels == 1, p, 1 - p)
    logpt = -jax.nn.softplus(jnp.where(labels == 1, -logits, logits))
    return -((1 - pt) ** gamma) * logpt


def f(logits, labels):
    return focal_loss(logits, labels).mean()
""",
        inputs="logits = jnp.array([-1.0, 0.5, 60.0, 2.0]), labels = jnp.array([0, 1, 1, 0])",
        wrong=True,
        culprit="return -((1 - pt) ** gamma) * logpt",
    ),
    Case(
        name="std_of_constant_channel",
        kind="NaN: standard deviation of a constant column",
        source="""import jax
import jax.numpy as jnp


def standardise(x):
    mean = jnp.mean(x, axis=0)
    std = jnp.std(x, axis=0)
    return (x - mean) / (std + 1e-5)


def f(params, x):
    # the first feature is an indicator that is the same in the whole batch
    h = standardise(x * params["scale"])
    return jnp.mean(jax.nn.relu(h @ params["w"]))
""",
        inputs="params: {scale: f32[3], w: f32[3, 4]}, x = jnp.array([[1.0, 0.3, -2.0], [1.0, 1.3, 0.5], [1.0, -0.7, 0.25]])",
        wrong=True,
        culprit="std = jnp.std(x, axis=0)",
    ),
    Case(
        name="matrix_sqrt_identity",
        kind="NaN: eigh of a matrix with equal eigenvalues",
        source='''import jax.numpy as jnp


def sqrtm(a):
    lam, vec = jnp.linalg.eigh(0.5 * (a + a.T))
    return (vec * jnp.sqrt(lam)) @ vec.T


def f(cov, target):
    """Bures distance to a target covariance."""
    root = sqrtm(cov)
    return jnp.trace(cov) + jnp.trace(target) - 2 * jnp.sum(root * target)
''',
        inputs="cov = jnp.eye(4), target: f32[4, 4]",
        wrong=True,
        culprit="lam, vec = jnp.linalg.eigh(0.5 * (a + a.T))",
    ),
    Case(
        name="eps_too_small",
        kind="NaN: guard too small for float32",
        source='''import jax.numpy as jnp


def frequencies(counts, eps=1e-30):
    total = jnp.sum(counts, axis=-1, keepdims=True) + eps
    return counts / total


def f(counts, log_prob):
    """Mean log-probability of documents given as word counts; the second is empty."""
    return jnp.sum(frequencies(counts) * log_prob, axis=-1)
''',
        inputs="counts = jnp.array([[3.0, 1.0, 0.0], [0.0, 0.0, 0.0], [2.0, 2.0, 1.0]]), log_prob: f32[3]",
        wrong=True,
        culprit="return counts / total",
    ),
    Case(
        name="hand_sigmoid",
        kind="NaN: overflow of exp in float32",
        source="""import jax.numpy as jnp


def sigmoid(z):
    return 1.0 / (1.0 + jnp.exp(-z))


def f(w, x):
    activation = sigmoid(x @ w)
    return jnp.sum(activation * jnp.linspace(0.0, 1.0, w.shape[1]))
""",
        inputs="w = jnp.array([[-120.0, 1.0], [2.0, -3.0]]), x = jnp.array([[1.0, 0.5], [0.2, -0.3]])",
        wrong=True,
        culprit="return 1.0 / (1.0 + jnp.exp(-z))",
    ),
    Case(
        name="attention_empty_row",
        kind="NaN: softmax of a row that is all masked",
        source="""import jax
import jax.numpy as jnp


def f(q, k, v, mask):
    bias = jnp.where(mask, 0.0, -jnp.inf)
    weights = jax.nn.softmax(q @ k.T / q.shape[-1] ** 0.5 + bias, axis=-1)
    weights = jnp.where(mask.any(-1, keepdims=True), weights, 0.0)
    return weights @ v
""",
        inputs="q: f32[6, 4], k: f32[6, 4], v: f32[6, 4], mask = jnp.tril(jnp.ones((6, 6), bool), -1)",
        wrong=True,
        culprit="weights = jax.nn.softmax(q @ k.T / q.shape[-1] ** 0.5 + bias, axis=-1)",
    ),
    Case(
        name="likelihood_product",
        kind="underflow: product of probabilities in float32",
        source="""import jax
import jax.numpy as jnp


def f(theta, x):
    z = (x - theta["mu"]) * jnp.exp(-theta["log_s"])
    density = jnp.exp(-0.5 * z**2 - theta["log_s"]) / jnp.sqrt(2 * jnp.pi)
    likelihood = jnp.prod(density)
    return -jnp.log(likelihood) / x.shape[0]
""",
        inputs="theta = dict(mu=jnp.float32(0.1), log_s=jnp.float32(0.2)), x: f32[200]",
        wrong=True,
        culprit="likelihood = jnp.prod(density)",
    ),
    # --- precision ------------------------------------------------------------------------------------
    Case(
        name="rodrigues_small_angle",
        kind="precision loss: 1 - cos at a small angle",
        source='''import jax
import jax.numpy as jnp


def hat(w):
    return jnp.array([[0.0, -w[2], w[1]], [w[2], 0.0, -w[0]], [-w[1], w[0], 0.0]])


def left_jacobian(w):
    theta = jnp.sqrt(jnp.sum(w**2))
    b = (1.0 - jnp.cos(theta)) / theta**2
    c = (theta - jnp.sin(theta)) / jnp.maximum(theta**3, 1e-9)
    k = hat(w)
    return jnp.eye(3) + b * k + c * (k @ k)


def f(twist, target):
    """Translation that a small twist of SE(3) causes, against a target."""
    w, rho = twist["rot"], twist["trans"]
    return jnp.sum(left_jacobian(w) @ rho * target)
''',
        inputs="twist = dict(rot=jnp.array([5e-5, -3e-5, 4e-5]), trans=jnp.array([1.0, 2.0, -0.5])), target: f32[3]",
        wrong=True,
        culprit="b = (1.0 - jnp.cos(theta)) / theta**2",
    ),
    Case(
        name="geostationary_cubed_radius",
        kind="underflow: backward pass of a division by a radius cubed, float32",
        source='''import jax
import jax.numpy as jnp

GM = 3.986e14  # m^3 / s^2


def gravity(p):
    return -GM * p / jnp.sum(p**2) ** 1.5


def f(pos, vel):
    """Position after two hours, with steps of ten minutes."""

    def step(state, _):
        p, v = state
        v = v + 600.0 * gravity(p)
        return (p + 600.0 * v, v), None

    (pos, _), _ = jax.lax.scan(step, (pos, vel), None, length=12)
    return jnp.sqrt(jnp.sum(pos**2))
''',
        inputs="pos = jnp.array([4.2e7, 1.0e6, -2.0e6]), vel = jnp.array([100.0, 3.0e3, 50.0])",
        wrong=True,
        culprit="return -GM * p / jnp.sum(p**2) ** 1.5",
    ),
    Case(
        name="one_pass_variance",
        kind="precision loss: variance as a difference of squares in float32",
        source="""import jax
import jax.numpy as jnp


def moments(x):
    mean = jnp.mean(x)
    var = jnp.mean(x * x) - mean * mean
    return mean, var


def f(x):
    mean, var = moments(x)
    return jnp.log(jnp.abs(var) + 1e-8)
""",
        inputs="x = 1e4 + jnp.sin(jnp.arange(64.0))",
        wrong=True,
        culprit="var = jnp.mean(x * x) - mean * mean",
    ),
    Case(
        name="rotary_bfloat16_positions",
        kind="precision loss: angles in bfloat16",
        source="""import jax
import jax.numpy as jnp


def rotary(x, log_base):
    t, d = x.shape
    freq = jnp.exp(-log_base * jnp.arange(0, d, 2) / d)
    angles = jnp.arange(t)[:, None] * freq
    angles = angles.astype(jnp.bfloat16)
    cos, sin = jnp.cos(angles).astype(x.dtype), jnp.sin(angles).astype(x.dtype)
    a, b = x[:, ::2], x[:, 1::2]
    return jnp.stack([a * cos - b * sin, a * sin + b * cos], -1).reshape(t, d)


def f(log_base, q, k):
    return jnp.mean(rotary(q, log_base) * k)
""",
        inputs="log_base = jnp.float32(4.0), q: f32[3000, 8], k: f32[3000, 8]",
        wrong=True,
        culprit="angles = angles.astype(jnp.bfloat16)",
    ),
    Case(
        name="half_precision_aux_loss",
        kind="underflow: cotangents below float16",
        source="""import jax
import jax.numpy as jnp


def f(w, x):
    h = (x.astype(jnp.float16) @ w.astype(jnp.float16)).astype(jnp.float32)
    aux = 1e-5 * jnp.mean(jnp.square(h))
    return aux
""",
        inputs="w: f32[8, 64], x: f32[128, 8]",
        wrong=True,
        culprit="h = (x.astype(jnp.float16) @ w.astype(jnp.float16)).astype(jnp.float32)",
    ),
    # --- hand-written gradients -------------------------------------------------------------------------
    Case(
        name="logistic_hand_gradient",
        kind="hand-written gradient: penalty missing",
        source='''import jax
import jax.numpy as jnp


def f(w, x, y):
    """Logistic loss with an L2 penalty, and its gradient."""
    margin = y * (x @ w)
    loss = jnp.mean(jnp.logaddexp(0.0, -margin)) + 0.05 * jnp.sum(w**2)
    weight = -y * jax.nn.sigmoid(-margin)
    grad = x.T @ weight / x.shape[0]
    return loss, grad
''',
        inputs="w: f32[5], x: f32[30, 5], y = jnp.where(jnp.arange(30) % 3 == 0, 1.0, -1.0)",
        wrong=True,
        culprit="grad = x.T @ weight / x.shape[0]",
    ),
    Case(
        name="mlp_hand_backprop",
        kind="hand-written gradient: derivative of the activation missing",
        source="""import jax.numpy as jnp


def f(params, x, y):
    # forward
    z = x @ params["w1"] + params["b1"]
    h = jnp.tanh(z)
    pred = h @ params["w2"] + params["b2"]
    err = pred - y
    loss = 0.5 * jnp.sum(err**2)
    # backward
    dh = err @ params["w2"].T
    dz = dh * (1 - h)
    grads = {"w1": x.T @ dz, "b1": dz.sum(0), "w2": h.T @ err, "b2": err.sum(0)}
    return loss, grads
""",
        inputs="params: {w1: f32[4, 6], b1: f32[6], w2: f32[6, 2], b2: f32[2]}, x: f32[8, 4], y: f32[8, 2]",
        wrong=True,
        culprit="dz = dh * (1 - h)",
    ),
    # --- intended-looking but not declared ----------------------------------------------------------------
    Case(
        name="straight_through_undeclared",
        kind="straight-through estimator, not declared",
        source="""import jax
import jax.numpy as jnp


def binarise(logits):
    probs = jax.nn.sigmoid(logits)
    hard = (probs > 0.5).astype(probs.dtype)
    return probs + jax.lax.stop_gradient(hard - probs)


def f(params, x):
    code = binarise(x @ params["enc"])
    recon = code @ params["dec"]
    return jnp.mean((recon - x) ** 2)
""",
        inputs="params: {enc: f32[6, 8], dec: f32[8, 6]}, x: f32[10, 6]",
        wrong=True,
        culprit="return probs + jax.lax.stop_gradient(hard - probs)",
    ),
    Case(
        name="clip_cotangent_undeclared",
        kind="gradient clipping in a rule, not declared",
        source="""import jax
import jax.numpy as jnp


@jax.custom_vjp
def guard(x):
    return x


def guard_fwd(x):
    return x, ()


def guard_bwd(_, g):
    return (jnp.clip(g, -0.1, 0.1),)


guard.defvjp(guard_fwd, guard_bwd)


def f(w, xs):
    def step(h, x):
        return guard(jnp.tanh(h @ w + x)), None

    h, _ = jax.lax.scan(step, jnp.zeros(w.shape[0], w.dtype), xs)
    return jnp.sum(h * jnp.arange(1.0, w.shape[0] + 1))
""",
        inputs="w: f32[5, 5], xs: f32[6, 5]",
        wrong=True,
        culprit="return (jnp.clip(g, -0.1, 0.1),)",
    ),
    # --- modules ------------------------------------------------------------------------------------------
    Case(
        name="equinox_snake",
        kind="custom_jvp in an equinox module: parameter without a tangent",
        source="""import equinox as eqx
import jax
import jax.numpy as jnp


@jax.custom_jvp
def snake(x, alpha):
    return x + jnp.sin(alpha * x) ** 2 / alpha


@snake.defjvp
def snake_jvp(primals, tangents):
    x, alpha = primals
    dx, dalpha = tangents
    slope = 1 + jnp.sin(2 * alpha * x)
    return snake(x, alpha), slope * dx + 0 * x * dalpha


class Net(eqx.Module):
    first: eqx.nn.Linear
    last: eqx.nn.Linear
    alpha: jax.Array

    def __init__(self, width, *, key):
        k1, k2 = jax.random.split(key)
        self.first = eqx.nn.Linear(3, width, key=k1)
        self.last = eqx.nn.Linear(width, 1, key=k2)
        self.alpha = jnp.full(width, 0.7)

    def __call__(self, x):
        return self.last(snake(self.first(x), self.alpha))[0]


def f(model, x, y):
    return jnp.mean((jax.vmap(model)(x) - y) ** 2)
""",
        inputs="model = Net(8, key=jax.random.key(0)), x: f32[10, 3], y: f32[10]",
        wrong=True,
        culprit="return snake(x, alpha), slope * dx + 0 * x * dalpha",
    ),
    # --- complex numbers ------------------------------------------------------------------------------------
    Case(
        name="intensity_conjugate",
        kind="complex custom_vjp: conjugate missing",
        source='''import jax
import jax.numpy as jnp


@jax.custom_vjp
def intensity(field):
    return field.real**2 + field.imag**2


def intensity_fwd(field):
    return intensity(field), field


def intensity_bwd(field, g):
    return (2 * g * field,)


intensity.defvjp(intensity_fwd, intensity_bwd)


def f(phase, amplitude, target):
    """Phase retrieval: match the far-field intensity of a phase mask."""
    field = amplitude * jnp.exp(1j * phase)
    far = jnp.fft.fft(field, norm="ortho")
    return jnp.mean((intensity(far) - target) ** 2)
''',
        inputs="phase: f32[12], amplitude: f32[12], target: f32[12]",
        wrong=True,
        culprit="return (2 * g * field,)",
    ),
    Case(
        name="power_spectrum_edges",
        kind="complex custom_vjp: first and last frequency wrong",
        source="""import jax
import jax.numpy as jnp


@jax.custom_vjp
def power_spectrum(x):
    s = jnp.fft.rfft(x)
    return s.real**2 + s.imag**2


def _fwd(x):
    s = jnp.fft.rfft(x)
    return s.real**2 + s.imag**2, (s, x)


def _bwd(res, g):
    s, x = res
    return (x.shape[0] * jnp.fft.irfft(g * s, n=x.shape[0]),)


power_spectrum.defvjp(_fwd, _bwd)


def f(wave, envelope):
    p = power_spectrum(wave * envelope)
    return jnp.mean(jnp.log1p(p))
""",
        inputs="wave: f32[32], envelope: f32[32]",
        wrong=True,
        culprit="return (x.shape[0] * jnp.fft.irfft(g * s, n=x.shape[0]),)",
    ),
    # --- latent ---------------------------------------------------------------------------------------------
    Case(
        name="latent_log_mask",
        kind="latent: where-trap, NaN at x = 0",
        source="""import jax.numpy as jnp


def safe_log(x):
    return jnp.where(x > 0, jnp.log(x), 0.0)


def f(counts, weights):
    return jnp.sum(weights * safe_log(counts))
""",
        inputs="counts: f32[12], weights: f32[12]",
        wrong=True,
        culprit="return jnp.where(x > 0, jnp.log(x), 0.0)",
    ),
    Case(
        name="latent_unit_vector",
        kind="latent: NaN where v = 0 (masked norm of zero)",
        source="""import jax
import jax.numpy as jnp


def unit(v):
    return jnp.where(jnp.any(v != 0), v / jnp.sqrt(jnp.sum(v * v)), jnp.zeros_like(v))


def f(v, w):
    return jnp.sum(jax.vmap(unit)(v) * w)
""",
        inputs="v: f32[6, 3], w: f32[6, 3]",
        wrong=True,
        culprit="return jnp.where(jnp.any(v != 0), v / jnp.sqrt(jnp.sum(v * v)), jnp.zeros_like(v))",
    ),
]

RIGHT: list[Case] = [
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
    # --- indexing ------------------------------------------------------------------------------------
    Case(
        name="embedding_lookup",
        kind="gather: most rows without gradient",
        source="""import jax
import jax.numpy as jnp
import optax


def f(params, ids, labels):
    e = params["table"][ids].mean(axis=1)
    logits = jax.nn.relu(e @ params["w"]) @ params["head"]
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
""",
        inputs="params: {table: f32[100, 6], w: f32[6, 10], head: f32[10, 4]}, ids: i32[5, 3] in [0, 99], labels: i32[5] in [0, 3]",
        wrong=False,
        culprit="",
    ),
    Case(
        name="top_k_experts",
        kind="top_k: routed experts with their gate",
        source="""import jax
import jax.numpy as jnp


def f(params, x):
    gates = jax.nn.softmax(x @ params["router"])
    weight, expert = jax.lax.top_k(gates, 2)
    weight = weight / weight.sum(-1, keepdims=True)
    chosen = params["experts"][expert]
    y = jnp.einsum("bd,bkde->bke", x, chosen)
    return jnp.mean(jnp.einsum("bk,bke->be", weight, jnp.tanh(y)) ** 2)
""",
        inputs="params: {router: f32[5, 4], experts: f32[4, 5, 3]}, x: f32[9, 5]",
        wrong=False,
        culprit="",
    ),
    Case(
        name="graph_message_passing",
        kind="scatter: segment sums on a graph",
        source="""import jax
import jax.numpy as jnp


def f(params, nodes, senders, receivers):
    n = nodes.shape[0]
    degree = jnp.zeros(n).at[receivers].add(1.0)
    for w in params:
        messages = jax.nn.silu(nodes[senders] @ w["msg"])
        pooled = jax.ops.segment_sum(messages, receivers, num_segments=n)
        nodes = nodes + jnp.tanh(pooled / jnp.maximum(degree, 1.0)[:, None] @ w["upd"])
    return nodes.sum(-1)
""",
        inputs="params: [{msg: f32[4, 6], upd: f32[6, 4]}, {msg: f32[4, 6], upd: f32[6, 4]}], nodes: f32[7, 4], senders: i32[12] in [0, 6], receivers: i32[12] in [0, 6]",
        wrong=False,
        culprit="",
    ),
    Case(
        name="bilinear_sampling",
        kind="integer cast: harmless (weights carry the gradient)",
        source="""import jax
import jax.numpy as jnp


def sample(image, y, x):
    h, w = image.shape
    y = jnp.clip(y, 0.0, h - 1.001)
    x = jnp.clip(x, 0.0, w - 1.001)
    y0, x0 = jnp.floor(y).astype(jnp.int32), jnp.floor(x).astype(jnp.int32)
    ty, tx = y - y0, x - x0
    top = image[y0, x0] * (1 - tx) + image[y0, x0 + 1] * tx
    bottom = image[y0 + 1, x0] * (1 - tx) + image[y0 + 1, x0 + 1] * tx
    return top * (1 - ty) + bottom * ty


def f(flow, image):
    yy, xx = jnp.mgrid[2:6, 2:6]
    return sample(image, yy + 0.5 * flow[0], xx + 0.5 * flow[1])
""",
        inputs="flow: f32[2, 4, 4], image: f32[8, 8]",
        wrong=False,
        culprit="",
    ),
    Case(
        name="table_interp",
        kind="interpolation: jnp.interp with learned knots",
        source="""import jax.numpy as jnp


def f(increments, values, x):
    knots = jnp.cumsum(jnp.exp(increments))
    knots = knots / knots[-1]
    return jnp.interp(x, knots, values)
""",
        inputs="increments: f32[7], values: f32[7], x = jnp.linspace(0.21, 0.93, 11)",
        wrong=False,
        culprit="",
    ),
    Case(
        name="phase_wrap",
        kind="floor: harmless (sawtooth has slope one)",
        source="""import jax.numpy as jnp


def wrap(phase):
    return phase - jnp.floor(phase / (2 * jnp.pi)) * 2 * jnp.pi


def f(freq, offset, t):
    phase = wrap(freq * t + offset)
    return jnp.mean((phase - jnp.pi) ** 2)
""",
        inputs="freq: f32[], offset: f32[], t = jnp.linspace(0.0, 20.0, 41)",
        wrong=False,
        culprit="",
    ),
    Case(
        name="integer_step_count",
        kind="integer parameter: learning-rate schedule in a pytree",
        source="""import jax
import jax.numpy as jnp


def f(state, x):
    warmup = jnp.minimum(1.0, (state["step"] + 1) / 10)
    beta = warmup * jax.nn.softplus(state["beta"])
    z = x @ state["w"]
    return jnp.mean(jnp.log1p(jnp.exp(-jnp.abs(z))) + beta * z**2)
""",
        inputs="state: {step: i32[] in [0, 9], beta: f32[], w: f32[5, 2]}, x: f32[12, 5]",
        wrong=False,
        culprit="",
    ),
    # --- loops and control flow ------------------------------------------------------------------------
    Case(
        name="cumulative_hazard",
        kind="cumsum: Cox partial likelihood",
        source='''import jax.numpy as jnp


def f(beta, covariates, event):
    """Rows are sorted by falling survival time."""
    risk = covariates @ beta
    at_risk = jnp.log(jnp.cumsum(jnp.exp(risk - risk.max()))) + risk.max()
    return -jnp.sum(jnp.where(event, risk - at_risk, 0.0)) / jnp.maximum(event.sum(), 1)
''',
        inputs="beta: f32[4], covariates: f32[25, 4], event = jnp.arange(25) % 2 == 0",
        wrong=False,
        culprit="",
    ),
    Case(
        name="lstm_scan",
        kind="scan: recurrent network",
        source="""import jax
import jax.numpy as jnp


def f(params, xs):
    width = params["wh"].shape[0]

    def step(carry, x):
        h, c = carry
        i, g, o, r = jnp.split(x @ params["wx"] + h @ params["wh"] + params["b"], 4, axis=-1)
        c = jax.nn.sigmoid(r + 1.0) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    start = (jnp.zeros((xs.shape[1], width)), jnp.zeros((xs.shape[1], width)))
    _, hs = jax.lax.scan(step, start, xs)
    return jnp.mean(hs**2)
""",
        inputs="params: {wx: f32[3, 20], wh: f32[5, 20], b: f32[20]}, xs: f32[7, 2, 3]",
        wrong=False,
        culprit="",
    ),
    Case(
        name="newton_while",
        kind="while_loop: forward mode only",
        source="""import jax
import jax.numpy as jnp


def cube_root(a):
    def unfinished(state):
        x, old, n = state
        return (jnp.abs(x - old) > 1e-6 * jnp.abs(x)) & (n < 60)

    def improve(state):
        x, _, n = state
        return (2 * x + a / x**2) / 3, x, n + 1

    return jax.lax.while_loop(unfinished, improve, (a, 2 * a + 1.0, 0))[0]


def f(volume):
    return jnp.sum(jax.vmap(cube_root)(1.0 + volume**2))
""",
        inputs="volume: f32[5]",
        wrong=False,
        culprit="",
    ),
    Case(
        name="rk4_lotka",
        kind="ODE: Runge-Kutta in a scan",
        source="""import jax
import jax.numpy as jnp


def rhs(theta, y):
    a, b, c, d = jax.nn.softplus(theta)
    prey, predator = y
    return jnp.array([a * prey - b * prey * predator, d * prey * predator - c * predator])


def f(theta, y0, observed):
    dt = 0.1

    def step(y, obs):
        k1 = rhs(theta, y)
        k2 = rhs(theta, y + 0.5 * dt * k1)
        k3 = rhs(theta, y + 0.5 * dt * k2)
        k4 = rhs(theta, y + dt * k3)
        y = y + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return y, jnp.sum((y - obs) ** 2)

    _, losses = jax.lax.scan(step, y0, observed)
    return losses.mean()
""",
        inputs="theta: f32[4], y0 = jnp.array([1.0, 0.5]), observed: f32[20, 2]",
        wrong=False,
        culprit="",
    ),
    Case(
        name="static_unroll",
        kind="static integer argument",
        source='''import jax.numpy as jnp


def f(x, log_step, n):
    """A few steps of damped power iteration."""
    a = jnp.outer(x, x) + jnp.diag(jnp.arange(1.0, x.shape[0] + 1))
    v = jnp.ones(x.shape[0])
    for _ in range(n):
        v = v + jnp.exp(log_step) * (a @ v)
        v = v / jnp.sqrt(v @ v)
    return v @ a @ v
''',
        inputs="x: f32[5], log_step: f32[], n = 3",
        wrong=False,
        culprit="",
    ),
    Case(
        name="cond_branches",
        kind="cond and switch",
        source="""import jax
import jax.numpy as jnp

BRANCHES = (jnp.tanh, jnp.sin, lambda v: v * jax.nn.sigmoid(v))


def f(w, x, which):
    h = jax.lax.switch(which, BRANCHES, x @ w)
    return jax.lax.cond(jnp.sum(x) > 1e3, lambda v: 0.0 * v.sum(), lambda v: jnp.sum(v**2), h)
""",
        inputs="w: f32[4, 3], x: f32[5, 4], which: i32[] in [0, 2]",
        wrong=False,
        culprit="",
    ),
    Case(
        name="remat_blocks",
        kind="remat: checkpointed blocks",
        source="""from functools import partial

import jax
import jax.numpy as jnp


@partial(jax.checkpoint, policy=jax.checkpoint_policies.dots_with_no_batch_dims_saveable)
def block(x, w):
    return x + jnp.tanh(x @ w) @ w.T / w.shape[1]


def f(stack, x):
    x, _ = jax.lax.scan(lambda h, w: (block(h, w), None), x, stack)
    return jnp.mean(jnp.cos(x))
""",
        inputs="stack: f32[3, 6, 6], x: f32[4, 6]",
        wrong=False,
        culprit="",
    ),
    Case(
        name="associative_ssm",
        kind="associative_scan: linear recurrence",
        source="""import jax
import jax.numpy as jnp


def combine(left, right):
    a1, b1 = left
    a2, b2 = right
    return a1 * a2, a2 * b1 + b2


def f(params, u):
    decay = jnp.exp(-jax.nn.softplus(u @ params["dt"]))
    _, h = jax.lax.associative_scan(combine, (decay, u @ params["b"]), axis=0)
    return jnp.sum(h * (u @ params["c"]), -1)
""",
        inputs="params: {dt: f32[3, 4], b: f32[3, 4], c: f32[3, 4]}, u: f32[9, 3]",
        wrong=False,
        culprit="",
    ),
    # --- right custom rules --------------------------------------------------------------------------------
    Case(
        name="log1mexp_rule",
        kind="custom_jvp: right, numerically safer",
        source='''import jax
import jax.numpy as jnp


@jax.custom_jvp
def log1mexp(x):
    """log(1 - exp(-x)) for x > 0."""
    return jnp.where(x < 0.69, jnp.log(-jnp.expm1(-x)), jnp.log1p(-jnp.exp(-x)))


@log1mexp.defjvp
def log1mexp_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    return log1mexp(x), dx / jnp.expm1(x)


def f(rate, durations):
    """Likelihood that each event fell before its deadline."""
    hazard = jnp.exp(rate) * durations
    return -jnp.mean(log1mexp(hazard))
''',
        inputs="rate: f32[], durations = jnp.array([1e-4, 0.02, 0.3, 0.69, 2.0, 30.0])",
        wrong=False,
        culprit="",
    ),
    Case(
        name="log1pexp_rule",
        kind="custom_jvp: right at large arguments",
        source="""import jax
import jax.numpy as jnp


@jax.custom_jvp
def log1pexp(x):
    return jnp.log(1.0 + jnp.exp(x))


@log1pexp.defjvp
def log1pexp_jvp(primals, tangents):
    (x,) = primals
    (x_dot,) = tangents
    return log1pexp(x), (1 - 1 / (1 + jnp.exp(x))) * x_dot


def f(scores, clicks):
    return jnp.mean(log1pexp(scores) - clicks * scores)
""",
        inputs="scores = jnp.array([-60.0, -3.0, 0.0, 5.0, 70.0]), clicks: f32[5]",
        wrong=False,
        culprit="",
    ),
    Case(
        name="safe_norm_rule",
        kind="custom_jvp: right, zero subgradient at the origin",
        source='''import jax
import jax.numpy as jnp


@jax.custom_jvp
def norm(v):
    return jnp.sqrt(jnp.sum(v * v, axis=-1))


@norm.defjvp
def norm_jvp(primals, tangents):
    (v,), (dv,) = primals, tangents
    n = norm(v)
    return n, jnp.sum(v * dv, axis=-1) / jnp.where(n == 0, 1.0, n)


def f(groups, x):
    """Group lasso; the first group is already at zero."""
    fit = jnp.mean((x @ groups.reshape(-1)) ** 2)
    return fit + 0.1 * jnp.sum(norm(groups))
''',
        inputs="groups = jnp.array([[0.0, 0.0], [1.0, -2.0], [0.5, 0.1]]), x: f32[8, 6]",
        wrong=False,
        culprit="",
    ),
    Case(
        name="fused_cross_entropy",
        kind="custom_vjp: right, integer labels get None",
        source="""import jax
import jax.numpy as jnp


@jax.custom_vjp
def cross_entropy(logits, labels):
    return _xent_fwd(logits, labels)[0]


def _xent_fwd(logits, labels):
    lse = jax.nn.logsumexp(logits, axis=-1)
    picked = jnp.take_along_axis(logits, labels[:, None], -1)[:, 0]
    return lse - picked, (logits, labels, lse)


def _xent_bwd(res, g):
    logits, labels, lse = res
    p = jnp.exp(logits - lse[:, None])
    onehot = jax.nn.one_hot(labels, logits.shape[-1], dtype=p.dtype)
    return (p - onehot) * g[:, None], None


cross_entropy.defvjp(_xent_fwd, _xent_bwd)


def f(params, x, labels):
    logits = jnp.tanh(x @ params["w"]) @ params["v"]
    return cross_entropy(logits, labels).mean()
""",
        inputs="params: {w: f32[4, 9], v: f32[9, 5]}, x: f32[8, 4], labels: i32[8] in [0, 4]",
        wrong=False,
        culprit="",
    ),
    Case(
        name="flash_attention_rule",
        kind="custom_vjp: right attention that recomputes its weights",
        source="""import jax
import jax.numpy as jnp


@jax.custom_vjp
def attention(q, k, v):
    return _attn_fwd(q, k, v)[0]


def _attn_fwd(q, k, v):
    s = jnp.einsum("td,sd->ts", q, k) * q.shape[-1] ** -0.5
    lse = jax.nn.logsumexp(s, axis=-1)
    out = jnp.exp(s - lse[:, None]) @ v
    return out, (q, k, v, out, lse)


def _attn_bwd(res, do):
    q, k, v, out, lse = res
    scale = q.shape[-1] ** -0.5
    p = jnp.exp(jnp.einsum("td,sd->ts", q, k) * scale - lse[:, None])
    delta = jnp.sum(do * out, axis=-1)
    ds = p * (do @ v.T - delta[:, None]) * scale
    return ds @ k, ds.T @ q, p.T @ do


attention.defvjp(_attn_fwd, _attn_bwd)


def f(q, k, v):
    return jax.vmap(attention)(q, k, v).sum(axis=(0, 1))
""",
        inputs="q: f32[2, 5, 4], k: f32[2, 7, 4], v: f32[2, 7, 4]",
        wrong=False,
        culprit="",
    ),
    Case(
        name="ema_reverse_scan",
        kind="custom_vjp: right reverse scan of a recurrence",
        source="""import jax
import jax.numpy as jnp


def _run(a, b, reverse=False):
    def step(h, ab):
        h = ab[0] * h + ab[1]
        return h, h

    return jax.lax.scan(step, jnp.zeros_like(b[0]), (a, b), reverse=reverse)[1]


@jax.custom_vjp
def ema(a, b):
    return _run(a, b)


def ema_fwd(a, b):
    h = _run(a, b)
    return h, (a, h)


def ema_bwd(res, g):
    a, h = res
    a_next = jnp.concatenate([a[1:], jnp.zeros_like(a[:1])])
    lam = _run(a_next, g, reverse=True)
    h_prev = jnp.concatenate([jnp.zeros_like(h[:1]), h[:-1]])
    return lam * h_prev, lam


ema.defvjp(ema_fwd, ema_bwd)


def f(logit_decay, u):
    decay = jnp.broadcast_to(jax.nn.sigmoid(logit_decay), u.shape)
    return jnp.mean(ema(decay, (1 - decay) * u) ** 2)
""",
        inputs="logit_decay: f32[3], u: f32[15, 3]",
        wrong=False,
        culprit="",
    ),
    Case(
        name="straight_through_declared",
        kind="straight-through estimator, declared",
        source="""import jax
import jax.numpy as jnp


# jaxsight: intended-gradient straight-through: the rounding is ignored in the backward pass
@jax.custom_vjp
def ste_round(x):
    return jnp.round(x)


ste_round.defvjp(lambda x: (jnp.round(x), None), lambda _, g: (g,))


def f(params, x):
    step = 0.25
    w = step * ste_round(params["w"] / step)
    return jnp.mean(jax.nn.relu(x @ w) @ params["v"])
""",
        inputs="params: {w: f32[5, 8], v: f32[8]}, x: f32[9, 5]",
        wrong=False,
        culprit="",
    ),
    Case(
        name="gradient_reversal_declared",
        kind="gradient reversal, declared",
        source="""import jax
import jax.numpy as jnp


# jaxsight: intended-gradient domain-adversarial training wants the reversed gradient
@jax.custom_vjp
def reverse(x):
    return x


def reverse_fwd(x):
    return x, None


def reverse_bwd(_, g):
    return (-0.5 * g,)


reverse.defvjp(reverse_fwd, reverse_bwd)


def f(params, x, domain):
    features = jnp.tanh(x @ params["enc"])
    logit = reverse(features) @ params["critic"]
    return jnp.mean(jax.nn.softplus(logit) - domain * logit)
""",
        inputs="params: {enc: f32[4, 6], critic: f32[6]}, x: f32[10, 4], domain: f32[10]",
        wrong=False,
        culprit="",
    ),
    # --- linear algebra --------------------------------------------------------------------------------------
    Case(
        name="gp_marginal",
        kind="cholesky: Gaussian process marginal likelihood",
        source="""import jax.numpy as jnp
from jax.scipy.linalg import cho_solve


def f(theta, x, y):
    ell, amp, noise = jnp.exp(theta["ell"]), jnp.exp(theta["amp"]), jnp.exp(theta["noise"])
    d2 = (x[:, None] - x[None, :]) ** 2
    k = amp * jnp.exp(-0.5 * d2 / ell**2) + (noise + 1e-3) * jnp.eye(x.shape[0])
    chol = jnp.linalg.cholesky(k)
    alpha = cho_solve((chol, True), y)
    return 0.5 * y @ alpha + jnp.sum(jnp.log(jnp.diag(chol))) + 0.5 * y.size * jnp.log(2 * jnp.pi)
""",
        inputs="theta: {ell: f32[], amp: f32[], noise: f32[]}, x = jnp.linspace(0.0, 4.0, 10), y: f32[10]",
        wrong=False,
        culprit="",
    ),
    Case(
        name="nuclear_norm",
        kind="svd: singular values",
        source="""import jax.numpy as jnp


def f(left, right, observed):
    m = left @ right.T
    s = jnp.linalg.svd(m + jnp.eye(*m.shape), compute_uv=False)
    return jnp.mean((m - observed) ** 2) + 0.1 * jnp.sum(s)
""",
        inputs="left: f32[5, 4], right: f32[4, 4], observed: f32[5, 4]",
        wrong=False,
        culprit="",
    ),
    Case(
        name="spectral_projection",
        kind="eigh: function of eigenvalues and eigenvectors",
        source="""import jax
import jax.numpy as jnp


def f(a, x):
    sym = a + a.T + jnp.diag(4.0 * jnp.arange(a.shape[0]))
    lam, vec = jnp.linalg.eigh(sym)
    heat = (vec * jnp.exp(-0.1 * lam)) @ vec.T
    return jnp.sum(jnp.square(heat @ x), axis=0)
""",
        inputs="a: f32[4, 4], x: f32[4, 3]",
        wrong=False,
        culprit="",
    ),
    Case(
        name="kalman_filter",
        kind="solve: Kalman filter likelihood in a scan",
        source="""import jax
import jax.numpy as jnp


def f(theta, ys):
    trans = jnp.array([[1.0, 0.1], [0.0, 1.0]])
    obs = jnp.array([[1.0, 0.0]])
    q = jnp.exp(theta["log_q"]) * jnp.eye(2)
    r = jnp.exp(theta["log_r"]) * jnp.eye(1)

    def step(carry, y):
        m, p = carry
        m, p = trans @ m, trans @ p @ trans.T + q
        s = obs @ p @ obs.T + r
        innovation = y - obs @ m
        gain = jnp.linalg.solve(s, obs @ p).T
        ll = -0.5 * (innovation @ jnp.linalg.solve(s, innovation) + jnp.linalg.slogdet(s)[1])
        return (m + gain @ innovation, p - gain @ s @ gain.T), ll

    _, lls = jax.lax.scan(step, (theta["m0"], jnp.eye(2)), ys)
    return -lls.sum()
""",
        inputs="theta: {log_q: f32[], log_r: f32[], m0: f32[2]}, ys: f32[12, 1]",
        wrong=False,
        culprit="",
    ),
    Case(
        name="conjugate_gradient",
        kind="linear solve: implicit derivative of conjugate gradients",
        source="""import jax
import jax.numpy as jnp
from jax.scipy.sparse.linalg import cg


def f(conductivity, source):
    k = 1.0 + jax.nn.softplus(conductivity)

    def operator(u):
        flux = k * jnp.diff(jnp.pad(u, 1))
        return u - jnp.diff(flux)

    u, _ = cg(operator, source, tol=1e-6)
    return jnp.mean(u**2)
""",
        inputs="conductivity: f32[13], source: f32[12]",
        wrong=False,
        culprit="",
    ),
    Case(
        name="equilibrium_adjoint",
        kind="implicit differentiation: right fixed point",
        source="""import jax
import jax.numpy as jnp


def cell(params, x, z):
    return jnp.tanh(0.15 * params["w"] @ z + params["u"] @ x)


def iterate(step, z0, n=100):
    return jax.lax.fori_loop(0, n, lambda _, z: step(z), z0)


@jax.custom_vjp
def equilibrium(params, x):
    z0 = jnp.zeros(params["w"].shape[0], x.dtype)
    return iterate(lambda z: cell(params, x, z), z0)


def equilibrium_fwd(params, x):
    z = equilibrium(params, x)
    return z, (params, x, z)


def equilibrium_bwd(res, g):
    params, x, z = res
    _, pull_z = jax.vjp(lambda zz: cell(params, x, zz), z)
    adjoint = iterate(lambda u: g + pull_z(u)[0], g)
    _, pull = jax.vjp(lambda p, xx: cell(p, xx, z), params, x)
    return pull(adjoint)


equilibrium.defvjp(equilibrium_fwd, equilibrium_bwd)


def f(params, x):
    z = jax.vmap(equilibrium, in_axes=(None, 0))(params, x)
    return jnp.mean(jnp.square(z @ params["head"]))
""",
        inputs="params: {w: f32[6, 6], u: f32[6, 3], head: f32[6]}, x: f32[4, 3]",
        wrong=False,
        culprit="",
    ),
    Case(
        name="sinkhorn_divergence",
        kind="logsumexp: unrolled Sinkhorn",
        source="""import jax
import jax.numpy as jnp
from jax.scipy.special import logsumexp


def f(x, y):
    eps = 0.5
    cost = jnp.sum((x[:, None] - y[None]) ** 2, -1)
    log_a = -jnp.log(x.shape[0]) * jnp.ones(x.shape[0])
    log_b = -jnp.log(y.shape[0]) * jnp.ones(y.shape[0])

    def body(_, pot):
        u, v = pot
        u = eps * (log_a - logsumexp((v[None, :] - cost) / eps, axis=1))
        v = eps * (log_b - logsumexp((u[:, None] - cost) / eps, axis=0))
        return u, v

    u, v = jax.lax.fori_loop(0, 15, body, (jnp.zeros(x.shape[0]), jnp.zeros(y.shape[0])))
    plan = jnp.exp((u[:, None] + v[None, :] - cost) / eps)
    return jnp.sum(plan * cost)
""",
        inputs="x: f32[6, 2], y: f32[5, 2]",
        wrong=False,
        culprit="",
    ),
    # --- complex -----------------------------------------------------------------------------------------------
    Case(
        name="spectral_convolution",
        kind="fft: Fourier layer with real weights",
        source="""import jax
import jax.numpy as jnp


def f(params, u):
    spectrum = jnp.fft.rfft(u, axis=-1)
    modes = params["re"].shape[0]
    kernel = params["re"] + 1j * params["im"]
    low = spectrum[:, :modes] * kernel
    y = jnp.fft.irfft(low, n=u.shape[-1], axis=-1)
    return jnp.mean(jax.nn.gelu(y + params["skip"] * u) ** 2)
""",
        inputs="params: {re: f32[5], im: f32[5], skip: f32[]}, u: f32[3, 16]",
        wrong=False,
        culprit="",
    ),
    Case(
        name="complex_beamformer",
        kind="complex parameter",
        source='''import jax.numpy as jnp


def f(weights, snapshots):
    """Output power of a beamformer with a unit-norm penalty."""
    out = snapshots @ weights.conj()
    power = jnp.mean(jnp.abs(out) ** 2)
    penalty = (jnp.real(jnp.vdot(weights, weights)) - 1.0) ** 2
    return power + penalty
''',
        inputs="weights: c64[4], snapshots: c64[10, 4]",
        wrong=False,
        culprit="",
    ),
    # --- random ------------------------------------------------------------------------------------------------
    Case(
        name="vae_elbo",
        kind="stochastic: reparameterised sample with a key",
        source="""import jax
import jax.numpy as jnp


def f(params, x, key):
    mu, log_var = jnp.split(jnp.tanh(x @ params["enc"]) @ params["stats"], 2, axis=-1)
    z = mu + jnp.exp(0.5 * log_var) * jax.random.normal(key, mu.shape)
    logits = z @ params["dec"]
    rec = jnp.sum(jax.nn.softplus(logits) - jax.nn.sigmoid(x) * logits, -1)
    kl = 0.5 * jnp.sum(jnp.exp(log_var) + mu**2 - 1 - log_var, -1)
    return jnp.mean(rec + kl)
""",
        inputs="params: {enc: f32[6, 8], stats: f32[8, 4], dec: f32[2, 6]}, x: f32[7, 6], key: key",
        wrong=False,
        culprit="",
    ),
    Case(
        name="dropout_network",
        kind="stochastic: dropout",
        source="""import jax
import jax.numpy as jnp


def dropout(key, x, rate=0.4):
    keep = jax.random.bernoulli(key, 1 - rate, x.shape)
    return jnp.where(keep, x / (1 - rate), 0)


def f(layers, x, key):
    for w in layers:
        key, sub = jax.random.split(key)
        x = dropout(sub, jax.nn.leaky_relu(x @ w))
    return x.mean()
""",
        inputs="layers: (f32[5, 8], f32[8, 8], f32[8, 2]), x: f32[6, 5], key: key",
        wrong=False,
        culprit="",
    ),
    Case(
        name="gumbel_softmax",
        kind="stochastic: relaxed categorical sample",
        source="""import jax
import jax.numpy as jnp


def f(logits, payoff, key):
    noise = jax.random.gumbel(key, (64, *logits.shape))
    relaxed = jax.nn.softmax((logits + noise) / 0.7, axis=-1)
    return jnp.mean(jnp.log1p(jnp.exp(relaxed @ payoff)))
""",
        inputs="logits: f32[5], payoff: f32[5], key: key",
        wrong=False,
        culprit="",
    ),
    # --- log densities -------------------------------------------------------------------------------------------
    Case(
        name="gaussian_mixture",
        kind="log density: mixture",
        source="""import jax
import jax.numpy as jnp
from jax.scipy.stats import norm


def f(params, x):
    log_w = jax.nn.log_softmax(params["w"])
    comp = norm.logpdf(x[:, None], params["mu"], jnp.exp(params["log_s"]))
    return -jnp.mean(jax.nn.logsumexp(log_w + comp, axis=-1))
""",
        inputs="params: {w: f32[3], mu: f32[3], log_s: f32[3]}, x: f32[30]",
        wrong=False,
        culprit="",
    ),
    Case(
        name="dirichlet_multinomial",
        kind="log density: gamma functions",
        source="""import jax.numpy as jnp
from jax.scipy.special import betaln, gammaln


def f(log_alpha, counts):
    alpha = jnp.exp(log_alpha)
    n = counts.sum(-1)
    total = gammaln(alpha.sum()) - gammaln(n + alpha.sum())
    each = gammaln(counts + alpha) - gammaln(alpha)
    prior = -betaln(alpha[0], alpha[1])
    return -jnp.sum(total + each.sum(-1)) - prior
""",
        inputs="log_alpha: f32[4], counts: i32[6, 4] in [0, 8]",
        wrong=False,
        culprit="",
    ),
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

CASES: list[Case] = WRONG + RIGHT
