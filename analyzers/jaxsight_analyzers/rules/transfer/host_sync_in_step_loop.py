"""Waits for the device in each iteration of a loop of steps.

## Why is this bad?

JAX runs compiled functions asynchronously: `step(...)` returns at once, and Python prepares the next step while the
device works on this one. `float(loss)`, `loss.item()`, `np.asarray(loss)`, `jax.device_get(loss)`, `print(loss)` and
`block_until_ready` wait until the value is there. In each iteration that leaves the device idle between the steps, which
for small steps on a GPU or TPU is most of the time.

Keep the values on the device and convert them after the loop, or look at them only once in a while.

## Fix safety

Unsafe: a list holds arrays of JAX until the loop is through; messages come once in a hundred iterations.

## Limits

Reported where the value certainly comes from a compiled function that the same loop calls, and the number goes into a
list, a sum, a message or nowhere. Not where a number decides what the loop does (early stopping), where an `if` around
it says when, in loops that are timed, in functions for evaluation, prediction or tests, and in loops over a few items.
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
from jaxsight_analyzers.semantic.syncs import HostSync

_EVERY = 100
_WORDS = {
    "append": "only to put the number into a list",
    "total": "only to add the number up",
    "log": "to show it",
    "wait": "for nothing else",
}


def check(unit: Unit) -> Iterator[Finding]:
    for number, sync in enumerate(unit.host_syncs):
        value = edits.source(unit, sync.value) if not _is_in_text(sync) else ast.unparse(sync.value)
        yield Finding(
            span=sync.span,
            message=(
                f"{sync.how} waits for `{value}` in each iteration, {_WORDS[sync.kind]}, and the device idles "
                f"until the next `{sync.step}`"
            ),
            related=(Related(sync.call_span, f"`{sync.step}` is compiled and returns at once"),),
            fixes=tuple(_fixes(unit, sync, number)),
        )


def _is_in_text(sync: HostSync) -> bool:
    """Whether it stands in an f-string, whose parts have no place before Python 3.12."""
    return any(
        isinstance(node, ast.JoinedStr) and any(inner is sync.value for inner in ast.walk(node))
        for node in ast.walk(sync.statement)
    )


def _fixes(unit: Unit, sync: HostSync, number: int) -> Iterator[FixRef]:
    unsafe = Applicability.UNSAFE
    if sync.kind == "append" and _after_the_loop(unit, sync) is not None:
        yield FixRef("convert-after", "Convert after the loop", unsafe, number)
    elif sync.kind == "total":
        yield FixRef("keep", "Sum up on the device", unsafe, number)
    elif sync.kind == "log" and _guarded(unit, sync) is not None:
        yield FixRef("guard", f"Show it each {_EVERY} iterations", unsafe, number)
    elif sync.kind == "wait" and isinstance(sync.statement, ast.Expr):
        yield FixRef("do-not-wait", "Do not wait", unsafe, number)


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    sync = unit.host_syncs[reference.data]
    module = unit.model.module
    changed: tuple[Edit, ...] | None
    if reference.kind == "convert-after":
        changed = _after_the_loop(unit, sync)
    elif reference.kind == "guard":
        changed = _guarded(unit, sync)
    elif reference.kind == "keep":
        changed = (Edit(sync.span, edits.as_operand(unit, sync.value)),)
    else:
        changed = _without(unit, module.span(sync.statement))
    return None if changed is None else Fix(reference.title, changed, reference.applicability)


def _after_the_loop(unit: Unit, sync: HostSync) -> tuple[Edit, ...] | None:
    """The list takes what is on the device, and is converted behind the loop."""
    if sync.kept_in is None or _reads(sync.loop, sync.kept_in) > 1:
        return None
    place = edits.place_at(unit, unit.model.module.span(sync.loop).start)
    if place is None or place.node is not sync.loop or not edits.starts_its_line(unit, place.span):
        return None
    call = sync.node
    assert isinstance(call, ast.Call)
    written = edits.source(unit, call.func)
    loaded = edits.spell(unit, "jax.device_get")
    if isinstance(call.func, ast.Attribute) and call.func.attr in ("item", "tolist"):
        item = f"v.{call.func.attr}()"
    else:
        item = f"{written}(v)"
    values = f"{loaded.text}({sync.kept_in})"
    if written != loaded.text:
        values = f"[{item} for v in {values}]"
    end = place.span.end
    line = f"{edits.newline(unit)}{place.indent}{sync.kept_in} = {values}"
    kept = Edit(sync.span, edits.as_argument(unit, sync.value))
    return (kept, Edit(Span(end, end), line), *loaded.edits)


def _reads(loop: ast.For | ast.While, name: str) -> int:
    return sum(1 for node in ast.walk(loop) if isinstance(node, ast.Name) and node.id == name)


def _guarded(unit: Unit, sync: HostSync) -> tuple[Edit, ...] | None:
    """The statement under `if step % 100 == 0:`, with a counter where the loop has none."""
    span, module = unit.model.module.span(sync.statement), unit.model.module
    text = edits.text(unit, span)
    place = edits.place_at(unit, span.start)
    if "\n" in text or place is None or not edits.starts_its_line(unit, span):
        return None
    counter = _counter(unit, sync.loop)
    if counter is None:
        return None
    name, header = counter
    outer = edits.place_at(unit, module.span(sync.loop).start)
    step = place.indent[len(outer.indent) :] if outer is not None else ""
    inner = f"{place.indent}{step or '    '}"
    guard = f"if {name} % {_EVERY} == 0:{edits.newline(unit)}{inner}{text}"
    return (Edit(span, guard), *header)


def _counter(unit: Unit, loop: ast.For | ast.While) -> tuple[str, tuple[Edit, ...]] | None:
    if not isinstance(loop, ast.For):
        return None
    over, target = loop.iter, loop.target
    called = over.func.id if isinstance(over, ast.Call) and isinstance(over.func, ast.Name) else ""
    if called == "range":
        return (target.id, ()) if isinstance(target, ast.Name) and target.id != "_" else None
    if called == "enumerate":
        first = target.elts[0] if isinstance(target, ast.Tuple) and target.elts else None
        return (first.id, ()) if isinstance(first, ast.Name) else None
    if not isinstance(target, (ast.Name, ast.Tuple)) or called == "zip":
        return None
    name = edits.fresh_name(unit, "step_number")
    module = unit.model.module
    written = edits.source(unit, target)
    if isinstance(target, ast.Tuple) and not written.startswith("("):
        written = f"({written})"
    return name, (
        Edit(module.span(target), f"{name}, {written}"),
        Edit(module.span(over), f"enumerate({edits.as_argument(unit, over)})"),
    )


def _without(unit: Unit, span: Span) -> tuple[Edit, ...] | None:
    """The text without a statement that has lines of its own."""
    place = edits.place_at(unit, span.start)
    if place is None or len(place.block) < 2 or not edits.starts_its_line(unit, span):
        return None
    analysed = unit.model.module.analysed
    line = analysed.line_of(span.end)
    if line + 1 >= len(analysed.line_starts):
        return None
    end = analysed.line_starts[line + 1]
    rest = analysed.text[span.end : end]
    start = analysed.line_starts[analysed.line_of(span.start)]
    return (Edit(Span(start, end), ""),) if not rest.strip() else None


RULE = Rule(
    name="host-sync-in-step-loop",
    severity=Severity.WARNING,
    since="0.1.0",
    check=check,
    fix=fix,
    examples=(
        Example(
            """
            import jax

            @jax.jit
            def train_step(params, batch):
                return params - batch, (batch ** 2).sum()

            def train(params, data):
                losses = []
                for batch in data:
                    params, loss = train_step(params, batch)
                    losses.append(float(loss))  # error: [host-sync-in-step-loop]
                return params, losses
            """,
            fixed="""
            import jax

            @jax.jit
            def train_step(params, batch):
                return params - batch, (batch ** 2).sum()

            def train(params, data):
                losses = []
                for batch in data:
                    params, loss = train_step(params, batch)
                    losses.append(loss)
                losses = [float(v) for v in jax.device_get(losses)]
                return params, losses
            """,
        ),
        Example(
            """
            import jax

            @jax.jit
            def train_step(params, batch):
                return params - batch, (batch ** 2).sum()

            def train(params, data):
                for i, batch in enumerate(data):
                    params, loss = train_step(params, batch)
                    if i % 100 == 0:
                        print(i, float(loss))
                return params
            """
        ),
    ),
)
