"""The builder of local edits: every fix that is not structural is made of these."""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections.abc import Iterator

from jaxsight_analyzers.data import dataclass
from jaxsight_analyzers.diagnostic import Edit, Span
from jaxsight_analyzers.fixes import import_lines
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.trees import walk

_ATOMS = (
    ast.Name,
    ast.Constant,
    ast.Attribute,
    ast.Call,
    ast.Subscript,
    ast.List,
    ast.Dict,
    ast.Set,
    ast.JoinedStr,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
)


@dataclass(frozen=True, slots=True)
class Spelling:
    """How a library's function is written in a file, and the edits that make it so."""

    text: str
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """A statement in its block: the innermost one around an offset."""

    node: ast.stmt
    span: Span
    indent: str
    block: tuple[ast.stmt, ...]
    index: int
    parents: tuple[ast.AST, ...]  # the blocks' owners, outermost first

    @property
    def next(self) -> ast.stmt | None:
        """The statement after it in its block."""
        return self.block[self.index + 1] if self.index + 1 < len(self.block) else None


def text(unit: Unit, span: Span) -> str:
    """The text of a span."""
    return unit.model.module.analysed.text[span.start : span.end]


def source(unit: Unit, node: ast.AST) -> str:
    """The text of a node."""
    return unit.model.module.text_of(node)


def as_argument(unit: Unit, node: ast.expr) -> str:
    """An expression as one argument: in parentheses where it would be several, or none."""
    written = source(unit, node)
    bare = isinstance(node, (ast.Tuple, ast.Yield, ast.YieldFrom, ast.NamedExpr, ast.GeneratorExp))
    return f"({written})" if bare and not _is_parenthesised(unit, node) else written


def as_operand(unit: Unit, node: ast.expr) -> str:
    """An expression as the operand of an operator: in parentheses unless it is an atom."""
    written = source(unit, node)
    return written if isinstance(node, _ATOMS) else f"({written})"


def new_value(unit: Unit, statement: ast.stmt, name: str) -> str | None:
    """What a statement that does nothing else gives to a name: `x op v` for `x op= v`."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
        is_it = isinstance(target, ast.Name) and target.id == name
        return as_argument(unit, statement.value) if is_it else None
    if isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
        return operated(unit, statement, name) if statement.target.id == name else None
    return None


def operated(unit: Unit, statement: ast.AugAssign, name: str) -> str:
    """`x op v` for `x op= v`, where `x` is written as `name`."""
    module = unit.model.module
    between = Span(module.span(statement.target).end, module.span(statement.value).start)
    operator = text(unit, between).replace("=", "").replace("(", "").strip()
    return f"{name} {operator} {as_operand(unit, statement.value)}"


def _is_parenthesised(unit: Unit, node: ast.expr) -> bool:
    written = source(unit, node)
    return isinstance(node, (ast.Tuple, ast.GeneratorExp)) and written.startswith("(")


def index_text(unit: Unit, node: ast.expr) -> str:
    """What stands between the brackets of a subscript."""
    written = source(unit, node)
    if isinstance(node, ast.Tuple) and written.startswith("(") and node.elts:
        first = unit.model.module.span(node.elts[0]).start
        if unit.model.module.span(node).start == first:
            return written
    return written


def remove_argument(unit: Unit, call: ast.Call, keyword: ast.keyword) -> Edit | None:
    """A keyword argument taken out with its comma; None where a comment would go with it."""
    span = unit.model.module.span
    arguments = sorted([*call.args, *call.keywords], key=lambda one: span(one).start)
    index = arguments.index(keyword)
    if index + 1 < len(arguments):
        removed = Span(span(keyword).start, span(arguments[index + 1]).start)
    elif index > 0:
        removed = Span(span(arguments[index - 1]).end, span(keyword).end)
    else:
        removed = span(keyword)
    return None if "#" in text(unit, removed) else Edit(removed, "")


def place_at(unit: Unit, offset: int) -> Place | None:
    """The innermost statement around an offset."""
    places = places_at(unit, offset)
    return places[-1] if places else None


def top_place(unit: Unit, offset: int) -> Place | None:
    """The statement of the module around an offset: of a big class, `places_at` knows the member alone."""
    return _in_block(unit, unit.whole.tree.body, offset, ())


def places_at(unit: Unit, offset: int) -> list[Place]:
    """The statements around an offset, the outermost first."""
    found: list[Place] = []
    block: list[ast.stmt] | None = unit.model.module.statements_around(offset)
    while block:
        parents = tuple(outer.node for outer in found)
        place = _in_block(unit, block, offset, parents)
        if place is None:
            break
        found.append(place)
        block = next((b for b in blocks_of(place.node) if _holds(unit, b, offset)), None)
    return found


def parents_of(unit: Unit, node: ast.expr) -> list[ast.AST]:
    """What an expression stands in, the innermost first, up to its statement."""
    place = place_at(unit, unit.model.module.span(node).start)
    found: list[ast.AST] = []

    if place is not None:
        _lies_in(place.node, node, found)
    return found


def _lies_in(outer: ast.AST, node: ast.expr, found: list[ast.AST]) -> bool:
    for child in ast.iter_child_nodes(outer):
        if child is node or (not isinstance(child, ast.stmt) and _lies_in(child, node, found)):
            found.append(outer)
            return True
    return False


def first_of_two(unit: Unit, first: int, second: int) -> Place | None:
    """Of the innermost block that holds both offsets, the statement that holds the first."""
    found: Place | None = None
    for one, other in zip(places_at(unit, first), places_at(unit, second)):
        found = one
        if one.node is not other.node:
            same = one.block == other.block or _are_lines(unit, one, other)
            return one if same else None
    return found


def _are_lines(unit: Unit, one: Place, other: Place) -> bool:
    """Whether two statements are the module's own; who asks depends on all of it."""
    apart = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    at_top = (
        not one.parents and not isinstance(one.node, apart) and not isinstance(other.node, apart)
    )
    return at_top and unit.whole.is_whole


