"""Texts that nobody writes and every editor shows at some moment, and programs of all statements."""

from __future__ import annotations

import ast
import random
import sys

BEGINNING = "import jax\nimport jax.numpy as jnp\n"
USE = "\n\n@jax.jit\ndef f(x, key):\n    if jnp.sum(x) > 0:\n        x = x + 1\n    return x\n"

DEPTHS = (50, 90, 200, 300, 700, 985, 3000, 20_000)


def nested(depth: int) -> dict[str, str]:
    """Things in each other, as deep as one likes."""
    blocks = min(depth, 3000)
    return {
        "parentheses": f"y = {'(' * depth}1{')' * depth}",
        "tuples": f"y = {'(1, ' * depth}1{')' * depth}",
        "lists": f"y = {'[' * depth}{']' * depth}",
        "open brackets": f"y = {'[(' * depth}",
        "calls in arguments": f"y = {'jnp.sin(' * depth}1{')' * depth}",
        "chain of calls": f"y = jnp{'.f(1)' * depth}",
        "chain of attributes": f"y = jnp{'.at' * depth}",
        "chain of subscripts": f"y = jnp{'[0]' * depth}",
        "sum": f"y = {'1 + ' * depth}1",
        "power": f"y = {'2 ** ' * depth}2",
        "not": f"y = {'not ' * depth}1",
        "minus": f"y = {'-' * depth}1",
        "and": f"y = {'jnp and ' * depth}1",
        "and in or": f"y = {'(jnp and (jnp or ' * depth}1{'))' * depth}",
        "comparison": f"y = {'1 < ' * depth}1",
        "ternary": f"y = {'1 if jnp else ' * depth}1",
        "lambda": f"y = {'lambda x: ' * depth}1",
        "walrus": f"y = {'(a := ' * depth}1{')' * depth}",
        "await": f"async def g():\n    y = {'await ' * depth}jnp",
        "dicts": f"y = {'{1: ' * depth}1{'}' * depth}",
        "comprehensions": f"y = {'[' * depth}x{' for x in jnp]' * depth}",
        "f-strings": "y = " + "f'{" * depth + "jnp" + "}'" * depth,
        "target": f"{'(' * depth}y{',)' * depth} = jnp",
        "slices": f"y = jnp{'[jnp' * depth}{']' * depth}",
        "starred": f"y = {'[*' * depth}jnp{']' * depth}",
        "ifs": "\n".join(f"{' ' * i}if jnp.a:" for i in range(blocks)) + f"\n{' ' * blocks}y = 1",
        "functions": "\n".join(f"{' ' * i}def g(x):" for i in range(blocks)) + f"\n{' ' * blocks}y = x",
        "classes": "\n".join(f"{' ' * i}class C:" for i in range(blocks)) + f"\n{' ' * blocks}y = 1",
        "withs": "\n".join(f"{' ' * i}with jnp as y:" for i in range(blocks)) + f"\n{' ' * blocks}y = 1",
        "tries": "\n".join(f"{' ' * i}try:" for i in range(blocks)),
        "elifs": "if jnp: y = 1\n" + "elif jnp: y = 2\n" * blocks,
        "decorators": "@jax.jit\n" * blocks + "def g(x): return x",
        "patterns": f"match jnp:\n    case {'[' * depth}x{']' * depth}: y = x",
        "annotation": f"y: {'list[' * depth}int{']' * depth} = 1",
    }  # fmt: skip


