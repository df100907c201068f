"""Reads the clock before the device is done with what is measured.

## Why is this bad?

JAX runs compiled functions, and most operations on arrays, asynchronously: the call returns at once with an array whose
numbers are still being computed. `time.perf_counter()` right after it tells how long it took to hand the work over: a
matrix product that takes a tenth of a second seems to take a tenth of a millisecond. A trace of `jax.profiler.trace` that
ends before the work misses it.

`jax.block_until_ready(y)` waits for all arrays in `y` and returns it. To read a number of it waits as well: `float(y)`,
`np.asarray(y)`, `print(y)`. The first call of a compiled function compiles it; call it once before the clock starts.

## Fix safety

Safe: `jax.block_until_ready` returns what it is given, and what the program computes stays what it is. After a loop it waits once,
for what the last iteration bound, where that is certainly bound; else for each result.

## Limits

Two readings of a clock of `time` or `timeit` in one block, of which the difference is taken, with a call of a compiled
function, a matrix product or an operation of `jnp` between them; a lambda for `timeit`; and `with jax.profiler.trace(...)`.
Silent wherever something between the readings may wait: another function that is called after the work, a `with`, a branch,
an item assignment. Silent too where names or texts say that compilation, a warm-up or the dispatch is measured.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import (
    Applicability,
    Edit,
    Finding,
    Fix,
    FixRef,
    Related,
    Severity,
    Span,
)
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.timings import Timing

_WHAT = {
    "clock": "The clock is read",
    "profiler": "The trace ends",
    "timeit": "`timeit` reads the clock",
}


def check(unit: Unit) -> Iterator[Finding]:
    module = unit.model.module
    for number, timing in enumerate(unit.timings):
        called = f"`{timing.called}`" if timing.called != "@" else "the product"
        yield Finding(
            span=module.span(timing.clock),
            message=(
                f"{_WHAT[timing.kind]} before {called} is done: nothing waits for its result, so that only "
                "the time to hand over the work is measured"
            )
            if timing.kind != "profiler"
            else f"{_WHAT[timing.kind]} before {called} is done and may miss it: nothing waits for its result",
            related=(Related(module.span(timing.work), f"{called} returns before it is done"),),
            fixes=(FixRef("wait", "Wait for the result", Applicability.SAFE, number),),
        )


def fix(unit: Unit, reference: FixRef) -> Fix:
    timing = unit.timings[reference.data]
    return Fix(reference.title, _waiting(unit, timing), reference.applicability)


def _waiting(unit: Unit, timing: Timing) -> tuple[Edit, ...]:
    wait = edits.spell(unit, "jax.block_until_ready")
    names = _bound_by_loop(timing)
    if names is not None and timing.kind == "clock":
        place = edits.place_at(unit, unit.model.module.span(timing.end).start)
        line = f"{wait.text}({names})"
        inserted = None if place is None else edits.insert_before(unit, place, line)
        if inserted is not None:
            return (inserted, *wait.edits)
    value = _measured(unit, timing)
    span = unit.model.module.span(value)
    start = Edit(Span(span.start, span.start), f"{wait.text}(")
    text = edits.as_argument(unit, value)
    if text != edits.source(unit, value):
        return (Edit(span, f"{wait.text}({text})"), *wait.edits)
    return (start, Edit(Span(span.end, span.end), ")"), *wait.edits)


def _measured(unit: Unit, timing: Timing) -> ast.expr:
    """What is waited for: the work, and what is made of it by the device."""
    if timing.kind == "timeit" and _is_result(unit, timing.work, timing.clock):
        return timing.clock
    found: ast.expr = timing.work
    inner: ast.AST = timing.work
    for parent in edits.parents_of(unit, timing.work):
        if not isinstance(parent, (ast.keyword, ast.comprehension)):
            if not isinstance(parent, ast.expr) or not _is_result(unit, inner, parent):
                break
            found = parent
        inner = parent
    return found


def _is_result(unit: Unit, inner: ast.AST, outer: ast.expr) -> bool:
    """Whether an expression is made of another by the device, or holds it."""
    if inner is outer or isinstance(outer, (ast.Tuple, ast.List, ast.ListComp, ast.BinOp)):
        return True
    if isinstance(outer, ast.Subscript):
        return outer.value is inner
    known = unit.call_at(outer)
    return known is not None and known.canonical.startswith("jax.numpy.")


def _bound_by_loop(timing: Timing) -> str | None:
    """The names that the last iteration of a loop surely has bound to the result."""
    statement, loop = timing.statement, timing.loop
    if loop is None or not isinstance(statement, ast.Assign) or statement not in loop.body:
        return None
    target = statement.targets[0]
    parts = target.elts if isinstance(target, ast.Tuple) else [target]
    names = [part.id for part in parts if isinstance(part, ast.Name)]
    if len(statement.targets) != 1 or len(names) < len(parts):
        return None
    names = [name for name in names if name != "_"]
    if not names or not (_runs(loop) or set(names) <= edits.names_in(statement.value)):
        return None
    return names[0] if len(names) == 1 else f"({', '.join(names)})"


def _runs(loop: ast.For | ast.While) -> bool:
    """Whether a loop certainly has an iteration: over `range` of a number."""
    over = loop.iter if isinstance(loop, ast.For) else None
    if not isinstance(over, ast.Call) or len(over.args) != 1:
        return False
    size = over.args[0]
    known = isinstance(size, ast.Constant) and isinstance(size.value, int) and size.value > 0
    return known and isinstance(over.func, ast.Name) and over.func.id == "range"


RULE = Rule(
    name="benchmark-without-block",
    severity=Severity.WARNING,
    since="0.1.0",
    check=check,
    fix=fix,
    aliases=("timer-context-without-block",),
    examples=(
        Example(
            """
            import time

            import jax

            @jax.jit
            def step(x):
                return x @ x

            def measure(x):
                start = time.perf_counter()
                y = step(x)
                elapsed = time.perf_counter() - start  # error: [benchmark-without-block]
                return y, elapsed
            """,
            fixed="""
            import time

            import jax

            @jax.jit
            def step(x):
                return x @ x

            def measure(x):
                start = time.perf_counter()
                y = jax.block_until_ready(step(x))
                elapsed = time.perf_counter() - start
                return y, elapsed
            """,
        ),
        Example(
            """
            import time

            import jax

            @jax.jit
            def step(x):
                return x @ x

            def measure(x):
                step(x).block_until_ready()  # compiles
                start = time.perf_counter()
                step(x).block_until_ready()
                return time.perf_counter() - start
            """
        ),
    ),
)
