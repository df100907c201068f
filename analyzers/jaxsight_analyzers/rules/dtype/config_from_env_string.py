"""Sets a switch of JAX's configuration to a string from the environment.

## Why is this bad?

`jax.config.update` takes any value and asks for its truth, and every string but the empty one is true:
with `jax.config.update("jax_enable_x64", os.getenv("X64", "0"))` 64 bits are enabled when the variable says `0`, `False`
or nothing at all. No error, no warning.

## Fix safety

Unsafe: what was enabled by `"0"` or `"False"` is off then. Which spellings the variable may have is the
project's own agreement: the fix takes `1` and `true`, as JAX's own variables do.

## Limits

Only switches are reported, not settings that are strings, such as `jax_platforms`. A string that comes through a
function or a settings object is not followed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Edit, Finding, Fix, FixRef, Severity
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.streams import Argument, Call

_SWITCHES = [
    "jax_enable_x64",
    "jax_debug_nans",
    "jax_debug_infs",
    "jax_disable_jit",
    "jax_log_compiles",
    "jax_check_tracer_leaks",
    "jax_enable_checks",
    "jax_threefry_partitionable",
    "jax_enable_custom_prng",
    "jax_explain_cache_misses",
]
_READS = ("os.getenv", "os.environ.get")


def check(unit: Unit) -> Iterator[Finding]:
    for number, call in unit.calls_of(("jax.config.update",)):
        switch, value = _given(call)
        if value is None or switch not in _SWITCHES or not _is_string(unit, value.node):
            continue
        title = "Compare it with the spellings of true"
        yield Finding(
            span=value.span,
            message=f'`{value.text}` is a string, and every string but the empty one turns `{switch}` on, `"0"` too',
            fixes=(FixRef("compare-string", title, Applicability.UNSAFE, number),),
        )


def _given(call: Call) -> tuple[str | None, Argument | None]:
    """The name of the setting, where it is written here, and what it is set to."""
    if len(call.arguments) != 2:
        return None, None
    name, value = call.arguments
    written = name.node.value if isinstance(name.node, ast.Constant) else None
    return (written, value) if isinstance(written, str) else (None, None)


def _is_string(unit: Unit, node: ast.expr) -> bool:
    """Whether an expression reads a variable of the environment, and does no more."""
    if isinstance(node, ast.Call):
        call = unit.call_at(node)
        return call is not None and call.canonical in _READS
    return isinstance(node, ast.Subscript) and any(
        one.node is node.value and one.qualified == "os.environ" for one in unit.references
    )


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    _, value = _given(unit.calls[reference.data])
    if value is None:
        return None
    text = edits.source(unit, value.node)
    if isinstance(value.node, ast.Call) and not _has_string_default(value.node):
        text = f"str({text})"
    edit = Edit(value.span, f'{text}.lower() in ("1", "true")')
    return Fix(reference.title, (edit,), reference.applicability)


def _has_string_default(node: ast.Call) -> bool:
    default = node.args[1] if len(node.args) == 2 else None
    return isinstance(default, ast.Constant) and isinstance(default.value, str)


RULE = Rule(
    name="config-from-env-string",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    examples=(
        Example(
            """
            import os

            import jax

            jax.config.update("jax_enable_x64", os.getenv("X64", "0"))  # error: [config-from-env-string]
            """,
            fixed="""
            import os

            import jax

            jax.config.update("jax_enable_x64", os.getenv("X64", "0").lower() in ("1", "true"))
            """,
        ),
        Example(
            """
            import os

            import jax

            jax.config.update("jax_enable_x64", os.getenv("X64") == "1")
            """
        ),
    ),
)
