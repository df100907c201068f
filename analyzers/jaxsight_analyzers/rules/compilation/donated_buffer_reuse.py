"""Uses an argument after a compiled function was given its memory.

## Why is this bad?

`donate_argnums` and `donate_argnames` of `jax.jit` hand the memory of an argument to the compiled function, which puts a
result there: training then holds one copy of the state instead of two. The argument is deleted by that, and whoever reads
it fails with `RuntimeError: Array has been deleted with shape=float32[3].` A second call with it fails with
`INVALID_ARGUMENT: Invalid buffer passed to Execute() as argument 0 to replica 0: Buffer has been deleted or donated`, and
an array that is given to one call twice with `Attempt to use a buffer that was previously donated in the same call to
Execute()`. Old releases of JAX ignored donation on CPU, so that such code fails on the accelerator only.

The usual form gives the result to the name of the argument: `state = step(state, batch)`.

## Fix safety

Unsafe: whether the old or the new value is wanted, the text does not say. A copy costs the memory that the donation saves.

## Limits

An error where the array certainly is deleted: a result has its dtype and shape, or the function returns an update of the
argument. Where the function or the argument is not known well enough the message says "may". A donation that no result can
use (of a function that returns a loss only) deletes nothing and is not reported, nor are NumPy arrays, which JAX copies,
keys, calls inside of a trace, and reads of `.shape` and `.dtype`. One finding is reported for each donated argument.
Arrays are followed by name, and through calls of functions that hand their argument on, not into containers.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import (
    Applicability,
    Certainty,
    Edit,
    Finding,
    Fix,
    FixRef,
    Severity,
    Span,
)
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.donation_streams import DonatedRead

_UNSAFE = Applicability.UNSAFE


def check(unit: Unit) -> Iterator[Finding]:
    for number, read in enumerate(unit.donated_reads):
        yield Finding(
            span=read.span,
            message=_message(unit, read),
            certainty=read.certainty,
            related=read.related,
            fixes=tuple(_fixes(unit, read, number)),
        )


def _message(unit: Unit, read: DonatedRead) -> str:
    donation = read.donation
    deletes = "deletes" if read.certainty is Certainty.YES else "may delete"
    if read.how == "twice":
        return (
            f"`{donation.function}` is given `{donation.place}` twice and {deletes} it as a donated argument, "
            "which fails"
        )
    if read.how == "again":
        return (
            f"`{donation.function}` {deletes} `{donation.place}`, which is donated to it, and is given it again "
            "in the next iteration"
        )
    deleted = "deleted" if read.certainty is Certainty.YES else "may have deleted"
    written = edits.source(unit, read.node)
    if donation.through:
        return (
            f"`{written}` is used here after `{donation.function}` donated it to `{donation.through}`, "
            f"which {deleted} it"
        )
    return f"`{written}` is used here after `{donation.function}` {deleted} it: it is a donated argument"


def _fixes(unit: Unit, read: DonatedRead, number: int) -> Iterator[FixRef]:
    donation = read.donation
    if not unit.model.module.owns(donation.node):
        return
    if read.how == "again" and _rebound(unit, read) is not None:
        yield FixRef("rebind", f"Give the result to `{donation.place}`", _UNSAFE, number)
    yield FixRef("copy", f"Pass a copy of `{donation.place}`", _UNSAFE, number)
    if _without_donation(unit, read) is not None:
        yield FixRef("keep", f"Do not donate to `{donation.function}`", _UNSAFE, number)


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    read = unit.donated_reads[reference.data]
    if reference.kind == "rebind":
        changed = _rebound(unit, read)
    elif reference.kind == "keep":
        changed = _without_donation(unit, read)
    else:
        changed = _copied(unit, read)
    return None if changed is None else Fix(reference.title, changed, reference.applicability)


def _rebound(unit: Unit, read: DonatedRead) -> tuple[Edit, ...] | None:
    """`state = step(state, batch)` for a call whose result is dropped."""
    span = unit.model.module.span(read.donation.node)
    place = edits.place_at(unit, span.start)
    if place is None or not isinstance(place.node, ast.Expr):
        return None
    if place.node.value is not read.donation.node:
        return None
    return (Edit(Span(span.start, span.start), f"{read.donation.place} = "),)


def _copied(unit: Unit, read: DonatedRead) -> tuple[Edit, ...]:
    """A copy of each array, for the call to delete."""
    copy = edits.spell(unit, "jax.numpy.copy")
    argument = read.donation.argument
    written = edits.source(unit, argument)
    if read.is_array:
        text, more = f"{copy.text}({written})", copy.edits
    else:
        mapped = edits.spell(unit, "jax.tree.map")
        text, more = f"{mapped.text}({copy.text}, {written})", (*mapped.edits, *copy.edits)
    return (Edit(unit.model.module.span(argument), text), *more)


def _without_donation(unit: Unit, read: DonatedRead) -> tuple[Edit, ...] | None:
    """The transformation without the keyword, where it says nothing else."""
    call = read.donation.transformation.node
    if not isinstance(call, ast.Call) or not unit.model.module.owns(call):
        return None
    for keyword in call.keywords:
        if keyword.arg in ("donate_argnums", "donate_argnames"):
            value = keyword.value
            several = isinstance(value, (ast.Tuple, ast.List))
            literal = isinstance(value, ast.Constant) or (several and len(value.elts) == 1)
            gone = edits.without_keyword(unit, call, keyword.arg) if literal else None
            return None if gone is None else (gone,)
    return None


RULE = Rule(
    name="donated-buffer-reuse",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=(
        "RuntimeError: Array has been deleted with shape=",
        "ValueError: INVALID_ARGUMENT: Invalid buffer passed to Execute() as argument",
        "JaxRuntimeError: INVALID_ARGUMENT: Attempt to use a buffer that was previously donated in the same call to Execute()",
    ),
    examples=(
        Example(
            """
            import jax
            import jax.numpy as jnp

            step = jax.jit(lambda params, grads: params - 0.1 * grads, donate_argnums=0)

            def train(grads):
                params = jnp.ones(3)
                new_params = step(params, jnp.ones(3))
                return new_params - params  # error: [donated-buffer-reuse]
            """,
            fixed="""
            import jax
            import jax.numpy as jnp

            step = jax.jit(lambda params, grads: params - 0.1 * grads, donate_argnums=0)

            def train(grads):
                params = jnp.ones(3)
                new_params = step(jnp.copy(params), jnp.ones(3))
                return new_params - params
            """,
        ),
        Example(
            """
            import jax
            import jax.numpy as jnp

            step = jax.jit(lambda params, grads: params - 0.1 * grads, donate_argnums=0)

            def train(grads):
                params = jnp.ones(3)
                params = step(params, jnp.ones(3))
                return params
            """
        ),
    ),
)
