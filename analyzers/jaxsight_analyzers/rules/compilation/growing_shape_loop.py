"""Makes an array longer in each iteration of a loop.

## Why is this bad?

XLA compiles for shapes. `x = jnp.append(x, v)` makes an array of another shape in each iteration, so
each iteration compiles anew, and so does every function that takes `x`: 30 appends compile 30 times and
take more than ten times as long as a list that is joined once. It also copies the whole array each time.

## Fix safety

Unsafe: what belongs together is collected in a list and joined after the loop. The values are the same.
Offered where the loop reads the array nowhere else.

## Limits

Only loops of host code are reported, and of functions that nobody is seen to trace: while tracing the loop is unrolled and compiled as a whole. Loops
of less than 5 iterations are not reported; `thresholds.growing-shape-loop` says another number. NumPy's
`np.append` compiles nothing.
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
from jaxsight_analyzers.semantic.loop_streams import Growth


def check(unit: Unit) -> Iterator[Finding]:
    least = unit.threshold(RULE)
    for number, growth in enumerate(unit.growths):
        if growth.passes is not None and growth.passes < least:
            continue
        fixes: tuple[FixRef, ...] = ()
        if _collected(unit, growth) is not None:
            title = "Collect in a list, and join it once after the loop"
            fixes = (FixRef("collect", title, Applicability.UNSAFE, number),)
        yield Finding(
            span=growth.span,
            message=(
                f"`{growth.name}` has another shape after each iteration, so that outside of `jax.jit` "
                f"`{growth.function}` and all that takes it compile anew each time"
            ),
            related=(Related(growth.loop_span, "the loop"),),
            fixes=fixes,
        )


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    edited = _collected(unit, unit.growths[reference.data])
    return None if edited is None else Fix(reference.title, edited, reference.applicability)


def _collected(unit: Unit, growth: Growth) -> tuple[Edit, ...] | None:
    """The edits that fill a list in the loop; None where the loop needs the array, or shares lines."""
    span = unit.model.module.span
    loop = edits.place_at(unit, span(growth.loop).start)
    statement = edits.place_at(unit, growth.span.start)
    if growth.read_elsewhere or growth.loop.orelse or loop is None or statement is None:
        return None
    if loop.node is not growth.loop or not edits.starts_its_line(unit, statement.span):
        return None
    parts = edits.fresh_name(unit, f"{growth.name}_parts")
    added = _added(unit, growth, parts)
    before = edits.insert_before(unit, loop, f"{parts} = [{_first(unit, growth)}]")
    if added is None or before is None:
        return None
    analysed = unit.model.module.analysed
    end = analysed.line_span(analysed.line_of(loop.span.end)).end
    joined = f"{growth.name} = {_joined(unit, growth, parts)}"
    after = Edit(Span(end, end), f"{edits.newline(unit)}{loop.indent}{joined}")
    return before, Edit(growth.span, added), after


def _is_append(growth: Growth) -> bool:
    return growth.joined in growth.call.args and isinstance(growth.joined, ast.Name)


def _added(unit: Unit, growth: Growth, parts: str) -> str | None:
    """The statement that adds to the list what the array was made longer by."""
    if _is_append(growth):
        if len(growth.call.args) < 2 or isinstance(growth.call.args[1], ast.Starred):
            return None
        value = edits.as_argument(unit, growth.call.args[1])
        return f"{parts}.append({_flat(unit, growth, value)})"
    if not isinstance(growth.joined, (ast.List, ast.Tuple)):
        return None
    first, *rest = growth.joined.elts
    own = isinstance(first, ast.Name) and first.id == growth.name
    if not own or not rest or any(isinstance(one, ast.Starred) for one in rest):
        return None
    if len(rest) == 1:
        return f"{parts}.append({edits.as_argument(unit, rest[0])})"
    return f"{parts}.extend([{', '.join(edits.as_argument(unit, one) for one in rest)}])"


def _first(unit: Unit, growth: Growth) -> str:
    return _flat(unit, growth, growth.name) if _is_append(growth) else growth.name


def _flat(unit: Unit, growth: Growth, value: str) -> str:
    """A part of what `jnp.append` joins: it makes all of one dimension unless it is given an axis."""
    flattens = _is_append(growth) and not _axis(growth)
    return f"{_sibling(unit, growth, 'ravel')}({value})" if flattens else value


def _axis(growth: Growth) -> list[ast.expr]:
    return [*growth.call.args[2:], *(k.value for k in growth.call.keywords if k.arg == "axis")]


def _joined(unit: Unit, growth: Growth, parts: str) -> str:
    """The call that joins the list."""
    if _is_append(growth):
        axis = "".join(f", axis={edits.source(unit, one)}" for one in _axis(growth))
        return f"{_sibling(unit, growth, 'concatenate')}({parts}{axis})"
    span = unit.model.module.span
    whole, joined = span(growth.call), span(growth.joined)
    return (
        edits.text(unit, Span(whole.start, joined.start))
        + parts
        + edits.text(unit, Span(joined.end, whole.end))
    )


def _sibling(unit: Unit, growth: Growth, name: str) -> str:
    """Another function of the same module, as the file writes it."""
    written = edits.source(unit, growth.call.func)
    head, dot, _ = written.rpartition(".")
    return f"{head}{dot}{name}" if dot else edits.spell(unit, f"jax.numpy.{name}").text


RULE = Rule(
    name="growing-shape-loop",
    severity=Severity.WARNING,
    since="0.1.0",
    check=check,
    fix=fix,
    threshold=5,
    examples=(
        Example(
            """
            import jax.numpy as jnp

            def running(xs):
                means = jnp.zeros((0,))
                for x in xs:
                    means = jnp.append(means, x.mean())  # error: [growing-shape-loop]
                return means
            """,
            fixed="""
            import jax.numpy as jnp

            def running(xs):
                means = jnp.zeros((0,))
                means_parts = [jnp.ravel(means)]
                for x in xs:
                    means_parts.append(jnp.ravel(x.mean()))
                means = jnp.concatenate(means_parts)
                return means
            """,
        ),
        Example(
            """
            import jax.numpy as jnp

            def running(xs):
                means = []
                for x in xs:
                    means.append(x.mean())
                return jnp.stack(means)
            """
        ),
    ),
)