def enormous(share: float = 1.0) -> dict[str, str]:
    """Long rather than deep; or a share of that."""

    def times(count: int) -> int:
        return int(count * share)

    return {
        "list of numbers": f"y = [{'1, ' * times(100_000)}]",
        "list of lists": f"y = [{'[1.0, 2.0], ' * times(50_000)}]",
        "string": f"y = '{'x' * times(1_000_000)}'",
        "lines in a string": f"y = '''{'x' * 60}{chr(10) * times(200_000)}'''",
        "dict": f"y = {{{', '.join(f'{i}: jnp' for i in range(times(50_000)))}}}",
        "set": f"y = {{{', '.join(map(str, range(times(50_000))))}}}",
        "number": f"y = {'9' * times(4000)} + 0x{'f' * times(200_000)}",
        "arguments": f"y = jnp.stack({', '.join(f'a{i}' for i in range(times(20_000)))})",
        "parameters": f"def g({', '.join(f'a{i}=1' for i in range(times(20_000)))}): return a1",
        "name": f"{'y' * times(500_000)} = jnp",
        "one line": "y = jnp.zeros(3); " * times(20_000),
        "one line of comment": f"# {'jaxsight: ignore ' * times(50_000)}",
        "empty lines": "\n" * times(300_000),
        "lines of code": "y = 1\n" * times(100_000),
        "lines of calls": "y = jnp.sin(1.0)\n" * times(10_000),
        "imports": "\n".join(f"import a{i}.b.c as d{i}" for i in range(times(5_000))),
        "backslashes": "y = 1" + " + \\\n 1" * times(20_000),
        "semicolons": ";" * times(100_000),
        "joined strings": "y = " + "'x' " * times(50_000),
    }


def odd() -> dict[str, str]:
    """Characters and line ends that the world holds."""
    program = BEGINNING + USE
    return {
        "nothing": "",
        "null": "\0",
        "nulls in code": program.replace("x", "x\0"),
        "byte-order mark": "\ufeff" + program,
        "two byte-order marks": "\ufeff\ufeff" + program,
        "mark inside": program.replace("x", "\ufeffx"),
        "CRLF": program.replace("\n", "\r\n"),
        "lone CR": program.replace("\n", "\r"),
        "mixed line ends": program.replace("\n\n", "\r\n\r"),
        "form feeds": program.replace("\n\n", "\n\x0c\n"),
        "form feeds before code": "\x0c" + program.replace("    ", "\x0c    "),
        "vertical tabs": program.replace(" ", "\x0b"),
        "line separators": program.replace("\n", "\u2028"),
        "next lines": program.replace("\n\n", "\n'\x85\u2029'\n"),
        "lone surrogate": program + "y = '\ud800'\n",
        "surrogate in a name": program.replace("x", "x\udcff"),
        "astral": program.replace("x", "𝐱"),
        "compatible names": program.replace("x", "ﬁ").replace("key", "ｋｅｙ"),
        "combined": program.replace("x", "e\u0301"),
        "right to left": program.replace("x", "א"),
        "tabs and blanks": program.replace("    ", "\t").replace("\t\t", "        \t"),
        "no-break space": program.replace(" ", "\u00a0"),
        "escape": program + "\x1b[31m\x1a\x7f",
        "backslash at the end": program + "x = \\",
        "open string": program + "'''",
        "open brackets": program + "f(((",
        "only an indent": "    ",
        "only a backslash": "\\",
        "coding comment": "# -*- coding: latin-1 -*-\n" + program,
        "unknown coding": "# coding: no-such-thing\n" + program,
        "Python 2": BEGINNING + "print x\nexec 'y'\nraise E, 'x'\n`x`\n0777\nur''\nx <> y\n",
        "conflict": program.replace("    x =", "<<<<<<< here\n    x =").replace("    return", "=======\n>>>>>>>\n    return"),
        "shell": "#!/bin/sh\nset -e\nexport A=$(ls | wc -l)\n",
        "binary": bytes(range(256)).decode("latin-1") * 40,
    }  # fmt: skip


