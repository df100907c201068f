"""Random edits of real files: of characters, lines, blocks and their indentation."""

from __future__ import annotations

import importlib.util
import random
import re
from pathlib import Path

TOKENS = (
    *("a", "q", "1", " ", "(", ")", "[", "]", "{", "}", '"', '"""', "'", "'''", ":", "#", "\\"),
    *(
        "\n",
        "@",
        ";",
        "\t",
        ",",
        "    ",
        "\n    ",
        "if x:\n",
        "def f():\n",
        "class A:\n",
        "else:\n",
    ),
    *("except:\n", "try:\n", "@d\n", "\f", "é", "\r", "\r\n", "\\\n", "=", "pass\n", "return "),
    *("\n\n\n", '"""\n', "# c\n", "        ", "    pass\n", "    def g(self):\n        pass\n"),
    *("x = 1\n", " = ", "lambda", 'f"{', "\ufeff", "\x00", "match x:\n", "  case y:\n", "async "),
)
LIBRARIES = {
    "jax": ("version.py", "_src/tree_util.py", "_src/core.py", "_src/abstract_arrays.py"),
    "flax": ("linen/module.py", "linen/attention.py", "core/lift.py", "nnx/rnglib.py"),
    "optax": ("_src/base.py", "schedules/_inject.py", "losses/_classification.py"),
    "numpyro": ("distributions/constraints.py", "distributions/distribution.py", "diagnostics.py"),
}


def files() -> list[Path]:
    found: list[Path] = []
    for library, names in LIBRARIES.items():
        spec = importlib.util.find_spec(library)
        if spec is not None and spec.origin is not None:
            found += [Path(spec.origin).parent / name for name in names]
    return [path for path in found if path.exists()] or sorted(Path(__file__).parent.glob("*.py"))


FILES = files()


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def edited(text: str, original: str, chance: random.Random) -> str:
    """A text after one edit: of a few characters, of lines, or of their indentation."""
    kind = chance.random()
    place = chance.randrange(len(text) + 1)
    if kind < 0.45:
        return text[:place] + chance.choice(TOKENS) + text[place:]
    if kind < 0.55:
        return text[:place] + text[place + chance.choice((1, 1, 1, 2, 5, 20)) :]
    lines = _lines(text) or ["x\n"]
    start = chance.randrange(len(lines))
    if kind < 0.7:
        return "".join(lines[:start] + lines[start + chance.choice((1, 1, 2, 3, 10, 40)) :])
    if kind < 0.85:
        pasted = _lines(original)
        first = chance.randrange(len(pasted))
        pasted = pasted[first : first + chance.choice((1, 1, 2, 5, 30, 120))]
        return "".join(lines[:start] + pasted + lines[start:])
    end = start + chance.choice((1, 1, 3, 10))
    indent = chance.choice(("    ", " ", "\t"))
    if chance.random() < 0.5:
        moved = [indent + line for line in lines[start:end]]
    else:
        moved = [line.removeprefix(indent) for line in lines[start:end]]
    return "".join(lines[:start] + moved + lines[end:])


_NAME = re.compile(r"\b[A-Za-z_]\w*\b")
_STATEMENTS = (
    *("import jax\n", "import jax.numpy as jnp\n", "import numpy as np\n", "from jax import jit, lax\n"),
    *("@jax.jit\n", "@partial(jax.jit, static_argnames=('n',))\n", "@property\n", "@staticmethod\n"),
    *("print({a})\n", "{a} = {b}\n", "{a}, {b} = {b}, {a}\n", "{a} = jnp.sum({b})\n", "del {a}\n"),
    *("{a} = jax.random.split({b})\n", "{a} = jax.random.normal({b}, (3,))\n", "{a} = jax.random.key(0)\n"),
    *("if {a} > 0:\n", "while {a}:\n", "for {a} in {b}:\n", "with {a} as {b}:\n", "return {a}\n", "pass\n"),
    *("{a}[0] = {b}\n", "{a}.append({b})\n", "{a}.{b} = {a}\n", "global {a}\n", "{a} = np.sin({b})\n"),
    *("{a} = jax.jit({b})\n", "{a} = jax.vmap({b})({a})\n", "{a} = lambda {b}: {a}\n", "{a}({b})\n"),
    *("assert {a}\n", "float({a})\n", "{a} = [{b} for {b} in {a}]\n", "def {a}({b}):\n", "class {a}({b}):\n"),
)  # fmt: skip


def retold(text: str, chance: random.Random) -> str:
    """A text after one edit that is likely to leave it Python and to change what it means."""
    names = list(_NAME.finditer(text))
    if not names or chance.random() < 0.5:
        lines = _lines(text) or ["x\n"]
        at = chance.randrange(len(lines))
        words = [chance.choice(names)[0] if names else "x" for _ in range(2)]
        line = chance.choice(_STATEMENTS).format(a=words[0], b=words[1])
        indent = lines[at][: len(lines[at]) - len(lines[at].lstrip(" "))]
        return "".join([*lines[:at], indent + line, *lines[at:]])
    one = chance.choice(names)
    other = chance.choice(names)[0]
    if chance.random() < 0.3:  # renamed everywhere
        return re.sub(rf"\b{re.escape(one[0])}\b", other, text)
    return text[: one.start()] + other + text[one.end() :]
