"""The half of the table that was written together with the checker."""

from __future__ import annotations

from benchmarks.runner.gradients.case import Case

_HEAD = "import jax\nimport jax.numpy as jnp\nimport numpy as np\nfrom jax import lax\n\n\n"


def _right(name: str, kind: str, source: str, inputs: str) -> Case:
    return Case(name, kind, _HEAD + source.strip("\n") + "\n", inputs, False, "")


def _wrong(name: str, kind: str, source: str, inputs: str, culprit: str) -> Case:
    return Case(name, kind, _HEAD + source.strip("\n") + "\n", inputs, True, culprit)


def _rule(primal: str, backward: str, use: str = "jnp.sum(h(x) ** 2)") -> str:
    """A custom_vjp of one argument."""
    return f"""
@jax.custom_vjp
def h(x):
    return {primal}


def forward(x):
    return h(x), x


def backward(x, g):
    return ({backward},)


h.defvjp(forward, backward)


def f(x):
    return {use}
"""


_RIGHT = [
    _right("polynomial", "smooth", "def f(x):\n    return jnp.sum(x**3 - 2 * x)", "x: f32[5]"),
    _right("mlp", "smooth", """
def f(params, x, y):
    hidden = jnp.tanh(x @ params["w"] + params["b"])
    return jnp.mean((hidden @ params["v"] - y) ** 2)
""", "params: {w: f32[6, 8], b: f32[8], v: f32[8, 2]}, x: f32[10, 6], y: f32[10, 2]"),
    _right("cross entropy", "smooth", """
def f(logits, labels):
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1))
""", "logits: f32[8, 5], labels: i32[8] in [0, 4]"),
    _right("attention with a mask", "smooth", """
def f(q, k, v):
    scores = q @ k.T / jnp.sqrt(q.shape[-1])
    mask = jnp.tril(jnp.ones(scores.shape, bool))
    return jax.nn.softmax(jnp.where(mask, scores, -jnp.inf)) @ v
""", "q: f32[6, 4], k: f32[6, 4], v: f32[6, 4]"),
    _right("layer norm", "smooth", """
def f(x, scale):
    mean, var = jnp.mean(x, -1, keepdims=True), jnp.var(x, -1, keepdims=True)
    return (x - mean) * lax.rsqrt(var + 1e-5) * scale
""", "x: f32[4, 16], scale: f32[16]"),
    _right("recurrent", "smooth", """
def f(w, xs):
    def step(h, x):
        h = jnp.tanh(w @ h + x)
        return h, h

    return lax.scan(step, jnp.zeros(3), xs)[1]
""", "w: f32[3, 3], xs: f32[12, 3]"),
    _right("linear solve", "linear algebra", """
def f(a, b):
    return jnp.linalg.solve(a @ a.T + 3 * jnp.eye(4), b)
""", "a: f32[4, 4], b: f32[4]"),
    _right("log determinant", "linear algebra", """
def f(a):
    return jnp.linalg.slogdet(a @ a.T + jnp.eye(5))[1]
""", "a: f32[5, 5]"),
    _right("relu at 0", "kink", "def f(x):\n    return jnp.sum(jax.nn.relu(x) * jnp.arange(4.0))", "x = jnp.array([0.0, 0.0, 1.0, -1.0])"),
    _right("abs at 0", "kink", "def f(x):\n    return jnp.sum(jnp.abs(x))", "x = jnp.zeros(4)"),
    _right("max of ties", "tie", "def f(x):\n    return jnp.max(x) + jnp.min(x)", "x = jnp.ones(4)"),
    _right("sort of ties", "tie", "def f(x):\n    return jnp.dot(jnp.sort(x), jnp.arange(4.0))", "x = jnp.array([1.0, 2.0, 2.0, 0.0])"),
    _right("median", "kink", "def f(x):\n    return jnp.median(x) ** 2", "x: f32[6]"),
    _right("clip at its ends", "kink", "def f(x):\n    return jnp.sum(jnp.clip(x, -1, 1) ** 2)", "x = jnp.array([-2.0, -1.0, 0.5, 1.0, 3.0])"),
    _right("safe where", "boundary", """
def f(x):
    safe = jnp.where(x > 0, x, 1.0)
    return jnp.sum(jnp.where(x > 0, jnp.sqrt(safe), 0.0))
""", "x = jnp.array([0.0, -1.0, 2.0])"),
    _right("safe norm at 0", "boundary", """
def f(x):
    square = jnp.sum(x**2)
    is_zero = square == 0
    return jnp.where(is_zero, 0.0, jnp.sqrt(jnp.where(is_zero, 1.0, square)))
""", "x = jnp.zeros(3)"),
    _right("logaddexp of large values", "large values", "def f(x, y):\n    return jnp.sum(jnp.logaddexp(x, y))", "x = jnp.array([500.0, -500.0, 0.0]), y = jnp.array([490.0, 500.0, 0.0])"),
    _right("logits of 10000", "large values", "def f(x):\n    return jax.nn.logsumexp(x) + jax.nn.softmax(x)[1]", "x = jnp.array([10000.0, 9999.0, -10000.0])"),
    _right("softmax by hand", "stop_gradient", """
def f(x):
    e = jnp.exp(x - lax.stop_gradient(jnp.max(x)))
    return jnp.dot(e / jnp.sum(e), jnp.arange(6.0))
""", "x: f32[6]"),
    _right("straight through, declared", "intended", """
def f(x):
    # jaxsight: intended-gradient straight through
    rounded = x + lax.stop_gradient(jnp.round(x) - x)
    return jnp.sum(rounded**2)
""", "x: f32[5]"),
    _right("clipped gradient, declared", "intended", "# jaxsight: intended-gradient clips on the way back\n" + _rule("x * 1.0", "jnp.clip(g, -0.1, 0.1)").strip("\n"), "x: f32[5]"),
    _right("right rule", "custom rule", _rule("jnp.sin(x) * x", "g * (jnp.cos(x) * x + jnp.sin(x))"), "x: f32[7]"),
    _right("stable log1pexp", "custom rule", """
@jax.custom_jvp
def log1pexp(x):
    return jnp.log1p(jnp.exp(x))


@log1pexp.defjvp
def log1pexp_jvp(primals, tangents):
    (x,), (t,) = primals, tangents
    return log1pexp(x), (1 - 1 / (1 + jnp.exp(x))) * t


def f(x):
    return jnp.sum(log1pexp(x))
""", "x: f32[5]"),
    _right("implicit square root", "custom rule", """
@jax.custom_vjp
def root(a):
    return lax.while_loop(lambda s: s[0] < 30, lambda s: (s[0] + 1, 0.5 * (s[1] + a / s[1])), (0, a))[1]


def forward(a):
    x = root(a)
    return x, x


def backward(x, g):
    return (g / (2 * x),)


root.defvjp(forward, backward)


def f(a):
    return jnp.sum(root(a))
""", "a: f32[3] in [1, 4]"),
    _right("hard-coded float32", "low precision", "def f(x):\n    return jnp.sum(jnp.sin(x.astype(jnp.float32)) ** 2)", "x: f32[6]"),
    _right("bfloat16 matmul", "low precision", """
def f(w, x):
    y = jnp.dot(x.astype(jnp.bfloat16), w.astype(jnp.bfloat16))
    return jnp.mean(jnp.tanh(y.astype(jnp.float32)))
""", "w: f32[8, 4], x: f32[5, 8]"),
    _right("complex modulus", "complex", "def f(z):\n    return jnp.sum(jnp.abs(z * z + 1) ** 2)", "z: c64[4]"),
    _right("fourier", "complex", "def f(x):\n    return jnp.sum(jnp.abs(jnp.fft.rfft(x)) ** 2 * jnp.arange(5.0))", "x: f32[8]"),
    _right("dropout with a key", "random", """
def f(x, key):
    keep = jax.random.bernoulli(key, 0.5, x.shape)
    return jnp.sum(jnp.where(keep, x / 0.5, 0.0) ** 2)
""", "x: f32[8], key: key"),
    _right("shift that cancels", "cancellation", "def f(b, x):\n    return jax.nn.log_softmax(x + b)[2]", "b: f32, x: f32[6]"),
]  # fmt: skip

