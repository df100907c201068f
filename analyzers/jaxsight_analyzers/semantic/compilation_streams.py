"""Answers for the rules about compilation: what is compiled, and what is passed to it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from jaxsight_analyzers.diagnostic import Related, Route, Span
from jaxsight_analyzers.semantic.applications import AppliedSeen, OfSelf
from jaxsight_analyzers.semantic.contexts import Transformation
from jaxsight_analyzers.semantic.events import CompilationSeen
from jaxsight_analyzers.semantic.passing import OmittedSeen, PassedSeen
from jaxsight_analyzers.semantic.routes import CalledInLoop
from jaxsight_analyzers.semantic.scopes import ClassScope, FunctionNode
from jaxsight_analyzers.semantic.spelling import display
from jaxsight_analyzers.semantic.streams import Places, header, is_meant
from jaxsight_analyzers.semantic.values import FunctionData, class_of
from jaxsight_analyzers.semantic.varying import VaryingSeen


class Compilation(NamedTuple):
    """A compiled function that is made anew where it is called again and again."""

    node: ast.AST
    span: Span
    function: str  # `jax.jit`
    what: str
    in_loop: bool
    enclosing: str
    loop: ast.AST | None
    loop_span: Span | None
    called: tuple[Route, ...]  # the call, in a loop, that leads here


class Passed(NamedTuple):
    """An argument that a compiled function cannot take as it is."""

    node: ast.expr
    span: Span
    text: str
    kind: (
        str  # static without a hash: "list", "dict" ...; traced and no array: "str", "function" ...
    )
    static: bool
    parameter: str | None
    called: str  # the function
    function: FunctionNode
    compiled_by: Transformation
    by: str  # `jax.jit`
    owner: ClassScope | None  # of which it is an instance
    of_arrays: bool  # of a dataclass with nothing but arrays in its fields
    related: tuple[Related, ...]


def compilations(seen: Iterable[CompilationSeen], places: Places) -> list[Compilation]:
    """Each transformation that compiles again and again, once; in a loop rather than called from one."""
    best: dict[ast.AST, CompilationSeen] = {}
    for event in seen:
        before = best.get(event.transformation.node)
        if before is None or (before.hot and not event.hot):
            best[event.transformation.node] = event
    return [_compilation(event, places) for event in best.values()]


def _compilation(event: CompilationSeen, places: Places) -> Compilation:
    transformation, frame = event.transformation, event.frame
    loop = None if event.hot or not transformation.passes else transformation.passes[-1][0].node
    node = transformation.node
    return Compilation(
        node,
        places.span(node),
        display(transformation.qualified),
        event.what,
        not event.hot,
        frame.name,
        loop,
        None if loop is None else header(loop, places),
        () if loop is not None else (CalledInLoop(frame),),
    )


def passed(seen: Iterable[PassedSeen], places: Places) -> list[Passed]:
    """Each argument once."""
    found: dict[ast.AST, Passed] = {}
    for event in seen:
        if event.node in found or is_meant(event.guards):
            continue
        found[event.node] = _passed(event, places)
    return list(found.values())


def _passed(event: PassedSeen, places: Places) -> Passed:
    data, applied = event.data, event.transformation
    by = display(applied.qualified)
    return Passed(
        event.node,
        places.span(event.node),
        places.text(event.node),
        event.kind,
        event.static,
        event.parameter,
        data.name,
        data.node,
        applied,
        by,
        class_of(event.value),
        event.of_arrays,
        (places.related_at(applied.node, f"`{data.name}` is compiled by `{by}` here"),),
    )


class Varying(NamedTuple):
    """A static argument that is another in each iteration of a loop."""

    node: ast.expr
    span: Span
    text: str
    parameter: str
    called: str  # the function
    function: FunctionNode
    compiled_by: Transformation
    passes: int | None
    related: tuple[Related, ...]


def varying(seen: Iterable[VaryingSeen], places: Places) -> list[Varying]:
    """Each argument once."""
    found: dict[ast.AST, Varying] = {}
    for event in seen:
        if event.node in found or is_meant(event.guards) or event.frame.is_test:
            continue
        data, applied = event.data, event.transformation
        message = f"`{data.name}` is compiled for each value of `{event.parameter}`"
        found[event.node] = Varying(
            event.node,
            places.span(event.node),
            places.text(event.node),
            event.parameter,
            data.name,
            data.node,
            applied,
            event.passes,
            (places.related_at(applied.node, message),),
        )
    return list(found.values())


class Omitted(NamedTuple):
    """A static argument that a call does not give by position."""

    node: ast.Call
    span: Span
    parameter: str
    number: int
    next: bool  # whether it is the one after those that are given
    called: str
    function: FunctionNode
    keyword: str  # of the transformation
    related: tuple[Related, ...]


def omitted(seen: Iterable[OmittedSeen], places: Places) -> list[Omitted]:
    """Each call once."""
    found: dict[ast.AST, Omitted] = {}
    for event in seen:
        if event.node in found or is_meant(event.guards):
            continue
        applied = event.transformation
        keyword = applied.facts.static.argnums or ""
        message = f"`{event.parameter}` of `{event.data.name}` is static by `{keyword}`"
        found[event.node] = Omitted(
            event.node,
            places.span(event.node),
            event.parameter,
            event.number,
            event.next,
            event.data.name,
            event.data.node,
            keyword,
            (places.related_at(applied.node, message),),
        )
    return list(found.values())


class CompiledMethod(NamedTuple):
    """A method that gets its object as an argument of the transformation that compiles it."""

    node: ast.AST
    span: Span
    method: str
    function: FunctionNode
    compiled_by: Transformation
    by: str
    of_self: OfSelf


def compiled_methods(seen: Iterable[AppliedSeen], places: Places) -> list[CompiledMethod]:
    """Each compiled method once."""
    found: dict[ast.AST, CompiledMethod] = {}
    for event in seen:
        data, node = event.data, event.node
        if event.of_self is None or node in found:
            continue
        found[node] = CompiledMethod(
            node,
            places.span(node),
            data.name,
            data.node,
            event.transformation,
            display(event.transformation.qualified),
            event.of_self,
        )
    return list(found.values())


class Misnamed(NamedTuple):
    """A static or donated argument that the function does not have, or that is both."""

    node: ast.expr
    span: Span
    text: str
    keyword: str  # `static_argnames`
    problem: str  # "name", "number", "both"
    names: tuple[str, ...]  # of the parameters; of "both" the one that is meant
    positional: int  # of the parameters that may be given by position
    function: str
    by: str
    call: ast.Call


def misnamed(seen: Iterable[AppliedSeen], places: Places) -> list[Misnamed]:
    """Each name and number that `jit` refuses, once."""
    found: dict[ast.AST, Misnamed] = {}
    for event in seen:
        for one in _misnamed(event, places):
            found.setdefault(one.node, one)
    return list(found.values())


def _misnamed(event: AppliedSeen, places: Places) -> Iterator[Misnamed]:
    call, transformation, data = event.node, event.transformation, event.data
    if not isinstance(call, ast.Call) or not _is_own_signature(data, transformation):
        return
    facts, signature = transformation.facts, data.node.args
    positional = [one.arg for one in (*signature.posonlyargs, *signature.args)]
    positional = positional[transformation.bound :]
    names = (*positional, *(one.arg for one in signature.kwonlyargs))
    static = _meant(transformation.static, positional)
    for keyword in call.keywords:
        is_names = keyword.arg in (facts.static.argnames, facts.donate.argnames)
        is_numbers = keyword.arg in (facts.static.argnums, facts.donate.argnums)
        is_donation = keyword.arg in (facts.donate.argnames, facts.donate.argnums)
        for item in _items(keyword.value) if is_names or is_numbers else ():
            value = _literal(item)
            problem: str | None = None
            meant: tuple[str, ...] = names
            checked = (facts.donate if is_donation else facts.static).checked
            if checked and is_names and isinstance(value, str) and signature.kwarg is None:
                problem = "name" if value not in names else None
            if checked and is_numbers and isinstance(value, int) and signature.vararg is None:
                problem = "number" if not -len(positional) <= value < len(positional) else None
            if problem is None and is_donation and isinstance(value, (str, int)):
                both = _meant((value,), positional) & static
                problem, meant = ("both", tuple(both)) if both else (None, names)
            if problem is not None and keyword.arg is not None:
                yield Misnamed(
                    item,
                    places.span(item),
                    places.text(item),
                    keyword.arg,
                    problem,
                    meant,
                    len(positional),
                    data.name,
                    display(transformation.qualified),
                    call,
                )


def _is_own_signature(data: FunctionData, transformation: Transformation) -> bool:
    """Whether the transformation sees the parameters that stand in the text: no other decorator hides them."""
    decorators = getattr(data.node, "decorator_list", [])
    known = [one.node for one in data.transformations]
    at = next((i for i, one in enumerate(decorators) if one is transformation.node), -1)
    return all(any(one is node for node in known) for one in decorators[at + 1 :])


def _meant(chosen: Iterable[str | int], positional: list[str]) -> set[str]:
    """The names of the parameters that names and numbers mean."""
    count = len(positional)
    return {
        positional[one] if isinstance(one, int) else one
        for one in chosen
        if isinstance(one, str) or -count <= one < count
    }


def _items(value: ast.expr) -> list[ast.expr]:
    return value.elts if isinstance(value, (ast.Tuple, ast.List)) else [value]


def _literal(node: ast.expr) -> object:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _literal(node.operand)
        return -inner if isinstance(inner, int) else None
    return node.value if isinstance(node, ast.Constant) else None
