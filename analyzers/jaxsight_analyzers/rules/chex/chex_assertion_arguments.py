"""Gives an assertion of Chex arguments that it does not take.

## Why is this bad?

Some assertions of Chex take one list of arrays, others take trees one by one, and shapes are tuples. `chex.assert_shape(x, 3)` fails for every `x`: `AssertionError: [Chex] Assertion assert_shape failed: Error in shape compatibility check: expected
shapes should be a list or tuple of ints, got 3.` `chex.assert_equal_shape(x, y)` is `TypeError: assert_equal_shape() takes 1 positional argument but 2 were given`, and `chex.assert_trees_all_close([x, y])` is
`ValueError: Assertions over only one tree does not make sense. Maybe you wrote assert_trees_xxx([a, b]) instead of assert_trees_xxx(a, b)`. Where the assertion is what a test is about, it looks as if the test had found something.

## Fix safety

Safe: the call cannot have passed, and there is one way to write it.

## Limits

Silent where arguments are passed on by `*` or `**`. What is a shape is only looked at where it is written out.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Edit, Finding, Fix, FixRef, Severity, Span
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.streams import Call

_TOGETHER = ("chex.assert_equal_shape", "chex.assert_equal_rank", "chex.assert_equal_size")
_ONE_TREE = ("chex.assert_tree_all_finite",)
_APART = tuple(
    f"chex.assert_trees_all_{what}"
    for what in (
        *("close", "close_ulp", "equal", "equal_dtypes", "equal_shapes", "equal_sizes"),
        *("equal_shapes_and_dtypes", "equal_structs"),
    )
)
_EXPECTED = ("chex.assert_shape", "chex.assert_rank", "chex.assert_type")
_SHAPE = "chex.assert_shape"


_Nodes = tuple[ast.expr, ...]
_Wrong = tuple[str, _Nodes, str, str]
"""The message, the arguments that are to be written in another way, and what is to stand around them; nothing where their own brackets are to go."""


def check(unit: Unit) -> Iterator[Finding]:
    for number, call in unit.calls_of((*_TOGETHER, *_ONE_TREE, *_APART, *_EXPECTED)):
        found = _wrong(unit, call)
        if found is None:
            continue
        fixes: tuple[FixRef, ...] = ()
        message, nodes, _, _ = found
        if nodes:
            title = "Write the arguments as the assertion takes them"
            fixes = (FixRef("arrange-arguments", title, Applicability.SAFE, number),)
        yield Finding(span=call.span, message=message, fixes=fixes)


def _wrong(unit: Unit, call: Call) -> _Wrong | None:
    node, name = call.node, call.canonical
    given = node.args
    if any(isinstance(one, ast.Starred) for one in given) or any(
        one.arg is None for one in node.keywords
    ):
        return None
    title = f"`{name}` raises:"
    if name in _TOGETHER and len(given) > 1:
        return f"{title} it takes its arrays as one list", tuple(given), "[", "]"
    if name in _ONE_TREE and len(given) > 1:
        return f"{title} it takes one tree", tuple(given), "(", ")"
    if name in _APART and len(given) == 1:
        items = _items(given[0])
        if items is not None and len(items) > 1:
            return f"{title} it takes its trees one by one", (given[0],), "", ""
        return f"{title} it compares two trees or more, and is given one", (), "", ""
    return _expected(unit, call, title) if name in _EXPECTED else None


def _expected(unit: Unit, call: Call, title: str) -> _Wrong | None:
    """What is wrong with a shape, rank or type that is expected."""
    given = call.node.args
    rest = tuple(given[1:])
    if len(rest) > 1:
        numbers = call.canonical == _SHAPE and all(map(_is_number, rest))
        message = f"{title} it takes what it expects as one argument"
        return message, rest if numbers else (), "(", ")"
    if not rest:
        return None
    expected = rest[0]
    if call.canonical == _SHAPE and isinstance(expected, ast.Constant):
        message = f"{title} `{edits.source(unit, expected)}` is no shape"
        return message, (expected,) if _is_number(expected) else (), "(", ",)"
    arrays, wanted = _items(given[0]), _items(expected)
    if arrays is None or wanted is None or len(arrays) == len(wanted):
        return None
    if call.canonical == _SHAPE and not (wanted and all(map(_is_shape, wanted))):
        return None
    message = f"is given {len(arrays)} arrays and expects something of {len(wanted)}"
    return f"{title} it {message}", (), "", ""


def _is_number(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Constant)
        and isinstance(node.value, int)
        and not isinstance(node.value, bool)
    )


def _items(node: ast.expr) -> list[ast.expr] | None:
    """The items that are written out."""
    if not isinstance(node, (ast.List, ast.Tuple)):
        return None
    return None if any(isinstance(one, ast.Starred) for one in node.elts) else node.elts


def _is_shape(node: ast.expr) -> bool:
    return isinstance(node, (ast.Tuple, ast.List))


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    found = _wrong(unit, unit.calls[reference.data])
    if found is None or not found[1]:
        return None
    _, nodes, opened, closed = found
    span_of = unit.model.module.span
    first, last = span_of(nodes[0]), span_of(nodes[-1])
    items = _items(nodes[0])
    if not opened and items is not None:
        inside = edits.text(unit, Span(span_of(items[0]).start, span_of(items[-1]).end))
        return Fix(reference.title, (Edit(first, inside),), reference.applicability)
    before = Edit(Span(first.start, first.start), opened)
    behind = Edit(Span(last.end, last.end), closed)
    return Fix(reference.title, (before, behind), reference.applicability)


RULE = Rule(
    name="chex-assertion-arguments",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=(
        "AssertionError: [Chex] Assertion assert_shape failed: Error in shape compatibility check: expected shapes should be a list or tuple of ints",
        "TypeError: assert_equal_shape() takes 1 positional argument but",
        "ValueError: Assertions over only one tree does not make sense",
    ),
    examples=(
        Example(
            """
            import chex

            def check(x, y):
                chex.assert_shape(x, 3)  # error: [chex-assertion-arguments]
                chex.assert_equal_shape(x, y)  # error: [chex-assertion-arguments]
                chex.assert_trees_all_close([x, y])  # error: [chex-assertion-arguments]
            """,
            fixed="""
            import chex

            def check(x, y):
                chex.assert_shape(x, (3,))
                chex.assert_equal_shape([x, y])
                chex.assert_trees_all_close(x, y)
            """,
        ),
        Example(
            """
            import chex

            def check(x, y):
                chex.assert_shape([x, y], (3,))
                chex.assert_equal_shape([x, y])
                chex.assert_trees_all_close(x, y, rtol=1e-3)
            """
        ),
    ),
)
