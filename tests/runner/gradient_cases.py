"""Functions whose gradients are known to be right or wrong, checked in one process.

Run by path with a runner's Python: prints one line of JSON for each case, or for those that are named.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from textwrap import dedent

HEAD = "import jax, jax.numpy as jnp\nfrom jax import lax\nfrom functools import partial\n"


def custom(backward: str, primal: str = "jnp.sin(x) * 2") -> str:
    """A custom_vjp whose backward rule is given."""
    return f"""@jax.custom_vjp
def h(x):
    return {primal}
def fwd(x):
    return h(x), x
def bwd(x, g):
    return ({backward},)
h.defvjp(fwd, bwd)
def f(x):
    return jnp.sum(h(x) ** 2)
"""


X = "x: f32[5]"
# name -> (text, spec, verdict, verdicts of leaves)
CASES: dict[str, tuple[str, str, str, dict[str, str]]] = {
    "polynomial": ("def f(x): return jnp.sum(x ** 3 - 2 * x)", X, "right", {"x": "right"}),
    "dict": (
        "def f(params, x): return jnp.tanh(x @ params['w'] + params['b'])",
        "params: {w: f32[3, 4], b: f32[4]}, x: f32[2, 3]",
        "right",
        {"params['b']": "right", "params['w']": "right", "x": "right"},
    ),
    "relu at 0": ("def f(x): return jnp.sum(jax.nn.relu(x - x[0]))", X, "right", {}),
    "abs at 0": ("def f(x): return jnp.sum(jnp.abs(x))", "x = jnp.zeros(4)", "right", {"x": "kink"}),
    "max of ties": ("def f(x): return jnp.max(x)", "x = jnp.ones(4)", "right", {"x": "kink"}),
    "scalar relu, negative": ("def f(x): return jax.nn.relu(x)", "x = jnp.float32(-0.7)", "right", {"x": "right"}),
    "safe where": (
        "def f(x): return jnp.sum(jnp.where(x > 0, jnp.sqrt(jnp.where(x > 0, x, 1.0)), 0.0))",
        X,
        "right",
        {"x": "right"},
    ),
    "integers and keys": (
        "def f(x, i, key): return jnp.sum(x[i] * jax.random.normal(key, (3,)))",
        "x: f32[5], i: i32[3] in [0, 4], key: key",
        "right",
        {"x": "right", "i": "not-differentiable", "key": "not-differentiable"},
    ),
    "scan": (
        "def f(w, xs):\n    return lax.scan(lambda h, x: (jnp.tanh(w @ h + x), h), xs[0], xs)[1]",
        "w: f32[3, 3], xs: f32[6, 3]",
        "right",
        {"w": "right", "xs": "right"},
    ),
    "compiled": ("@partial(jax.jit, static_argnames='n')\ndef f(x, n): return jnp.sum(x ** n)", X + ", n = 3", "right", {}),
    "complex": ("def f(z): return jnp.sum(jnp.abs(z * z) ** 2)", "z: c64[3]", "right", {"z": "right"}),
    "holomorphic": ("def f(z): return jnp.sin(z) * z", "z: c64[3]", "right", {"z": "right"}),
    "hard-coded f32": ("def f(x): return jnp.sum(jnp.sin(x.astype(jnp.float32)))", X, "right", {"x": "right"}),
    "softmax shift": ("def f(b, x): return jax.nn.log_softmax(x + b)", "b: f32, x: f32[6]", "right", {}),
    "large values": ("def f(x): return jnp.sum(jnp.exp(x * 5)) + 1e6", X, "right", {"x": "right"}),
    "linear solve": (
        "def f(a, b): return jnp.linalg.solve(a @ a.T + 3 * jnp.eye(4), b)", "a: f32[4, 4], b: f32[4]", "right", {}),
    "cond": ("def f(x): return lax.cond(x[0] > 0, jnp.sin, jnp.cos, x).sum()", X, "right", {"x": "right"}),
    "unused": ("def f(x, y): return jnp.sum(x) + 0 * jnp.sum(jnp.ones(2))", X + ", y: f32[2]", "right", {"y": "unused"}),
    "right custom rule": (custom("g * 2 * jnp.cos(x)"), X, "right", {"x": "right"}),
    "many relus": (
        "def f(w, x): return jnp.mean(jax.nn.relu(x @ w))", "w: f32[32, 64], x: f32[16, 32]", "right", {}),
    "wrong sign": (custom("-g * 2 * jnp.cos(x)"), X, "wrong", {"x": "wrong"}),
    "0.3 % off": (custom("1.003 * g * 2 * jnp.cos(x)"), X, "wrong", {"x": "wrong"}),
    "one wrong element": (
        custom("(g * 2 * jnp.cos(x)).at[37].multiply(1.1)"),
        "x: f32[100]",
        "wrong",
        {"x": "wrong"},
    ),
    "wrong custom_jvp": (
        "@jax.custom_jvp\ndef h(x): return jnp.sin(x)\n"
        "@h.defjvp\ndef h_jvp(p, t): return h(p[0]), jnp.cos(p[0]) * t[0] * 0.5\n"
        "def f(x): return jnp.sum(h(x))",
        X,
        "wrong",
        {"x": "wrong"},
    ),
    "wrong defjvps": (
        "@jax.custom_jvp\ndef h(x): return jnp.sin(x)\n"
        "h.defjvps(lambda t, ans, x: jnp.sin(x) * t)\ndef f(x): return jnp.sum(h(x))",
        X,
        "wrong",
        {"x": "wrong"},
    ),
    "wrong in one of two": (
        custom("-g * 2 * jnp.cos(x)") + "def g(x, y): return f(x) + jnp.sum(y ** 2)\n",
        "x: f32[3], y: f32[3]",
        "wrong",
        {"x": "wrong", "y": "right"},
    ),
    "wrong relu": (custom("g * (x > 0.5)", "jnp.maximum(x, 0)"), "x: f32[40]", "wrong", {"x": "wrong"}),
    "stop_gradient": ("def f(x): return jnp.sum(lax.stop_gradient(x) ** 2)", X, "wrong", {"x": "dead"}),
    "half stopped": ("def f(x): return jnp.sum(lax.stop_gradient(x) * x)", X, "wrong", {"x": "wrong"}),
    "round": ("def f(x): return jnp.sum(jnp.round(x * 3))", X, "wrong", {"x": "dead"}),
    "where trap": (
        "def f(x): return jnp.sum(jnp.where(x > 0, jnp.sqrt(x), 0.0))", X, "wrong", {"x": "non-finite"}),
    "norm at 0": ("def f(x): return jnp.linalg.norm(x)", "x = jnp.zeros(3)", "wrong", {"x": "non-finite"}),
    "intended clip": (
        "# jaxsight: intended-gradient clips the gradient on its way back\n"
        + custom("jnp.clip(g, -0.01, 0.01)", "x"),
        X,
        "right",
        {"x": "intended"},
    ),
    "intended above defvjp": (
        custom("0.5 * g", "x").replace("h.defvjp", "# jaxsight: intended-gradient halves\nh.defvjp"),
        X,
        "right",
        {"x": "intended"},
    ),
    "straight through": (
        custom("g", "jnp.round(x)").replace("def bwd", "# jaxsight: intended-gradient straight through\ndef bwd"),
        X,
        "right",
        {"x": "intended"},
    ),
    "intended, but another is wrong": (
        "# jaxsight: intended-gradient clips\n"
        + custom("0.5 * g", "x")
        + "@jax.custom_vjp\ndef k(x): return x * x\n"
        + "k.defvjp(lambda x: (k(x), x), lambda x, g: (3 * x * g,))\n"
        + "def g(x): return f(k(x))\n",
        X,
        "wrong",
        {"x": "wrong"},
    ),
    "reverse through while": (
        "def f(x): return lax.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, s[1] * x), (0, x))[1].sum()",
        X,
        "right",
        {"x": "right"},
    ),
    "labels that are asked whether they hold": (
        "def f(x, y): return jnp.sum(jnp.where(y, -x, x) ** 3)",
        "x: f32[5], y: f32[5] in [0, 1]",
        "right",
        {"x": "right", "y": "stopped"},
    ),
    "wrong forwards through while": (
        "@jax.custom_jvp\ndef k(x): return x ** 3\n"
        "k.defjvp(lambda p, t: (p[0] ** 3, 2 * p[0] ** 2 * t[0]))\n"
        "def f(x): return lax.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, s[1] * k(x)), (0, x))[1].sum()",
        X,
        "wrong",
        {"x": "wrong"},
    ),
    "out of its domain": ("def f(x): return jnp.sum(jnp.log(x))", X, "unsupported", {}),
    "integers only": ("def f(i): return i + 1", "i: i32[3]", "unsupported", {}),
    "integer output": ("def f(x): return jnp.argmax(x)", X, "unsupported", {}),
    "latent trap": (
        "def f(x):\n    logs = jnp.log(x)\n    return jnp.sum(jnp.where(x > 0, logs, 0.0))", X, "right", {"x": "right"}),
    "trap outside of the range": (
        "def f(x): return jnp.sum(jnp.where(x > 0, jnp.log(x), 0.0))", "x: f32[5] in [0.5, 1]", "right", {"x": "right"}),
    "norm": ("def f(x): return jnp.linalg.norm(x)", X, "right", {"x": "right"}),
    "root in a scan": (
        "def f(xs):\n    def step(t, x):\n        d = jnp.sqrt(x * x)\n        return t + d, None\n"
        "    return lax.scan(step, 0.0, xs)[0]",
        "xs = jnp.array([1.0, 0.0, 2.0])",
        "wrong",
        {"xs": "non-finite"},
    ),
    "overflow": ("def f(x):\n    e = jnp.exp(x)\n    return jnp.log(jnp.sum(e))", "x: f32[3] in [95, 99]", "wrong", {}),
    "cancellation": (
        "def f(x):\n    m = jnp.mean(x)\n    return jnp.mean(x ** 2) - m ** 2", "x: f32[64] in [10000, 10001]", "wrong", {}),
    "ill-conditioned, not imprecise": ("def f(x): return jnp.sum(jnp.sin(1e4 * x))", X, "right", {"x": "right"}),
    "bfloat16 inside": (
        "def f(w, x): return jnp.mean(jnp.tanh((x.astype('bfloat16') @ w.astype('bfloat16')).astype('float32')))",
        "w: f32[4, 3], x: f32[5, 4]",
        "right",
        {"w": "right", "x": "right"},
    ),
    "bfloat16 inside of shard_map": (
        "try:\n    from jax import shard_map\nexcept ImportError:\n    from jax.experimental.shard_map import shard_map\n"
        "from jax.sharding import Mesh, PartitionSpec as P\nmesh = Mesh(jax.devices()[:1], ('a',))\n"
        "def body(w, x): return lax.psum((x.astype('bfloat16') @ w.astype('bfloat16')).astype('float32'), 'a')\n"
        "def f(w, x): return jnp.tanh(shard_map(body, mesh=mesh, in_specs=(P('a'), P(None, 'a')), out_specs=P())(w, x))",
        "w: f32[4, 3], x: f32[5, 4]",
        "right",
        {"w": "right", "x": "right"},
    ),
    "arguments are donated": (
        "@partial(jax.jit, donate_argnums=0)\ndef f(w, x): return w - 0.1 * jax.grad(lambda w: jnp.sum((x @ w) ** 2))(w)",
        "w: f32[3], x: f32[4, 3]",
        "right",
        {"w": "right", "x": "right"},
    ),
    "an index of 32 bits beside one of Python's": (
        "def f(x, i): return lax.dynamic_update_slice(jnp.zeros((2, 8), x.dtype), x[None] ** 2, (0, i))",
        "x: f32[5], i: i32 in [0, 3]",
        "right",
        {"x": "right", "i": "not-differentiable"},
    ),
    "swallowed by bfloat16": (
        "def f(x):\n    y = x.astype('bfloat16') + 512\n    return jnp.sum((y - 512).astype('float32') ** 2)", X, "wrong", {}),
    "argmax": ("def f(x):\n    i = jnp.argmax(x)\n    return jnp.arange(5.0)[i]", X, "wrong", {"x": "dead"}),
    "cast": ("def f(x, y):\n    i = (8 * y).astype(int)\n    return jnp.sum(x) + jnp.sum(i)", X + ", y: f32[3]", "wrong",
        {"x": "right", "y": "dead"}),
    "comparison in a loop": (
        "def f(t, xs):\n    def step(n, x):\n        above = x > t\n        return n + jnp.where(above, x, 0.0), None\n"
        "    return lax.scan(step, 0.0, xs)[0]",
        "t: f32, xs: f32[6]",
        "wrong",
        {"t": "dead", "xs": "right"},
    ),
    "random": ("import numpy as np\ndef f(x):\n    noise = np.random.rand(5)\n    return jnp.sum(x * noise)", X, "wrong", {}),
    "other forward": (
        custom("g * 2 * jnp.cos(x)").replace("return h(x), x", "return h(x) + 1, x"), X, "wrong", {}),
    "two stops": (
        "def f(x):\n    a = lax.stop_gradient(x)\n    b = lax.stop_gradient(jnp.max(x))\n"
        "    return jnp.sum(jax.nn.softmax(x - b) * a)",
        X,
        "wrong",
        {"x": "wrong"},
    ),
    "stopped beside a loss": (
        "def f(x): return jnp.sum(x ** 2), {'seen': lax.stop_gradient(x) * 2}", X, "right", {"x": "right"}),
    "declared stop": (
        "def f(q, target):\n    # jaxsight: intended-gradient a target network\n    t = lax.stop_gradient(target)\n"
        "    return jnp.mean((q - t) ** 2)",
        "q: f32[4], target: f32[4]",
        "right",
        {"q": "right", "target": "intended"},
    ),
    "wrong for negatives": (
        custom("2 * g * x", "x * jnp.abs(x)"), "x = jnp.array([1.0, 2.0, 3.0])", "wrong", {"x": "right"}),
    "right where its inputs lie": (custom("2 * g * x", "x * jnp.abs(x)"), "x: f32[3] in [0.5, 1]", "right", {}),
    "chaos": ("def f(x): return lax.fori_loop(0, 80, lambda i, y: 3.9 * y * (1 - y), x).sum()", "x: f32[3] in [0.1, 0.9]",
        "unsure", {"x": "unsure"}),
    "infinite for a mask": (
        "def f(x): return jnp.where(jnp.arange(5) < 3, x ** 2, -jnp.inf)", X, "right", {"x": "right"}),
    "gradient function": (
        "def loss(w, x): return jnp.sum((x @ w) ** 2), jnp.round(x)\nf = jax.jit(jax.value_and_grad(loss, has_aux=True))",
        "w: f32[3], x: f32[4, 3]",
        "right",
        {"w": "right", "x": "right"},
    ),
    "wrong root": (
        "def f(a):\n    return lax.custom_root(lambda x: x ** 2 - a, a, lambda g, x0: lax.fori_loop(\n"
        "        0, 30, lambda i, x: (x + a / x) / 2, x0), lambda g, y: y / g(1.1))",
        "a: f32 in [1, 3]",
        "wrong",
        {"a": "wrong"},
    ),
    "Python looks": (
        "def f(x):\n    if jnp.sum(x) > 9:\n        return jnp.sum(x ** 2)\n    return jnp.sum(jnp.sin(x))", X, "right", {"x": "right"}),
    "declared labels": (
        "def f(w, y):\n    t = y > 0.5  # jaxsight: intended-gradient labels\n    return jnp.sum(jnp.where(t, w, -w))",
        "w: f32[4], y: f32[4]",
        "right",
        {"w": "right", "y": "intended"},
    ),
    "samples of a gamma distribution": (
        "def f(a): return jax.random.gamma(jax.random.PRNGKey(0), jnp.exp(a))", "a: f32", "unsure", {"a": "unsure"}),
    "second derivative": ("def f(x): return jnp.sum(jnp.sin(x) * x[::-1] ** 2)", X, "right", {"x": "right"}),
    "stopped in a rule": (
        "@jax.custom_jvp\ndef h(x): return jnp.sin(x)\n"
        "@h.defjvp\ndef h_jvp(p, t): return h(p[0]), lax.stop_gradient(jnp.cos(p[0])) * t[0]\n"
        "def f(x): return jnp.sum(h(x))",
        X,
        "wrong",
        {"x": "right"},
    ),
}  # fmt: skip
# name -> kind of a finding, and how its line begins; "" where it has none
FINDINGS: dict[str, tuple[str, str]] = {
    "wrong sign": ("wrong-rule", "def bwd(x, g):"),
    "half stopped": ("cut", "def f(x): return jnp.sum(lax.stop_gradient(x) * x)"),
    "stop_gradient": ("cut", "def f(x): return jnp.sum(lax.stop_gradient(x) ** 2)"),
    "where trap": ("non-finite", "def f(x): return"),
    "latent trap": ("trap", "logs = jnp.log(x)"),
    "norm": ("singular", "def f(x): return jnp.linalg.norm(x)"),
    "root in a scan": ("non-finite", "d = jnp.sqrt(x * x)"),
    "overflow": ("overflow", "e = jnp.exp(x)"),
    "cancellation": ("precision", "return jnp.mean(x ** 2) - m ** 2"),
    "swallowed by bfloat16": ("precision", "return jnp.sum((y - 512)"),
    "argmax": ("cut", "i = jnp.argmax(x)"),
    "cast": ("cut", "i = (8 * y).astype(int)"),
    "comparison in a loop": ("cut", "above = x > t"),
    "random": ("random", "return jnp.sum(x * noise)"),
    "other forward": ("wrong-rule", "def fwd(x):"),
    "two stops": ("cut", "a = lax.stop_gradient(x)"),
    "wrong for negatives": ("elsewhere", "def bwd(x, g):"),
    "wrong root": (
        "wrong-rule|mismatch",
        "return lax.custom_root(",
    ),  # a rule, or an operation of its own
    "stopped in a rule": ("mismatch", "@h.defjvp"),
}
ROUNDED = {"swallowed by bfloat16"}  # XLA of JAX 0.4 computes what is between two casts in float32
SECOND_ORDER = {"second derivative", "stopped in a rule"}
SECOND = {"wrong in one of two", "intended, but another is wrong"}  # their target is `g`


def main(folder: str, runner: str) -> None:
    """Check every case and print what came of it."""
    sys.path.append(runner)
    from jaxsight_runner.protocol import GradientsOptions, GradientsRequest, to_json
    from jaxsight_runner.worker import Job, run_request

    class Silent:
        def send(self, message: object) -> None:
            del message

    wanted = sys.argv[3:] or CASES
    for index, (name, (text, spec, _, _)) in enumerate(CASES.items()):
        if name not in wanted:
            continue
        path = Path(folder) / f"case_{index}.py"
        target = "g" if name in SECOND else "f"
        options = GradientsOptions(order=2 if name in SECOND_ORDER else 1)
        request = GradientsRequest(str(path), HEAD + dedent(text), target, spec, options=options)
        outcome = run_request(request, Job(Silent()))  # type: ignore[arg-type]
        line = {"name": name, "type": type(outcome).__name__, **to_json(outcome)}
        print(json.dumps(line), file=sys.__stdout__, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:3])
