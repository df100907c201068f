"""Asks JAX for 64 bits, which are not enabled: the array has 32.

## Why is this bad?

JAX makes arrays of 32 bits unless the project enables 64. What asks for more gets less precision than it says, with no
more than `UserWarning: Explicitly requested dtype float64 requested in zeros is not available, and will be
truncated to dtype float32. To enable more dtypes, set the jax_enable_x64 configuration option or the JAX_ENABLE_X64
shell environment variable.`

## Fix safety

Unsafe: which precision is meant, only you know. Asking for 32 bits changes nothing but what the line says; with 64 bits
enabled all arrays are larger, and results differ.

## Limits

Silent if any file of the project speaks of `jax_enable_x64`, of its variable `JAX_ENABLE_X64`, or of another way to
enable 64 bits. A notebook is looked at on its own. Only what is written where it is asked for is reported, not a dtype that comes from a variable. Python's `float` and
`int` stand for the default precision, and NumPy's own arrays do have 64 bits.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Edit, Finding, Fix, FixRef, Severity
from jaxsight_analyzers.fixes import edits, import_lines
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.streams import Call
from jaxsight_analyzers.semantic.transfer_streams import MethodCall
from jaxsight_analyzers.semantic.values import Kind

_NARROW = {
    "float64": "float32",
    "double": "float32",
    "int64": "int32",
    "uint64": "uint32",
    "complex128": "complex64",
}
_LIBRARIES = ("jax.numpy", "numpy")
_WIDE = frozenset(f"{library}.{name}" for library in _LIBRARIES for name in _NARROW)
_CASTS = [f"jax.numpy.{name}" for name in _NARROW]
_PARAMETERS = ("dtype", "new_dtype", "preferred_element_type")


def check(unit: Unit) -> Iterator[Finding]:
    asked = _asked(unit)
    if not asked or unit.mentions_x64:
        return
    for number, (node, name, _) in enumerate(asked):
        narrow = _NARROW[name]
        text = edits.source(unit, node)
        fixes = [FixRef("ask-narrow", f"Ask for `{narrow}`", Applicability.UNSAFE, number)]
        if "jax" in unit.import_names:
            title = "Enable 64 bits in this file"
            fixes.append(FixRef("enable-wide", title, Applicability.UNSAFE, number))
        yield Finding(
            span=unit.model.module.span(node),
            message=f"`{text}` becomes `{narrow}`: 64 bits are off by default, and nothing that is seen enables them",
            fixes=tuple(fixes),
        )


def _asked(unit: Unit) -> list[tuple[ast.expr, str, str | None]]:
    """What asks for 64 bits: where it stands, which dtype, and of which library if it is a name of one."""
    nodes = list(_dtypes(unit))
    if not nodes:
        return []
    wide = {
        reference.node: reference.qualified
        for reference in unit.references
        if reference.qualified in _WIDE and not reference.guarded
    }
    found: list[tuple[ast.expr, str, str | None]] = []
    for node in nodes:
        if node in wide:
            library, _, name = wide[node].rpartition(".")
            found.append((node, name, library))
        elif isinstance(node, ast.Constant) and node.value in _NARROW:
            found.append((node, str(node.value), None))
    return found


def _dtypes(unit: Unit) -> Iterator[ast.expr]:
    """The dtypes that JAX is asked for."""
    for _, call in unit.calls_from("jax"):
        if call.guarded or call.facts is None:
            continue
        if call.canonical in _CASTS:
            yield call.node.func
        elif call.facts.returns == "array":
            yield from _given(call)
    for method in unit.methods:
        if method.base_kind is Kind.ARRAY and method.facts.name != "view":
            yield from _given(method)


def _given(call: Call | MethodCall) -> Iterator[ast.expr]:
    for argument in call.arguments:
        if argument.parameter in _PARAMETERS and not argument.is_starred:
            yield argument.node


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    node, name, library = _asked(unit)[reference.data]
    if reference.kind == "enable-wide":
        return _enabling(unit, reference)
    narrow = _NARROW[name]
    span = unit.model.module.span(node)
    extra: tuple[Edit, ...] = ()
    if library is None:
        text = edits.source(unit, node).replace(name, narrow)
    elif isinstance(node, ast.Attribute):
        base = edits.source(unit, node.value)
        text = f"{base}.{narrow}"
    else:
        spelling = edits.spell(unit, f"{library}.{narrow}")
        text, extra = spelling.text, spelling.edits
    return Fix(reference.title, (Edit(span, text), *extra), reference.applicability)


def _enabling(unit: Unit, reference: FixRef) -> Fix:
    jax = unit.import_names["jax"]
    line_end = edits.newline(unit)
    statement = f'{line_end}{jax}.config.update("jax_enable_x64", True)'
    edit = import_lines.behind(unit.model.module, statement, line_end)
    return Fix(reference.title, (edit,), reference.applicability)


RULE = Rule(
    name="float64-silently-truncated",
    severity=Severity.WARNING,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=("UserWarning: Explicitly requested dtype float64 requested in zeros is not available",),
    examples=(
        Example(
            """
            import jax.numpy as jnp

            x = jnp.zeros(3, dtype=jnp.float64)  # error: [float64-silently-truncated]
            """,
            fixed="""
            import jax.numpy as jnp

            x = jnp.zeros(3, dtype=jnp.float32)
            """,
        ),
        Example(
            """
            import jax
            import jax.numpy as jnp

            jax.config.update("jax_enable_x64", True)

            x = jnp.zeros(3, dtype=jnp.float64)
            """
        ),
    ),
)