_WRONG = [
    _wrong("wrong sign", "custom rule", _rule("jnp.sin(x)", "-g * jnp.cos(x)"), "x: f32[5]", "return (-g * jnp.cos(x),)"),
    _wrong("0.3 % off", "custom rule", _rule("jnp.sin(x)", "1.003 * g * jnp.cos(x)"), "x: f32[5]", "return (1.003 * g * jnp.cos(x),)"),
    _wrong("one element of 1000", "custom rule", _rule("jnp.sin(x)", "(g * jnp.cos(x)).at[371].multiply(1.1)"), "x: f32[1000]", "return ((g * jnp.cos(x)).at[371].multiply(1.1),)"),
    _wrong("cotangent forgotten", "custom rule", _rule("jnp.exp(x)", "jnp.exp(x)"), "x: f32[5]", "return (jnp.exp(x),)"),
    _wrong("transposed", "custom rule", """
@jax.custom_vjp
def product(a, x):
    return a @ x


def forward(a, x):
    return a @ x, (a, x)


def backward(saved, g):
    a, x = saved
    return jnp.outer(g, x), a @ g


product.defvjp(forward, backward)


def f(a, x):
    return jnp.sum(product(a, x) ** 2)
""", "a: f32[4, 4], x: f32[4]", "return jnp.outer(g, x), a @ g"),
    _wrong("arguments swapped", "custom rule", """
@jax.custom_vjp
def ratio(x, y):
    return x / y


def forward(x, y):
    return x / y, (x, y)


def backward(saved, g):
    x, y = saved
    return -g * x / y**2, g / y


ratio.defvjp(forward, backward)


def f(x, y):
    return jnp.sum(ratio(x, y))
""", "x: f32[4], y: f32[4] in [1, 2]", "return -g * x / y**2, g / y"),
    _wrong("jvp without a factor", "custom rule", """
@jax.custom_jvp
def cube(x):
    return x**3


@cube.defjvp
def cube_jvp(primals, tangents):
    (x,), (t,) = primals, tangents
    return cube(x), x**2 * t


def f(x):
    return jnp.sum(cube(x))
""", "x: f32[5]", "return cube(x), x**2 * t"),
    _wrong("defjvps of the wrong function", "custom rule", """
@jax.custom_jvp
def wave(x):
    return jnp.cos(x)


wave.defjvps(lambda t, answer, x: jnp.sin(x) * t)


def f(x):
    return jnp.sum(wave(x))
""", "x: f32[5]", "wave.defjvps(lambda t, answer, x: jnp.sin(x) * t)"),
    _wrong("custom_gradient", "custom rule", """
@jax.custom_gradient
def square(x):
    return x**2, lambda g: (g * x,)


def f(x):
    return jnp.sum(square(x))
""", "x: f32[5]", "return x**2, lambda g: (g * x,)"),
    _wrong("wrong only for negatives", "custom rule", _rule("jnp.where(x > 0, x, 0.1 * x)", "jnp.where(x > 0, g, g)"), "x: f32[6] in [-1, 1]", "return (jnp.where(x > 0, g, g),)"),
    _wrong("rule inside scan", "custom rule", """
@jax.custom_vjp
def squash(x):
    return jnp.tanh(x)


squash.defvjp(lambda x: (jnp.tanh(x), x), lambda x, g: (g * (1 - jnp.tanh(x)),))


def f(w, xs):
    return lax.scan(lambda h, x: (squash(w * h + x), h), 0.0, xs)[1]
""", "w: f32, xs: f32[7]", "squash.defvjp(lambda x: (jnp.tanh(x), x), lambda x, g: (g * (1 - jnp.tanh(x)),))"),
    _wrong("half stopped", "stop_gradient", "def f(x):\n    weight = lax.stop_gradient(x)\n    return jnp.sum(weight * x)", "x: f32[5]", "weight = lax.stop_gradient(x)"),
    _wrong("stopped statistics", "stop_gradient", """
def f(x):
    scale = jnp.std(lax.stop_gradient(x)) + 1.0
    return jnp.sum(jnp.tanh(x) / scale)
""", "x: f32[8]", "scale = jnp.std(lax.stop_gradient(x)) + 1.0"),
    _wrong("a layer stopped", "dead", """
def f(params, x):
    hidden = jnp.tanh(x @ lax.stop_gradient(params["w"]))
    return jnp.mean((hidden @ params["v"]) ** 2)
""", "params: {w: f32[3, 4], v: f32[4]}, x: f32[5, 3]", 'hidden = jnp.tanh(x @ lax.stop_gradient(params["w"]))'),
    _wrong("round", "dead", "def f(x):\n    levels = jnp.round(x * 8)\n    return jnp.sum((levels / 8) ** 2)", "x: f32[5]", "levels = jnp.round(x * 8)"),
    _wrong("integer cast", "dead", "def f(x):\n    pixels = (x * 255).astype(jnp.int32)\n    return jnp.mean(pixels / 255)", "x: f32[5] in [0, 1]", "pixels = (x * 255).astype(jnp.int32)"),
    _wrong("argmax", "dead", "def f(x):\n    best = jnp.argmax(x)\n    return jax.nn.one_hot(best, 5) @ jnp.arange(5.0)", "x: f32[5]", "best = jnp.argmax(x)"),
    _wrong("comparison", "dead", "def f(x, t):\n    hit = x > t\n    return jnp.mean(jnp.where(hit, x, 0.0))", "x: f32[9], t: f32 in [0, 1]", "hit = x > t"),
    _wrong("where trap", "not finite", "def f(x):\n    root = jnp.sqrt(x)\n    return jnp.sum(jnp.where(x > 0, root, 0.0))", "x = jnp.array([1.0, 0.0, 4.0])", "root = jnp.sqrt(x)"),
    _wrong("norm at 0", "not finite", "def f(x, y):\n    return jnp.exp(-jnp.linalg.norm(x - y))", "x = jnp.ones(3), y = jnp.ones(3)", "return jnp.exp(-jnp.linalg.norm(x - y))"),
    _wrong("square root in a scan", "not finite", """
def f(xs):
    def step(total, x):
        distance = jnp.sqrt(x**2)
        return total + distance, None

    return lax.scan(step, 0.0, xs)[0]
""", "xs = jnp.array([1.0, 2.0, 0.0, 3.0])", "distance = jnp.sqrt(x**2)"),
    _wrong("deviation of equal values", "not finite", "def f(x):\n    spread = jnp.std(x)\n    return jnp.sum(x) / (1.0 + spread)", "x = jnp.full(4, 2.0)", "spread = jnp.std(x)"),
    _wrong("latent where trap", "trap", "def f(x):\n    logs = jnp.log(x)\n    return jnp.sum(jnp.where(x > 0, logs, 0.0))", "x: f32[5]", "logs = jnp.log(x)"),
    _wrong("latent division", "trap", "def f(x, y):\n    ratio = x / y\n    return jnp.sum(jnp.where(y == 0, 0.0, ratio))", "x: f32[5], y: f32[5]", "ratio = x / y"),
    _wrong("naive softmax", "overflow", "def f(x):\n    e = jnp.exp(x)\n    return jnp.log(jnp.sum(e))", "x = jnp.array([100.0, 90.0, 1.0])", "e = jnp.exp(x)"),
    _wrong("sigmoid overflows", "overflow", "def f(x):\n    return jnp.sum(1 / (1 + jnp.exp(-x)))", "x = jnp.array([-100.0, 1.0])", "return jnp.sum(1 / (1 + jnp.exp(-x)))"),
    _wrong("cancellation", "precision", "def f(x):\n    gap = 1 - jnp.cos(x)\n    return jnp.sum(gap / x**2)", "x: f32[4] in [0.0002, 0.001]", "gap = 1 - jnp.cos(x)"),
    _wrong("bfloat16 swallows it", "precision", "def f(x):\n    shifted = x.astype(jnp.bfloat16) + 512\n    return jnp.sum((shifted - 512).astype(jnp.float32) ** 2)", "x: f32[5]", "shifted = x.astype(jnp.bfloat16) + 512"),
    _wrong("random numbers of NumPy", "random", "def f(x):\n    noise = np.random.normal(size=5)\n    return jnp.sum(x * (x + noise))", "x: f32[5]", "return jnp.sum(x * (x + noise))"),
    _wrong("conjugate forgotten", "complex", """
@jax.custom_vjp
def power(z):
    return jnp.real(z * jnp.conj(z))


power.defvjp(lambda z: (power(z), z), lambda z, g: (2 * g * z,))


def f(z):
    return jnp.sum(power(z))
""", "z: c64[4]", "power.defvjp(lambda z: (power(z), z), lambda z, g: (2 * g * z,))"),
]  # fmt: skip

CASES = [*_RIGHT, *_WRONG]
