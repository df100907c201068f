"""Custom rules that are wrong: terms, factors, signs, residuals."""

from __future__ import annotations

from benchmarks.runner.gradients.case import Case

CASES: list[Case] = [
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
]