_CURIOUS = {
    "class that is its own base": "class A(A): pass\nA().f(jax)\n",
    "cycle of bases": "class A(B): pass\nclass B(A):\n    def f(self): return super().g() + self.h\njax.jit(A().f)(1)\n",
    "cycle of three bases": "class A(C): x: jax.Array\nclass B(A): pass\nclass C(B): pass\nA(1).x.y\nC.m()\n",
    "base that is rebound": "class A: pass\nclass A(A): pass\nclass A(A):\n    def f(self): return A().f()\n",
    "bases that are values": "class A(*jax, **jnp): pass\nclass B(A[0], lambda: 1, metaclass=B): pass\n",
    "function that decorates itself": "@f\ndef f(x): return f(x)\n@f\ndef f(f): return f(f)\nf(f)\n",
    "decorators in a circle": "@g\ndef f(x): return g(x)\n@f\ndef g(x): return f(x)\nf(g)(f)\n",
    "method that decorates its class": "@A.f\nclass A:\n    @A.f\n    def f(self): return A.f(self)\n    @f\n    def g(self): ...\n",
    "property of itself": "class A:\n    @property\n    def a(self): return self.a\n    @a.setter\n    def a(self, v): self.a = v\nA().a = A().a\n",
    "recursion": "@jax.jit\ndef f(x, n=3):\n    return f(f(x), n - 1) if n else x\nf(f)\n",
    "mutual recursion": "def f(x): return g(x, f)\ndef g(x, h): return h(f(x))\njax.jit(f)(1)\njax.vmap(g)(1, g)\n",
    "itself as an argument": "def f(g): return g(g)\nf(f)\njax.jit(f)(f)\n(lambda g: g(g))(lambda g: g(g))\n",
    "jit of jit of itself": "f = jax.jit(lambda x: f(x))\nf = jax.jit(f)\nf = f(f)\njax.jit(jax.jit)(jax.jit)\n",
    "partial of itself": "from functools import partial\nf = partial(f, f)\nf = partial(partial, f)\nf = partial(f)(f)()\n",
    "container in itself": "x = []\nx = [x, x]\nx[0] = x\nfor _ in x: x = (x, *x)\ny = {'y': y}\ny['y'] = y\n",
    "star imports": "from jax import *\nfrom jax.numpy import *\nfrom . import *\nfrom .. import a\nfrom .x import *\njit(sin)(1)\n",
    "relative beyond the top": "from ................ import x\nfrom .....jax import numpy as jnp\nx.y\n",
    "itself as an import": "import a\nimport a.a as a\nfrom a import a\na.a.a(a)\n",
    "walrus in a comprehension": "y = [z := jnp.sin(x) for x in jnp.ones(3) if (w := x) > 0]\nz + w\n{(a := b): (c := a) for b in y}\n",
    "walrus as an argument": "@jax.jit\ndef f(x):\n    if (y := x) and (x := y) or (x := jnp.sum(x)) > 0: return y\n    return x\n",
    "global at the module": "global x\nx = 1\nglobal jnp\ndel jnp\njnp.sin(1)\n",
    "global and nonlocal": "def f():\n    x = 1\n    def g():\n        nonlocal x\n        global y, jnp\n        x = y = jnp = 2\n        del x, y, jnp\n    g()\n    return x\nf()\n",
    "nonlocal at the module": "nonlocal x\nx = 1\n",
    "deleted": "x = jnp.ones(3)\ndel x, x\ndel (x), [x, y], x.y, x[0], (x, (y,))\nx + 1\ndel jax\njax.jit(x)\n",
    "return outside": "return jax\nyield jax\nawait jax\nbreak\ncontinue\nreturn\n",
    "loops at their ends": "for x in jnp.ones(3):\n    break\nelse:\n    continue\nwhile True: pass\nfor x.y in jax: x.y += 1\nfor x[0], *y in jax: del y\n",
    "while without an end": "while 1:\n    while True:\n        while not 0: x = jax.random.key(0)\nelse: y = 1\n",
    "unreachable": "def f(x):\n    return x\n    yield x\n    if x: return\n    raise x\nraise SystemExit\nf(1)\n",
    "try of all kinds": "try: x = jax\nexcept: raise\ntry: pass\nexcept (A, B) as x: del x\nelse: x = 1\nfinally: return x\ntry: pass\nfinally:\n    try: pass\n    finally: pass\n",
    "generators": "def g(x):\n    y = yield x\n    yield from g(y)\n    return (yield)\njax.jit(g)(1)\nlist(g(1))\nnext(g(1))\n(x for x in g(1))\n",
    "coroutines": "@jax.jit\nasync def f(x):\n    async for a in x: yield a\n    async with x as b, x: await b\n    y = [await c async for c in x]\n    if await x: return\nawait f(1)\n",
    "lambdas as defaults": "def f(x, g=lambda x, h=lambda y=jnp.ones(3): y: h(), *a, k=lambda *a, **k: (a, k), **kw): return g(x), k(*a, **kw)\njax.jit(f)(1)\nf(*f, **f)\n",
    "defaults of defaults": "def f(x=(lambda: f())(), y=[f for f in jax], z={**f}, *, k=f(*f)): return x\nf(f, y=f)\n",
    "parameters of all kinds": "def f(a, /, b, *c, d, **e): return a, b, c, d, e\njax.jit(f, static_argnums=(0, -1, 99, -99), static_argnames=('d', 'no', ''))(1, 2, 3, d=4, z=5)\njax.jit(f)()\nf(1, 2, 3, *4, a=5, **6)\n",
    "static arguments of all kinds": "jax.jit(f, static_argnums='x', static_argnames=1)\njax.jit(f, static_argnums=jax, donate_argnums=[1, [2]])\njax.jit(static_argnums=(1 << 70))(f)\njax.grad(f, argnums=-1.5)\njax.vmap(f, in_axes={'a': None})(1)\n",
    "transformations of nothing": "jax.jit()\njax.jit(*x)\njax.jit(**x)\njax.jit(1)(2)\njax.jit(None)\njax.grad(jax)(jax)\njax.vmap('f')\njax.lax.scan()\njax.lax.scan(1, 2)\njax.lax.cond(1)\njax.lax.cond(True, 1, 2, 3)\njax.lax.switch(0, [])\njax.lax.while_loop(f)\njax.lax.fori_loop(0)\njax.random.split()\njax.random.normal()\n",
    "keys that are not": "jax.random.split(1)\njax.random.normal(None)\na, b = jax.random.split(jax.random.split(k))[0]\n*a, = jax.random.split(a, num=-1)\na[1:2][::-1][...]\njax.random.normal(jax.random)\n",
    "exec and eval": "exec('import jax')\neval('jax.jit')(eval)\nexec(exec)\n__import__('jax').jit(f)\nglobals()['f'] = locals\nsetattr(jax, 'jit', getattr(jax, 'jit'))\nvars()[jax]\n",
    "names that are taken": "print = jax\nlen = int = type = print\nprint(len(int(type)))\nTrue_ = isinstance\nisinstance(isinstance, isinstance)\nisinstance()\ntuple = dict = list = zip = tuple\ntuple(zip(list, dict))\nrange, super, property = enumerate\nsuper().x\n",
    "jax that is rebound": "jax = jax.jit\njnp = jax(jnp)\njax.jax.jax(jax)\nfor jax in jnp: jax.jit(jax)\nimport jax as jnp, jax as jax\n",
    "assignments of all kinds": "a = b = (c, *d), [e, (f, *_)] = *a, *b\na: int\na.b: c = 1\n(a): int = 2\na[0]: x\na += b\na.b[c].d @= e\na, b[0], c.d = d\n[] = ()\n() = []\n*a, b = 1\n",
    "comparisons of all kinds": "1 < x < 2 is None is not x in y not in z == jnp != 1\nx is x is x\nNone is None\n",
    "strings of all kinds": "f'{x!r:>{y}} {z=} {{}} {jnp.sin(x):{x}}' 'a' f''\nb'\\xff' b''\nr'' rf'{x}'\n'\\N{BULLET}' '\\ud800'\n'' % x\n",
    "numbers of all kinds": "1_000j + 0xFF + 0b1 + 0o7 + 1e999 + -1e-999 - 10**10**10\n1 << 100000\n-(-1)\n~True\nnot 1.5j\n(9**9**9)[0]\n",
    "lambdas where few stand": "class A(B, key=lambda: 3, keys=[lambda x: x]):\n    z: C[int, lambda: 3] = 3\n    def h(self, a: D[lambda a: a] = (lambda: 3)) -> D[lambda a: a]: ...\n@(lambda f: f)\ndef f(x: C[int, lambda: 3], *a: D[lambda a: a], **k: D[lambda a: a]) -> C[int, lambda: 3]:\n    y: C[int, lambda: 3] = 3\n    class E(B, key=lambda: 3): pass\n    yield (lambda: 3)\nw: C[lambda: 3]\nfor a[lambda: 3] in b: pass\nwith (lambda: 3) as c[lambda: 3]: pass\ndel a[lambda: 3]\nmatch x:\n    case A(b=3) if (lambda: 3): pass\ntry: pass\nexcept (lambda: A): pass\nprint(f'{(lambda: 3)()!r:{(lambda: 4)()}}')\nassert (lambda: 3), (lambda: 4)\nraise (lambda: 3) from (lambda: 4)\n",
    "ranges that Python refuses": "@jax.jit\ndef g(x): return x\nf = jax.jit(lambda x, n: x * n, static_argnums=1)\nfor r in range(0, 5, 0):\n    f(1.0, r)\nfor r in range(1, 2, 3, 4):\n    f(1.0, r)\nfor r in range(10**40):\n    f(1.0, r)\nfor r in range(99999999999999999999999999):\n    f(1.0, r)\nfor r in range():\n    f(1.0, r)\nfor r in enumerate():\n    f(1.0, r)\n@jax.jit\ndef h(x):\n    for i in range(0, 5, 0): x = jnp.sin(x)\n    for i in range(99999999999999999999999999): x = jnp.sin(x)\n    return x\n",
    "slices of all kinds": "x[1:2, ::3, ..., None, :]\nx[()] = x[[]] = x[x[x]]\nx[1:2][a:=1]\nx[lambda: 1]\nx[*y]\nx[x:x:x].at[x].set(x)\n",
    "version checks": "if jax.__version__ < '0.5': import a as jnp\nelif jax.__version_info__ > (0, 4, x): pass\ntry: from jax import nothing\nexcept ImportError: nothing = None\nnothing()\n",
    "classes of all kinds": "import dataclasses, typing, flax.linen as nn, flax.struct\nclass A(typing.NamedTuple): a: int; b: A = 1\n@dataclasses.dataclass\nclass B:\n    x: B\n    y: 'B' = dataclasses.field(default_factory=lambda: B)\n@flax.struct.dataclass\nclass C(B): z: 'jax.Array' = None\nclass D(nn.Module):\n    d: D\n    setup = lambda self: self.d\n    @nn.compact\n    def __call__(self): return self.d(self)\nA(1)._replace(a=A)\nA(*a).a.a\nB(B, y=B).x.x.y\nC().replace(z=C)\nD(D)(D)\nD.__call__(1)\n",
    "methods of all kinds": "class A:\n    @staticmethod\n    def s(): return A.s()\n    @classmethod\n    def c(cls, *a): return cls.c(cls)\n    def m(): return m\n    def n(*self): return self[0].n()\n    def o(self, /): return super(A, self).o()\n    l = lambda s: s.l()\n    __call__ = __init__ = s\n    for x in c: y = x\n    if x:\n        def p(self): pass\n    class A(A): pass\nA()()\nA.s()\nA.m()\nA().m()\njax.jit(A().n)\njax.jit(A.n)(1)\nA().A().l()\n",
    "suppressions": "x = 1  # jaxsight: ignore\n# jaxsight: ignore[\n# jaxsight: ignore[]]\n# jaxsight: file-ignore[traced-if, ,x]\n'# jaxsight: ignore[x]'\n#jaxsight:ignore[traced-if]# jaxsight: ignore[traced-if]\n",
    "annotations": "def f(x: jax.Array | None, *a: 'jax.Array', k: 'not python(' = 1, **kw: lambda: 1) -> f: ...\nx: 'f(\\n' = f(1)\ny: jax.Array[int, ...]\nf(1, k=2)\njax.jit(f)(x)\n",
    "patterns": "match jnp.ones(3), x:\n    case 1 | 'a' | None | True | -1 | 1+2j: pass\n    case [a, *_, (b, [*c])] as d if (e := d): f = e\n    case {'k': v, 1: {**rest}, **others}: pass\n    case A(1, x=B(y=C()), z=[_, _]) | D.E.F: pass\n    case str() | int(_): pass\n    case jax.Array(): x = 1\n    case x: pass\n    case _: pass\nmatch x:\n    case _ if x: pass\n",
}  # fmt: skip
_NEWER = {
    "exception groups": ((3, 11), "try: x = 1\nexcept* ValueError as e: jax.jit(e)\nexcept* (A, B): x = 2\n"),
    "starred in subscripts": ((3, 11), "def f(*a: *jax): x[*a, *a] = x[*a]\n"),
    "type aliases": ((3, 12), "type X = jax.Array | X\ntype Y[T: X, *Ts, **P] = X[Y, T]\nx: X = jnp.ones(3)\nX + Y\nclass A:\n    type X = A.X\n"),
    "generic definitions": ((3, 12), "def f[T: (int, jax.Array), *Ts, **P](x: T, *a: *Ts) -> T: return f[T](x)\nclass A[T](B[T]):\n    def g[U](self: A[U], x: U): return self.g(x)\njax.jit(f)(1)\nA[int]().g(1)\n@jax.jit\ndef h[T](x: T):\n    if x: return x\n"),
    "f-strings in f-strings": ((3, 12), "x = f'{f'{f'{jnp.sin(1)}'}'} {'\\n'.join(f'{y}' for y in 'z')}'\n"),
    "defaults of type parameters": ((3, 13), "type X[T = int, *Ts = *tuple[int], **P = []] = T\ndef f[T = jax.Array](x: T): return x\nf(1)\n"),
    "template strings": ((3, 14), "x = t'{jnp.sin(1)!r:>{jax}} {y}'\njax.jit(x)\n"),
    "exceptions without parentheses": ((3, 14), "try: x = 1\nexcept A, B: x = jax\n"),
}  # fmt: skip


