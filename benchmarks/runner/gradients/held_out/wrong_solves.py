"""Solves, implicit differentiation, gradients written by hand, modules and complex numbers that are wrong."""

from __future__ import annotations

from benchmarks.runner.gradients.case import Case

CASES: list[Case] = [
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
]
