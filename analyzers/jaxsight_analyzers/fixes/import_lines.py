"""Where a new import goes: where a sorter of imports would put it."""

from __future__ import annotations

import ast
import re
import sys
from itertools import pairwise

from jaxsight_analyzers.diagnostic import Edit, Span
from jaxsight_analyzers.syntax.parsed import ParsedModule

_FUTURE, _STANDARD, _OTHERS, _RELATIVE = range(4)
_NEIGHBOURS = ("jax", "numpy", "flax", "optax", "chex", "haiku", "equinox", "scipy")
_Import = ast.Import | ast.ImportFrom


def add(module: ParsedModule, statement: str, newline: str) -> Edit:
    """The edit that adds an import of a library to those that the module begins with."""
    imports = _leading(module)
    new = ast.parse(statement).body[0]
    assert isinstance(new, (ast.Import, ast.ImportFrom))
    section = _section(new)
    group = _group(module, imports, section)
    if group:
        mixed = any(
            isinstance(one, ast.ImportFrom) and isinstance(other, ast.Import)
            for one, other in pairwise(group)
        )
        before = [one for one in group if _order(one, mixed) <= _order(new, mixed)]
        if not before:
            start = _line_start(module, module.span(group[0]).start)
            return Edit(Span(start, start), f"{statement}{newline}")
        return _after(module, before[-1], statement, newline)
    known = [one for one in imports if _section(one) <= section]
    if known:
        return _after(module, known[-1], f"{newline}{statement}", newline)
    if section == _STANDARD and imports:
        start = _line_start(module, module.span(imports[0]).start)
        return Edit(Span(start, start), f"{statement}{newline}{newline}")
    return _first(module, statement, newline)


def behind(module: ParsedModule, statement: str, newline: str) -> Edit:
    """The edit that adds a statement after the imports that the module begins with."""
    imports = _leading(module)
    if not imports:
        return _first(module, statement, newline)
    return _after(module, imports[-1], statement, newline)


def _leading(module: ParsedModule) -> list[_Import]:
    """The imports that a module begins with."""
    found: list[_Import] = []
    for node in module.tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found.append(node)
        elif found or not _is_text(node):
            break
    return found


def _group(module: ParsedModule, imports: list[_Import], section: int) -> list[_Import]:
    """The lines of imports that one belongs to: for a library those with JAX, or the first ones of libraries."""
    groups: list[list[_Import]] = []
    last = -2
    for node in imports:
        line = module.analysed.line_of(module.span(node).start)
        if _section(node) == section:
            if line != last + 1 or not groups:
                groups.append([])
            groups[-1].append(node)
            last = module.analysed.line_of(module.span(node).end)
        else:
            last = -2
    known = (g for g in groups if any(_name(one).partition(".")[0] in _NEIGHBOURS for one in g))
    return next(known, groups[0] if groups else [])


def _section(node: _Import) -> int:
    if isinstance(node, ast.ImportFrom) and node.level:
        return _RELATIVE
    top = _name(node).partition(".")[0]
    if top == "__future__":
        return _FUTURE
    return _STANDARD if top in sys.stdlib_module_names else _OTHERS


def _name(node: _Import) -> str:
    return (node.module or "") if isinstance(node, ast.ImportFrom) else node.names[0].name


def _order(node: _Import, mixed: bool) -> tuple[bool, str]:
    return (not mixed and isinstance(node, ast.ImportFrom), _name(node).lower())


def _after(module: ParsedModule, node: _Import, statement: str, newline: str) -> Edit:
    analysed = module.analysed
    line = analysed.line_of(module.span(node).end) + 1
    if line >= len(analysed.line_starts):
        size = len(analysed.text)
        return Edit(Span(size, size), f"{newline}{statement}")
    start = analysed.line_starts[line]
    return Edit(Span(start, start), f"{statement}{newline}")


def _first(module: ParsedModule, statement: str, newline: str) -> Edit:
    """Before relative imports, else after a docstring, else after a shebang and an encoding line."""
    body = module.tree.body
    if body and _is_text(body[0]):
        span = module.span(body[0])
        line = module.analysed.line_of(span.end) + 1
    else:
        line = _first_code_line(module.analysed.text)
    if line >= len(module.analysed.line_starts):
        size = len(module.analysed.text)
        return Edit(Span(size, size), f"{newline}{statement}")
    start = module.analysed.line_starts[line]
    return Edit(Span(start, start), f"{statement}{newline}")


def _first_code_line(whole: str) -> int:
    count = 0
    for line in whole.split("\n", 2)[:2]:
        if line.startswith("#!") or re.match(r"[ \t\f]*#.*?coding[:=]", line):
            count += 1
        else:
            break
    return count


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _line_start(module: ParsedModule, offset: int) -> int:
    return module.analysed.line_starts[module.analysed.line_of(offset)]