def _in_block(
    unit: Unit, block: list[ast.stmt], offset: int, parents: tuple[ast.AST, ...]
) -> Place | None:
    index = bisect_right(block, offset, key=lambda one: _with_decorators(unit, one).start) - 1
    if index < 0:
        return None
    span = _with_decorators(unit, block[index])
    if offset >= max(span.end, span.start + 1):
        return None
    return Place(block[index], span, indent_of(unit, span.start), tuple(block), index, parents)


def _holds(unit: Unit, block: list[ast.stmt], offset: int) -> bool:
    if not block:
        return False
    start = _with_decorators(unit, block[0]).start
    return start <= offset <= unit.model.module.span(block[-1]).end


def blocks_of(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    """The blocks of a compound statement."""
    for name in ("body", "orelse", "finalbody"):
        yield getattr(statement, name, None) or []
    for handler in getattr(statement, "handlers", ()):
        yield handler.body
    for case in getattr(statement, "cases", ()):
        yield case.body


def _with_decorators(unit: Unit, statement: ast.stmt) -> Span:
    span = unit.model.module.span(statement)
    decorators = getattr(statement, "decorator_list", None)
    if decorators:
        first = unit.model.module.span(decorators[0]).start
        at = unit.model.module.analysed.text.rfind("@", 0, first)
        return Span(at, span.end)
    return span


def given_before(place: Place, name: str) -> ast.expr | None:
    """What a name was given last before a statement, in its block or in a branch of it."""
    for statement in reversed(place.block[: place.index]):
        if name not in names_bound_in(statement):
            continue
        if isinstance(statement, ast.If) and not statement.orelse:
            statement = statement.body[-1]
        simple = isinstance(statement, ast.Assign) and len(statement.targets) == 1
        return statement.value if isinstance(statement, ast.Assign) and simple else None
    return None


def indent_unit(unit: Unit) -> str:
    """How far this file indents a block: as far as its first indented line."""
    match = re.search(r"^[ \t]+(?=\S)", unit.model.module.analysed.text, re.M)
    return match.group() if match else "    "


def indent_of(unit: Unit, offset: int) -> str:
    """The blanks that the line at an offset begins with."""
    analysed = unit.model.module.analysed
    line = analysed.line_of(offset)
    before = analysed.text[analysed.line_starts[line] : offset]
    return before if not before.strip() else before[: len(before) - len(before.lstrip())]


def starts_its_line(unit: Unit, span: Span) -> bool:
    """Whether only blanks stand before a statement on its line."""
    analysed = unit.model.module.analysed
    start = analysed.line_starts[analysed.line_of(span.start)]
    return not analysed.text[start : span.start].strip()


def ends_its_line(unit: Unit, span: Span) -> bool:
    """Whether only blanks stand behind a statement on its line."""
    rest = re.match(r"[ \t]*(?=[\r\n]|\Z)", unit.model.module.analysed.text[span.end :][:200])
    return rest is not None


def remove(unit: Unit, place: Place) -> Edit:
    """Take a statement that has its lines for itself away, with them; a block is not left empty."""
    if len(place.block) == 1:
        return Edit(place.span, "pass")
    analysed = unit.model.module.analysed
    start = analysed.line_starts[analysed.line_of(place.span.start)]
    last = analysed.line_of(place.span.end) + 1
    end = analysed.line_starts[last] if last < len(analysed.line_starts) else len(analysed.text)
    return Edit(Span(start, end), "")


def newline(unit: Unit) -> str:
    """How this file ends its lines."""
    match = re.search(r"\r\n|\r|\n", unit.model.module.analysed.text)
    return match.group() if match else "\n"


def insert_before(unit: Unit, place: Place, line: str) -> Edit | None:
    """A line of its own before a statement; None where the statement shares its line."""
    if not starts_its_line(unit, place.span):
        return None
    start = place.span.start
    return Edit(Span(start, start), f"{line}{newline(unit)}{place.indent}")


def add_keyword(unit: Unit, call: ast.Call, keyword: str) -> Edit:
    """A keyword argument after the arguments of a call: on a line of its own where the last one has one."""
    whole, end = unit.model.module.analysed.text, unit.model.module.span(call).end - 1
    given = [*call.args, *(one.value for one in call.keywords)]
    if not given:
        return Edit(Span(end, end), keyword)
    last = max(unit.model.module.span(one).end for one in given)
    at, has_comma = last, False
    for found in re.finditer(r"#[^\r\n]*|[),]", whole[last:end]):
        if not found.group().startswith("#"):
            at, has_comma = last + found.end(), found.group() == ","
    line = unit.model.module.analysed.line_of(last)
    first = unit.model.module.span(call).start
    if not re.search(r"[\r\n]", whole[last:end]) or line == unit.model.module.analysed.line_of(
        first
    ):
        return Edit(Span(at, at), f" {keyword}," if has_comma else f", {keyword}")
    comma, after = ("", ",") if has_comma else (",", "")
    text = f"{comma}{newline(unit)}{indent_of(unit, last)}{keyword}{after}"
    return Edit(Span(at, at), text)


def without_argument(unit: Unit, call: ast.Call, node: ast.expr) -> Edit | None:
    """A call without an argument that is its last positional one, or given by keyword."""
    name = next((one.arg for one in call.keywords if one.value is node), None)
    if name is not None:
        return without_keyword(unit, call, name)
    if len(call.args) < 2 or call.args[-1] is not node:
        return None
    span = unit.model.module.span
    start = span(call.args[-2]).end
    before = unit.model.module.analysed.text[start : span(node).start]
    start += len(before) - len(before.lstrip(")"))
    return None if "#" in before else Edit(Span(start, span(node).end), "")


def without_keyword(unit: Unit, call: ast.Call, name: str) -> Edit | None:
    """A call without a keyword argument; None where it is the only argument or shares it with comments."""
    whole, span = unit.model.module.analysed.text, unit.model.module.span
    given = sorted([*call.args, *(one.value for one in call.keywords)], key=lambda one: span(one))
    gone = next((one.value for one in call.keywords if one.arg == name), None)
    if gone is None or len(given) < 2:
        return None
    if not whole[: span(gone).start].rstrip().endswith("="):
        return None  # in parentheses
    at = next(number for number, one in enumerate(given) if one is gone)
    if at > 0:
        start, end = span(given[at - 1]).end, span(gone).end
        start += len(whole[start:]) - len(whole[start:].lstrip(")"))
    else:
        start = whole.rfind(name, span(call).start, span(gone).start)
        end = span(given[1]).start
        key = next((one.arg for one in call.keywords if one.value is given[1]), None)
        end = end if key is None else whole.rfind(key, span(gone).end, end)
    return None if "#" in whole[start:end] else Edit(Span(start, end), "")


def spell(unit: Unit, qualified: str) -> Spelling:
    """A library's function as this file would write it, with an import where it has none.

    An import that exists is used: `jnp.where` after `import jax.numpy as jnp`, `random.split` after
    `from jax import random`. Only imports at the top level of the module count.
    """
    module, _, name = qualified.rpartition(".")
    aliases = unit.import_names
    if qualified in aliases:
        return Spelling(aliases[qualified])
    rest = name
    while module:
        if module in aliases:
            return Spelling(f"{aliases[module]}.{rest}")
        module, _, last = module.rpartition(".")
        rest = f"{last}.{rest}"
    return _with_new_import(unit, qualified)


def spell_member(unit: Unit, module: str, name: str) -> Spelling:
    """A member of a module that its package does not import: imported by its own name, or by another if that is taken."""
    known = unit.import_names.get(f"{module}.{name}") or unit.import_names.get(module)
    if known is not None:
        return Spelling(known if f"{module}.{name}" in unit.import_names else f"{known}.{name}")
    taken = re.search(rf"(?<![.\w]){name}\b", unit.whole.analysed.text) is not None
    alias = f"{module.partition('.')[0]}_{name}"
    bound, statement = (alias, f"{name} as {alias}") if taken else (name, name)
    return Spelling(bound, (add_import(unit, f"from {module} import {statement}"),))


_USUAL = {
    "numpy": ("import numpy as np", "np"),
    "jax.numpy": ("import jax.numpy as jnp", "jnp"),
    "jax.scipy": ("import jax.scipy", "jax.scipy"),
    "flax.nnx": ("from flax import nnx", "nnx"),
    "equinox": ("import equinox as eqx", "eqx"),
}


def _with_new_import(unit: Unit, qualified: str) -> Spelling:
    for module, (statement, bound) in _USUAL.items():
        if qualified.startswith(f"{module}."):
            rest = qualified[len(module) + 1 :]
            return Spelling(f"{bound}.{rest}", (add_import(unit, statement),))
    top = qualified.partition(".")[0]
    return Spelling(qualified, (add_import(unit, f"import {top}"),))


def add_import(unit: Unit, statement: str) -> Edit:
    """An import among those that the module begins with, else after its docstring."""
    return import_lines.add(unit.model.module, statement, newline(unit))


def fresh_names(unit: Unit, wanted: str, count: int, near: int | None = None) -> list[str]:
    """Names that the file does not use, not even in a comment: `wanted`, or with numbers after it.

    With `near`, names for the function around that offset, which others may use as well.
    """
    text = _text_near(unit, near)
    found: list[str] = []
    number = 1
    while len(found) < count:
        name = wanted if number == 1 else f"{wanted}{number}"
        if name not in text or not re.search(rf"\b{name}\b", text):
            found.append(name)
        number += 1
    return found


def fresh_name(unit: Unit, wanted: str, near: int | None = None) -> str:
    """One such name."""
    return fresh_names(unit, wanted, 1, near)[0]


def unused_in(node: ast.AST, wanted: str) -> str:
    """A name that a function or comprehension does not use yet."""
    used = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    used |= {n.arg for n in ast.walk(node) if isinstance(n, ast.arg)}
    numbers = iter(range(2, len(used) + 3))
    name = wanted
    while name in used:
        name = f"{wanted}{next(numbers)}"
    return name


def _text_near(unit: Unit, near: int | None) -> str:
    """The text of the outermost function around an offset, else that of the file."""
    for place in () if near is None else places_at(unit, near):
        if isinstance(place.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return text(unit, place.span)
    return unit.model.module.analysed.text


def runs_once_in(statement: ast.stmt, expression: ast.expr) -> bool:
    """Whether a statement evaluates an expression in it once, where it stands: not in a loop or scope."""
    again = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
    blocks = (ast.For, ast.AsyncFor, ast.While, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return not any(
        isinstance(inner, again + blocks) and any(child is expression for child in ast.walk(inner))
        for inner in ast.walk(statement)
    )


def names_in(node: ast.AST) -> set[str]:
    """The names that a piece of code reads."""
    return {
        child.id
        for child in walk(node)
        if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Load)
    }


def names_bound_in(node: ast.AST) -> set[str]:
    """The names that a piece of code binds."""
    bound = {
        child.id
        for child in walk(node)
        if isinstance(child, ast.Name) and not isinstance(child.ctx, ast.Load)
    }
    bound |= {
        child.name
        for child in walk(node)
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    }
    return bound


def loop_counter(place: Place) -> str | None:
    """The name that counts the innermost loop: `for i in range(n)`, `for i, x in enumerate(xs)`."""
    loops = [p for p in (*place.parents, place.node) if isinstance(p, (ast.For, ast.While))]
    loop = loops[-1] if loops else None
    if not isinstance(loop, ast.For) or not isinstance(loop.iter, ast.Call):
        return None
    function = loop.iter.func
    if not isinstance(function, ast.Name):
        return None
    if function.id == "range" and isinstance(loop.target, ast.Name):
        return loop.target.id if loop.target.id != "_" else None
    if function.id == "enumerate" and isinstance(loop.target, ast.Tuple):
        first = loop.target.elts[0]
        return first.id if isinstance(first, ast.Name) and first.id != "_" else None
    return None
