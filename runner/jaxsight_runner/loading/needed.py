"""Which names of a file a request needs: its target's, and those that its inputs mention."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from jaxsight_runner.inputs.spec import (
    ExpressionSpec,
    FileSpec,
    NestSpec,
    SpecError,
    Value,
    comment_spec,
    parse_spec,
)
from jaxsight_runner.protocol import TargetRequest


@dataclass(frozen=True)
class Needed:
    """What is looked up in the module once it is there."""

    names: frozenset[str]
    files: bool = False  # an input is read from a file


def needed(request: TargetRequest, first_lines: Iterable[int]) -> Needed:
    """What the target and its inputs need. `first_lines`: of the definitions whose comments give inputs."""
    comments = [comment_spec(request.text, line) for line in first_lines]
    names = {request.qualname.split(".")[0]}
    files = False
    for text in (request.input, *comments, request.recorded_input):
        for value in _values(text or ""):
            files = files or isinstance(value, FileSpec)
            names |= _mentioned(value)
    return Needed(frozenset(names), files)


def _values(text: str) -> Iterator[Value]:
    try:
        waiting = list(parse_spec(text).values())
    except SpecError:  # said when the inputs are built
        return
    while waiting:
        value = waiting.pop()
        yield value
        if isinstance(value, NestSpec):
            waiting += value.items


def _mentioned(value: Value) -> set[str]:
    if isinstance(value, NestSpec) and value.of:
        return {value.of.split(".")[0]}
    if not isinstance(value, ExpressionSpec):
        return set()
    tree = ast.parse(value.text, mode="eval")
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
