"""Calls a method that only arrays with a value have, of a value that JAX traces.

## Why is this bad?

`block_until_ready`, `devices`, `copy_to_host_async` and their kin are about the memory of an array on a device. While a
function is traced its arrays are stand-ins without memory: `AttributeError: The 'block_until_ready' method is not
available on traced array with shape float32[3]`, or `ConcretizationTypeError`.

Wait for the result of the compiled function where it is called. `jax.block_until_ready(x)` does nothing to a tracer.

## Fix safety

Safe: without `.block_until_ready()` the code does what it was meant to do, and the old code cannot have worked.

## Limits

Attributes such as `x.sharding` are not reported, since releases of JAX differ in them.
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
)
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.transfer_streams import MethodCall
from jaxsight_analyzers.semantic.values import Kind

_WAITING = ("block_until_ready", "copy_to_host_async")
_OF_MEMORY = (
    *("unsafe_buffer_pointer", "addressable_data", "is_deleted", "delete"),
    *("devices", "is_ready", "on_device_size_in_bytes"),
)


def check(unit: Unit) -> Iterator[Finding]:
    for number, method in enumerate(unit.methods):
        known = method.name in _WAITING
        known = known or (method.name in _OF_MEMORY and method.base_kind is Kind.ARRAY)
        if not known or method.traced is Certainty.NO:
            continue
        sure = method.traced is Certainty.YES
        fixes: tuple[FixRef, ...] = ()
        if method.name == "block_until_ready" and not _is_alone(unit, method):
            applicability = Applicability.SAFE if sure else Applicability.UNSAFE
            fixes = (FixRef("drop-wait", "Remove `.block_until_ready()`", applicability, number),)
        yield Finding(
            span=method.span,
            message=(
                f"`.{method.name}()` {'fails' if sure else 'then fails'} on `{method.base_text}`, which "
                f"{'is' if sure else 'may be'} traced by `{method.function}`"
            ),
            certainty=method.traced,
            related=method.related,
            fixes=fixes,
        )


def _is_alone(unit: Unit, method: MethodCall) -> bool:
    """Whether the call is a statement, of which nothing would be left."""
    parents = edits.parents_of(unit, method.node)
    return not parents or isinstance(parents[0], ast.Expr)


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    method = unit.methods[reference.data]
    edit = Edit(method.span, edits.as_operand(unit, method.base))
    return Fix(reference.title, (edit,), reference.applicability)


RULE = Rule(
    name="tracer-attribute-missing",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    preview=True,
    errors=("AttributeError: method is not available on traced array with shape",),
    examples=(
        Example(
            """
            import jax

            @jax.jit
            def f(x):
                return (x + 1).block_until_ready()  # error: [tracer-attribute-missing]
            """,
            fixed="""
            import jax

            @jax.jit
            def f(x):
                return (x + 1)
            """,
        ),
        Example(
            """
            import jax

            @jax.jit
            def f(x):
                return jax.block_until_ready(x + 1)
            """
        ),
    ),
)
