"""Indexing, loops, random numbers and densities that are right."""

from __future__ import annotations

from benchmarks.runner.gradients.case import Case

CASES: list[Case] = [
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
]
