"""Gradients that are not finite, or lose their digits."""

from __future__ import annotations

from benchmarks.runner.gradients.case import Case

CASES: list[Case] = [
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
