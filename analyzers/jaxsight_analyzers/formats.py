"""F-strings as format strings, for functions that format later: `jax.debug.print("{}", x)`."""

from __future__ import annotations

import ast
import json


def as_format(node: ast.JoinedStr, values: list[str]) -> str | None:
    """An f-string as a format string, its values appended to `values`; None where a field has a conversion."""
    parts: list[str] = []
    for part in node.values:
        if isinstance(part, ast.Constant):
            parts.append(str(part.value).replace("{", "{{").replace("}", "}}"))
        elif isinstance(part, ast.FormattedValue):
            spec = part.format_spec
            if part.conversion != -1 or (spec is not None and not _is_plain(spec)):
                return None
            form = "" if spec is None else f":{_literal(spec)}"
            parts.append(f"{{{form}}}")
            values.append(ast.unparse(part.value))  # before 3.12 parts of f-strings have no place
    return "".join(parts)


def _is_plain(spec: ast.expr) -> bool:
    return isinstance(spec, ast.JoinedStr) and all(isinstance(p, ast.Constant) for p in spec.values)


def _literal(spec: ast.expr) -> str:
    return "".join(str(part.value) for part in ast.walk(spec) if isinstance(part, ast.Constant))


def quoted(text: str) -> str:
    """A string literal."""
    return json.dumps(text, ensure_ascii=False)
