"""Reads of donated arguments after the call, merged over contexts."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from typing import NamedTuple, cast

from jaxsight_analyzers.diagnostic import Certainty, Related, Span
from jaxsight_analyzers.semantic.donated import Donation
from jaxsight_analyzers.semantic.donations import DonatedReadSeen
from jaxsight_analyzers.semantic.streams import Call, Places, is_meant
from jaxsight_analyzers.semantic.trees import children, walk
from jaxsight_analyzers.semantic.values import Kind

Calls = Mapping[ast.AST, Call]

_METADATA = frozenset(
    (
        *("aval", "committed", "delete", "device", "devices", "dtype", "is_deleted", "itemsize"),
        *("nbytes", "ndim", "shape", "sharding", "size", "weak_type"),
    )
)
"""What an array that was deleted still tells of itself."""
_ARRAYS_IN_STATES = frozenset(
    ("params", "opt_state", "batch_stats", "ema_params", "model_state", "variables")
)
"""The fields of a state that hold arrays; others hold functions and numbers."""
_HARMLESS = frozenset(
    (
        *("callable", "getattr", "hasattr", "id", "isinstance", "issubclass", "len", "type"),
        *("empty_like", "eval_shape", "full_like", "ndim", "ones_like", "shape", "size"),
        *("structure", "tree_structure", "treedef", "typeof", "zeros_like", "ShapeDtypeStruct"),
    )
)
"""Functions that ask for no numbers."""
_FREEING = ("clear", "delete", "free", "release")
"""Parts of the names of functions that give the memory back, which may be done twice."""
_TRACING = ("eval_shape", "lower", "trace")
_READING = ("builtins.print", "builtins.float", "builtins.int", "builtins.sum", "jax.", "numpy.")
_REARRANGING = ("jax.tree", "jax.eval_shape", "jax.make_jaxpr", "jax.tree_util")


class DonatedRead(NamedTuple):
    """A read of what a call was given before."""

    node: ast.expr
    span: Span
    donation: Donation
    how: str  # "read", "again" by the same call in the next iteration, "twice" by one call
    is_array: bool  # one array, no container
    certainty: Certainty
    related: tuple[Related, ...]


def donated_reads(
    seen: Iterable[DonatedReadSeen], places: Places, calls: Calls
) -> list[DonatedRead]:
    """The first read of each donated argument: the surest of it, as the others follow from it."""
    best: dict[ast.AST, DonatedRead] = {}
    for event in seen:
        found = None if _is_expected(event) else _read(event, places, calls)
        before = None if found is None else best.get(found.node)
        if found is not None and (before is None or found.certainty > before.certainty):
            best[found.node] = found
    first: dict[tuple[ast.AST, str], DonatedRead] = {}
    for read in sorted(best.values(), key=lambda one: (-one.certainty, one.span)):
        first.setdefault((read.donation.node, read.donation.place), read)
    return sorted(first.values(), key=lambda one: one.span)


def _is_expected(event: DonatedReadSeen) -> bool:
    """Whether it is there to see that the array is deleted."""
    if is_meant(event.guards):
        return True
    body: object = getattr(event.frame.node, "body", None)
    statements = cast("list[ast.stmt]", body) if isinstance(body, list) else []
    return any(
        isinstance(node, ast.Attribute) and "delete" in node.attr.lower()
        for statement in statements
        for node in walk(statement)
    )


def _read(event: DonatedReadSeen, places: Places, calls: Calls) -> DonatedRead | None:
    node, donation = event.node, event.donation
    parents = _parents(node, places)
    again = any(one is donation.node for one in parents)
    is_array = event.value.kind is Kind.ARRAY
    how = "twice" if event.how == "twice" else "again" if again else "read"
    certainty = donation.certainty
    if event.how == "read":
        certainty = min(certainty, _asks(node, parents, calls, is_array=is_array))
    elif parents and _only_traces(parents[0]):
        return None
    if parents and isinstance(outer := parents[0], ast.Attribute) and not is_array:
        node = outer
    if certainty is Certainty.NO:
        return None
    if event.frame.is_test or "test" in event.guards:
        certainty = Certainty.MAYBE
    message = f"`{donation.function}` is given the memory of `{donation.place}` here"
    related = () if how == "twice" else (places.related_at(donation.argument, message),)
    return DonatedRead(node, places.span(node), donation, how, is_array, certainty, related)


def _parents(node: ast.AST, places: Places) -> list[ast.AST]:
    """What an expression stands in, the innermost first, up to its statement."""
    found: list[ast.AST] = []

    def lies_in(outer: ast.AST) -> bool:
        if outer is node:
            return True
        if any(lies_in(child) for child in children(outer)):
            found.append(outer)
            return True
        return False

    span = places.module.span(node)
    any(lies_in(statement) for statement in places.module.statements_around(span.start))
    return found


def _asks(node: ast.expr, parents: list[ast.AST], calls: Calls, *, is_array: bool) -> Certainty:
    """Whether what stands around a name asks for the numbers in what it holds."""
    yes = Certainty.YES if is_array else Certainty.MAYBE
    parent = parents[0] if parents else None
    if isinstance(parent, ast.keyword):
        node, parent = parent.value, parents[1]
    if isinstance(parent, ast.Call) and parent.func is not node:
        return _asks_as_argument(parent, calls)
    if isinstance(parent, (ast.Attribute, ast.Subscript)) and _is_metadata(parents):
        return Certainty.NO
    if isinstance(parent, ast.Attribute):
        known = is_array or parent.attr in _ARRAYS_IN_STATES
        return yes if known else Certainty.NO
    if isinstance(parent, ast.Compare):
        only = all(isinstance(one, (ast.Is, ast.IsNot)) for one in parent.ops)
        return Certainty.NO if only else yes
    if isinstance(parent, (ast.BinOp, ast.UnaryOp, ast.AugAssign)):
        return yes
    if isinstance(parent, ast.FormattedValue):
        return Certainty.YES
    if isinstance(parent, (ast.For, ast.AsyncFor, ast.comprehension, ast.Subscript)):
        return yes
    if isinstance(parent, (ast.Return, ast.Yield)):
        return Certainty.MAYBE
    if isinstance(parent, (ast.Tuple, ast.List, ast.Dict)):
        return _asks_as_item(parent, parents)
    return Certainty.NO


def _is_metadata(parents: list[ast.AST]) -> bool:
    """`x.shape`, `batch["x"].dtype`."""
    for one in parents:
        if isinstance(one, ast.Attribute) and one.attr in _METADATA:
            return True
        if not isinstance(one, (ast.Attribute, ast.Subscript)):
            return False
    return False


def _asks_as_item(display: ast.expr, parents: list[ast.AST]) -> Certainty:
    """An item of a tuple is handed on: not where names get it."""
    outer = parents[1] if len(parents) > 1 else None
    handed = isinstance(outer, (ast.Return, ast.Call, ast.Yield, ast.keyword))
    return Certainty.MAYBE if handed else Certainty.NO


def _only_traces(call: ast.AST) -> bool:
    """Whether a compiled function is not run: `step.lower(state)`."""
    method = call.func if isinstance(call, ast.Call) else None
    return isinstance(method, ast.Attribute) and method.attr in _TRACING


def _asks_as_argument(call: ast.Call, calls: Calls) -> Certainty:
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name in _HARMLESS or any(word in name.lower() for word in _FREEING) or _only_traces(call):
        return Certainty.NO
    known = calls.get(call)
    if known is None or not known.canonical.startswith(_READING):
        return Certainty.MAYBE
    return Certainty.MAYBE if known.canonical.startswith(_REARRANGING) else Certainty.YES
