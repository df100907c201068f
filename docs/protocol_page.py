"""The runner's protocol as a page and as TypeScript types, both made from `jaxsight_runner.protocol`."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Union, get_args, get_origin, get_type_hints

from jaxsight_runner import protocol
from jaxsight_runner.protocol import (
    benchmark,
    capture,
    cells,
    common,
    diagnosis,
    environment,
    gradients,
    inspection,
    messages,
    shapes,
    sharding,
)

_MODULES = (
    messages,
    cells,
    common,
    benchmark,
    gradients,
    inspection,
    shapes,
    sharding,
    diagnosis,
    capture,
    environment,
)
_SCALARS = {str: "string", int: "number", float: "number", bool: "boolean"}


def generated() -> dict[Path, str]:
    """The files this module answers for, by path below the repository's root."""
    return {
        Path("docs/protocol.md"): protocol_page(),
        Path("extension/src/protocol.ts"): typescript_types(),
    }


def protocol_page() -> str:
    """The page about the messages between client and runner."""
    intro = inspect.getdoc(protocol) or ""
    first, _, rest = intro.partition("\n")
    lines = ["# The runner's protocol", "", first, *rest.splitlines(), ""]
    lines += [f"The protocol's number is {protocol.PROTOCOL}.", ""]
    for cls in _classes():
        lines += [f"## {cls.__name__}", "", inspect.getdoc(cls) or "", ""]
        if not dataclasses.fields(cls):
            continue
        lines += ["| field | type | default | |", "|---|---|---|---|"]
        comments, hints = _comments(cls), get_type_hints(cls)
        for item in dataclasses.fields(cls):
            kind = _python(hints[item.name]).replace("|", "\\|")
            note = comments.get(item.name, "")
            lines.append(f"| `{item.name}` | `{kind}` | {_default(item)} | {note} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def typescript_types() -> str:
    """Interfaces for everything a client receives."""
    lines = ["// Made from runner/jaxsight_runner/protocol by docs/generate.py.", ""]
    for cls in _classes():
        lines += [f"/** {inspect.getdoc(cls)} */", f"export interface {cls.__name__} {{"]
        comments, hints = _comments(cls), get_type_hints(cls)
        for item in dataclasses.fields(cls):
            if item.name in comments:
                lines.append(f"  /** {comments[item.name]} */")
            lines.append(f"  {item.name}: {_typescript(hints[item.name])};")
        lines += ["}", ""]
    reports = " | ".join(cls.__name__ for cls in protocol.REPORTS)
    lines.append(f"export type Report = {reports};")
    lines.append("export type Outcome = Report | Question | Failure;")
    return "\n".join(lines) + "\n"


def _classes() -> Iterator[type]:
    """The message classes and what they are made of, in the order they are written."""
    found: list[type] = []
    for module in _MODULES:
        for value in vars(module).values():
            if not isinstance(value, type) or value.__module__ != module.__name__:
                continue
            if dataclasses.is_dataclass(value):
                found.append(value)
    missing = [cls.__name__ for cls in protocol.REPORTS if cls not in found]
    if missing:
        raise AssertionError(f"modules of the protocol are not in `_MODULES`: {missing}")
    yield from found


def _comments(cls: type) -> dict[str, str]:
    """The comment behind each field, those of its bases too."""
    found: dict[str, str] = {}
    for one in reversed(cls.__mro__[:-1]):
        found |= _own_comments(one)
    return found


def _own_comments(cls: type) -> dict[str, str]:
    source = inspect.getsource(cls)
    lines = source.splitlines()
    tree = ast.parse(source).body[0]
    assert isinstance(tree, ast.ClassDef)
    found: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            behind = lines[(node.end_lineno or node.lineno) - 1].partition("  # ")[2]
            if behind:
                found[node.target.id] = behind
    return found


def _default(item: dataclasses.Field[object]) -> str:
    if item.default is not dataclasses.MISSING:
        value = item.default
        return "" if value == () else f"`{'null' if value is None else value}`"
    return "" if item.default_factory is dataclasses.MISSING else "its defaults"


def _python(hint: object) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return " | ".join(_python(item) for item in arguments)
    if origin is Literal:
        return " | ".join(repr(item) for item in arguments)
    if origin is tuple:
        return f"[{_python(arguments[0])}]"
    if origin is dict:
        return f"{{{_python(arguments[0])}: {_python(arguments[1])}}}"
    if hint is type(None):
        return "null"
    assert isinstance(hint, type)
    return hint.__name__


def _typescript(hint: object) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return " | ".join(_typescript(item) for item in arguments)
    if origin is Literal:
        return " | ".join(f'"{item}"' for item in arguments)
    if origin is tuple:
        inner = _typescript(arguments[0])
        return f"({inner})[]" if "|" in inner else f"{inner}[]"
    if origin is dict:
        return f"Record<{_typescript(arguments[0])}, {_typescript(arguments[1])}>"
    if hint is type(None):
        return "null"
    assert isinstance(hint, type)
    return _SCALARS.get(hint, hint.__name__)
