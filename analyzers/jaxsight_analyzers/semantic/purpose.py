"""What fails on purpose: in tests, mostly."""

from __future__ import annotations

import ast

from jaxsight_analyzers.semantic.run import Run


def expects_failure(expression: ast.expr) -> bool:
    """`pytest.raises(...)`, `self.assertRaises(...)`, `pytest.warns(...)` and their kin."""
    name = expression.func if isinstance(expression, ast.Call) else expression
    last = name.attr if isinstance(name, ast.Attribute) else getattr(name, "id", "")
    return last in ("raises", "warns", "deprecated_call", "check_raises") or last.startswith(
        ("assertRaises", "assertWarns")
    )


def note(run: Run, node: ast.AST, expression: ast.expr) -> None:
    """Note where a failure is expected. What leaks on purpose does so before, in the function that expects it."""
    scope = run.frame.scope
    given = expression.args if isinstance(expression, ast.Call) else ()
    leaks = any(_is_leak(argument) for argument in given)
    run.task.fails_on_purpose.append(node if scope is None or not leaks else scope.node)


def note_assertion(run: Run, node: ast.Call) -> None:
    """`self.assertIsInstance(kept, Tracer)` at the end of a test that leaks one."""
    scope = run.frame.scope
    asserts = _last_name(node.func) == "assertIsInstance" and len(node.args) == 2
    if scope is not None and asserts and _last_name(node.args[1]) == "Tracer":
        run.task.fails_on_purpose.append(scope.node)


def _is_leak(argument: ast.expr) -> bool:
    return _last_name(argument) == "UnexpectedTracerError"


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
