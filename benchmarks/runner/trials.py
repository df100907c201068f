"""How often a comparison is wrong: the same program twice, and one with a tenth more work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.runner.running import benchmark
from benchmarks.table import Row
from jaxsight_runner.protocol import BenchmarkOptions

PRODUCT = """
import jax.numpy as jnp
def f(x):
    return jnp.tanh(x @ x), x[:EXTRA] @ x
"""
LOOP = """
import jax, jax.numpy as jnp
def f(x):
    return jax.lax.scan(lambda c, _: (jnp.tanh(c @ x), None), x, None, length=STEPS)[0]
"""
PROGRAMS = (  # as it is, with a tenth more work, inputs
    (PRODUCT.replace("EXTRA", "2"), PRODUCT.replace("EXTRA", "28"), "x: f32[256, 256]"),
    (LOOP.replace("STEPS", "40"), LOOP.replace("STEPS", "44"), "x: f32[96, 96]"),
)
OPTIONS = BenchmarkOptions(seconds=1.0, extras=False)


def measure(count: int) -> Iterator[Row]:
    """One row for each kind, each trial in a process of its own."""
    with TemporaryDirectory() as name:
        same, more = Counter[str](), Counter[str]()
        for number in range(count):
            text, longer, spec = PROGRAMS[number % len(PROGRAMS)]
            same[_verdict(text, text + "\n", spec, Path(name))] += 1
            more[_verdict(longer, text, spec, Path(name))] += 1
    wrong = same["faster"] + same["slower"]
    allowed = count // 100
    yield Row(
        "the same program is called changed",
        f"at most {allowed} of {count}",
        f"{wrong} of {count} ({_words(same)})",
        wrong <= allowed,
    )
    wanted = -(-count * 9 // 10)
    yield Row(
        "a tenth more work is called slower",
        f"at least {wanted} of {count}",
        f"{more['slower']} of {count} ({_words(more)})",
        more["slower"] >= wanted,
    )


def _verdict(text: str, other: str, spec: str, folder: Path) -> str:
    comparison = benchmark(text, spec, folder, OPTIONS, other).comparison
    assert comparison is not None
    return comparison.verdict


def _words(found: Counter[str]) -> str:
    return ", ".join(f"{verdict} {number}" for verdict, number in sorted(found.items()))
