"""Scripts made by chance from the ways in which Python code changes what other code reads."""

from __future__ import annotations

import random

# What a script may define; any of them may be there, in this order.
DEFINITIONS = (
    "import random\nimport os\nrandom.seed(1)",
    "a = [0, 1]",
    "b = {'k': [1], 'n': 2}",
    "c = a",
    "d = 3",
    "e = (a, d)",
    "w = dict(b)",
    "class C:\n    shared = []\n    count = 0\n    def __init__(self): self.x = 0\n"
    "    def put(self, v):\n        self.x = v\n        return self\n"
    "    def share(self, v): self.shared.append(v)\n"
    "    def tick(self): type(self).count += 1\n"
    "    @classmethod\n    def bump(cls): cls.count = cls.count + 10\n"
    "    def __iadd__(self, v):\n        self.x += v\n        return self\n"
    "    def __enter__(self):\n        a.append('in')\n        return self\n"
    "    def __exit__(self, *x): pass\n"
    "    def __call__(self, v):\n        self.x = self.x + v\n        return self.x",
    "o = C()",
    "p = o",
    "def g(x): a.append(x)",
    "def h():\n    global d\n    while d < 7: d += 1",
    "def get(): return a",
    "def fill(t, v): t.append(v)",
    "def through(t, v): fill(t, v)",
    "def pure(x): return x + 1",
    "def memo(x, seen=[]):\n    seen.append(x)\n    return len(seen)",
    "def counter():\n    n = 0\n    def step():\n        nonlocal n\n        n += 1\n        return n\n    return step",
    "tick = counter()",
    "hooks = [g]",
    "registry = {}",
    "def register(fn):\n    registry[fn.__name__] = fn\n    return fn",
    "@register\ndef late(x):\n    global d\n    d = d * 2 + x",
    "it = iter([1, 2, 3])",
    "get.level = 1",
    "size = len(a) + d",
    "alias = b['k']",
    "table = [[0] * 2 for _ in range(2)]",
    "row = table[1]",
    "look = lambda: table",
    "def rebind():\n    global c\n    c = [9]\n    for _ in c: pass",
)
# What a script may run; a slice leaves it out or is refused.
ACTIONS = (
    "for i in range(2): a.append(i)",
    "for i in range(2): g(i)",
    "h()",
    "[g(i) for i in range(2)]",
    "for v in it: last = v",
    "with C() as z: b['k'][0] = 5",
    "while d < 5: d += 1",
    "get()[0] = 7",
    "o.put(1)",
    "C().share(4)",
    "o.tick()",
    "C.bump()",
    "for hook in hooks: hook(3)",
    "for fn in list(registry.values()): fn(1)",
    "fill(a, 8)",
    "through(b['k'], 8)",
    "for i in range(2): out = pure(i)",
    "memo(3)",
    "tick()",
    "get.level = pure(4)",
    "for i in range(2): row[i] = i",
    "look()[0][0] = 6",
    "rebind()",
    "p += pure(1)",
    "for i in range(3): o(i)",
    "for i in range(3): x = (o if i else p); x.x = i",
    "for i in range(2): random.random()",
    "drawn = [random.random() for _ in range(pure(2))]",
    "for key in b: b[key] = 0",
    "for i in range(1): del b['n']",
    "for i in range(1): setattr(o, 'x', 5)",
    "for i in range(1): C.count = 4",
    "for i in range(1): globals()['d'] = 8",
    "for i in range(1): os.environ['JAXSIGHT_SLICE'] = 'x'",
    "for i in range(1): exec('d = 99')",
    "for i in range(2): (lambda t: t.append(1))(a)",
    "for i in range(2): list(map(g, [i]))",
    "for i in range(2): q = alias; q.append(i)",
    "for i in range(2): print(len(a), d, b['n'])",
    "for i in range(2): n = max(a[0], d) + 1",
    "for i in range(2): s = f'{a} {o.x}'",
    "total = pure(1) + pure(2)",
    "for i in range(1): a = [5]",
    "for i in range(1): import math as d",
    "for i in range(1):\n    def get(): return [4]",
    "for i in range(1):\n    class C:\n        count = 5\n        shared = []",
    "for i in range(1):\n    try: e[0].append(3)\n    except Exception as error: pass",
    "for i in range(1): e = [*e, table]; e[-1][0] = 3",
    "for i in range(1): (w := b)['k'].append(1)",
    "for i in range(1): w['k'].append(1)",
)
READS = (
    "a",
    "b",
    "c",
    "d",
    "e",
    "w",
    "o.x",
    "p.x",
    "C.count",
    "C.shared",
    "C().shared",
    "get()",
    "get.level",
    "memo(0)",
    "tick()",
    "next(it)",
    "size",
    "alias",
    "table",
    "row",
    "look()",
    "pure(2)",
    "random.random()",
    "os.environ.get('JAXSIGHT_SLICE')",
    "sorted(registry)",
    "(late(1), d)",
    "(h(), d)",
    "total",
    "drawn",
)
AFTER = ("second = a[0]", "third = [d, size]", "fourth = o", "fifth = (len(b), C.count)")


def script(seed: int) -> str:
    """A script with a function `f` and lines that run something before and after it."""
    chance = random.Random(seed)
    missing = chance.sample(DEFINITIONS[2:], chance.choice((0, 0, 0, 1, 2)))
    chosen = [part for part in DEFINITIONS if part not in missing]
    actions = chance.sample(ACTIONS, chance.choice((1, 1, 2, 3)))
    reads: list[str] = chance.sample(READS, chance.choice((1, 1, 2, 3)))
    late = chance.sample(AFTER, 2)
    parts = [*chosen, *actions[:1], late[0], *actions[1:], late[1]]
    if chance.random() < 0.3:
        reads.append(late[0].split(" ")[0])
    place = chance.randrange(len(parts) + 1)
    parts.insert(place, "def f():\n    return repr([" + ", ".join(reads) + "])")
    return "\n".join(parts) + "\n"
