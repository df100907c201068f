"""Custom rules and linear algebra that are right."""

from __future__ import annotations

from benchmarks.runner.gradients.case import Case

CASES: list[Case] = [
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
]