def curious() -> dict[str, str]:
    """Programs that are right, or nearly, and refer to themselves in every way."""
    known = {name: text for name, (_, text) in _NEWER.items()}  # broken texts on older Pythons
    return {name: BEGINNING + text for name, text in {**_CURIOUS, **known}.items()}


def unparseable() -> list[str]:
    """Curious programs that this Python ought to parse and does not: mistakes of this file."""
    newer = {name for name, (since, _) in _NEWER.items() if sys.version_info < since}
    broken: list[str] = []
    for name, text in curious().items():
        try:
            ast.parse(text)
        except SyntaxError:
            if name not in newer:
                broken.append(name)
    return broken


def programs(count: int, seed: int) -> list[str]:
    """Programs glued together from the statements of the curious ones, whole or cut."""
    chance = random.Random(seed)
    texts = [text for text in curious().values() if _parses(text)]
    statements = [ast.unparse(one) for text in texts for one in ast.parse(text).body]
    made: list[str] = []
    for _ in range(count):
        lines: list[str] = []
        for _ in range(chance.randrange(3, 12)):
            indent = "    " * chance.randrange(3)
            header = chance.choice(_HEADERS)
            body = chance.choice(statements).replace("\n", f"\n{indent}    ")
            lines.append(
                f"{indent}{header}\n{indent}    {body}"
                if chance.random() < 0.8
                else indent + body.strip()
            )
            if indent and chance.random() < 0.8:
                lines[-1] = "\n".join(line.removeprefix(indent) for line in lines[-1].split("\n"))
        text = BEGINNING + "\n".join(lines) + "\n"
        if chance.random() < 0.3:
            at = chance.randrange(len(text))
            text = (
                text[:at] + chance.choice("()[]{}'\"\\:\n\t#\0@") + text[at + chance.randrange(3) :]
            )
        made.append(text)
    return made


_HEADERS = (
    "if jnp.sum(x) > 0:", "while x:", "for x, *y in f(x):", "with jax as x:", "def f(x, *a, k=jax, **kw):",
    "@jax.jit\ndef f(x):", "class A(A, B):", "async def f(x):", "try: pass\nfinally:", "if 1:", "if True: pass\nelse:",
    "for _ in range(3):", "@jax.vmap\ndef g(self):", "def h(key):", "class M(jax.Module):",
)  # fmt: skip


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    return True
