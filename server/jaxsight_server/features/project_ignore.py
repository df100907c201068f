"""Writes a rule's name under `ignore` in the project's configuration file."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from lsprotocol import types as lsp

from jaxsight_analyzers.diagnostic import Span
from jaxsight_analyzers.source import SourceFile
from jaxsight_server import convert
from jaxsight_server.client import Client
from jaxsight_server.convert import Encoding
from jaxsight_server.module import Module
from jaxsight_server.uris import uri_of

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[reportMissingImports]

_TABLE = re.compile(r"^[ \t]*\[\s*tool\s*\.\s*jaxsight\s*\][ \t]*(#.*)?$", re.MULTILINE)
_ANY_TABLE = re.compile(r"^[ \t]*\[", re.MULTILINE)
_IGNORE = re.compile(r"^[ \t]*ignore[ \t]*=[ \t]*\[", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class TomlEdit:
    """A replacement in a TOML text."""

    span: Span
    text: str


def file_for(module: Module, client: Client) -> Path | None:
    """The file that the project's settings belong in, be it there or not yet."""
    if module.project.file is not None:
        return module.project.file.path
    folder = module.snapshot.folder
    if folder is None:
        return None
    path = folder.path / "pyproject.toml"
    return path if path.is_file() or client.creates_files else None


def change(module: Module, path: Path, rule: str) -> TomlEdit | None:
    """The edit that adds a rule to `ignore`; None if there is no simple one."""
    return ignored(_text(module, path), rule, own_file=path.name != "pyproject.toml")


def workspace_edit(
    module: Module, rule: str, encoding: Encoding, client: Client
) -> lsp.WorkspaceEdit | None:
    """The same as a change of the workspace, which makes the file where it is missing."""
    path = file_for(module, client)
    edit = change(module, path, rule) if path else None
    if path is None or edit is None:
        return None
    uri = uri_of(path)
    source = SourceFile(str(path), _text(module, path))
    text_edit = lsp.TextEdit(convert.to_range(source, edit.span, encoding), edit.text)
    if not client.versioned_edits:
        return lsp.WorkspaceEdit(changes={uri: [text_edit]})
    changes: list[Any] = []
    if not path.is_file():
        changes.append(lsp.CreateFile(uri, options=lsp.CreateFileOptions(ignore_if_exists=True)))
    document = lsp.OptionalVersionedTextDocumentIdentifier(uri)
    changes.append(lsp.TextDocumentEdit(document, [text_edit]))
    return lsp.WorkspaceEdit(document_changes=changes)


def ignored(text: str, rule: str, *, own_file: bool) -> TomlEdit | None:
    """The edit that adds a rule to the `ignore` of our table, or makes the table.

    What comes out must mean the same but for that: where the file is written in a way that this
    does not foresee, there is no edit.
    """
    edit = _ignored(text, rule, own_file=own_file)
    before, after = _parsed(text), _parsed(_applied(text, edit))
    if before is None or after is None:
        return None
    table = before if own_file else before.setdefault("tool", {}).setdefault("jaxsight", {})
    old: object = table.get("ignore", [])
    if not isinstance(old, list):
        return None
    table["ignore"] = [*old, rule]
    return edit if before == after else None


def _ignored(text: str, rule: str, *, own_file: bool) -> TomlEdit:
    newline = "\r\n" if "\r\n" in text else "\n"
    row = f'ignore = ["{rule}"]{newline}'
    start = 0
    if not own_file:
        table = _TABLE.search(text)
        if table is None:
            gap = "" if not text else newline if text.endswith("\n") else newline * 2
            return TomlEdit(Span(len(text), len(text)), f"{gap}[tool.jaxsight]{newline}{row}")
        start = table.end()
    following = _ANY_TABLE.search(text, start)
    end = following.start() if following else len(text)
    array = _IGNORE.search(text, start, end)
    if array is not None:
        return _first_item(text, array.end(), rule)
    if own_file:
        return TomlEdit(Span(0, 0), row)
    return TomlEdit(Span(start, start), newline + row.removesuffix(newline))


def _first_item(text: str, opening: int, rule: str) -> TomlEdit:
    """Before the closing bracket would read better, and needs a TOML parser that keeps places."""
    rest = text[opening:].lstrip()
    comma = "" if rest.startswith("]") else ", "
    end = opening
    if text[opening : opening + 1] in "\r\n" and comma:  # one item per line
        first = opening + len(text[opening:]) - len(rest)
        indent = text[:first].rpartition("\n")[2]
        newline = text[opening : text.find("\n", opening) + 1]
        return TomlEdit(Span(end, end), f'{newline}{indent}"{rule}",')
    return TomlEdit(Span(end, end), f'"{rule}"{comma}')


def _applied(text: str, edit: TomlEdit) -> str:
    return text[: edit.span.start] + edit.text + text[edit.span.end :]


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return cast("dict[str, Any]", tomllib.loads(text))  # type: ignore[reportUnknownMemberType]  # tomli's, on 3.10
    except ValueError:
        return None


def _text(module: Module, path: Path) -> str:
    file = module.project.file
    if file is not None and file.path == path:
        return file.text
    try:
        return path.read_text(encoding="utf-8") if path.is_file() else ""
    except (OSError, UnicodeDecodeError):
        return "not = TOML ="  # nothing can be added to what cannot be read
