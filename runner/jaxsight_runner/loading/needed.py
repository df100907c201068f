"""Which names of a file a request needs: its target's, and those that its inputs mention."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from jaxsight_runner.data import dataclass
from jaxsight_runner.inputs.parser import SpecError, comment_spec, parse_spec
from jaxsight_runner.inputs.spec import ExpressionSpec, FileSpec, NestSpec, Value
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
        given: set[str] = set()
        for name, value in _spec(text or "").items():
            for part in _parts(value):
                files = files or isinstance(part, FileSpec)
                names |= _mentioned(part) - given
            given.add(name)  # what comes after it means this, and not the module's
    return Needed(frozenset(names), files)


def _spec(text: str) -> dict[str, Value]:
    try:
        return parse_spec(text)
    except SpecError:  # said when the inputs are built
        return {}


def _parts(value: Value) -> Iterator[Value]:
    waiting = [value]
    while waiting:
        part = waiting.pop()
        yield part
        if isinstance(part, NestSpec):
            waiting += part.items


def _mentioned(value: Value) -> set[str]:
    if isinstance(value, NestSpec) and value.of:
        return {value.of.split(".")[0]}
    if not isinstance(value, ExpressionSpec):
        return set()
    tree = ast.parse(value.text, mode="eval")
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
