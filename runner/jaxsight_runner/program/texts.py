"""The three texts of a program - jaxpr, StableHLO, optimised HLO - each linked to the lines of the source."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Optional

from jaxsight_runner.costs.jaxprs import opened
from jaxsight_runner.failures import is_user_file
from jaxsight_runner.program.hlo import Module
from jaxsight_runner.protocol import ProgramText, SourceLocation, TextLink

_REMARK = re.compile(r"\s*# (?:(?P<path>.+?):(?P<line>\d+)(?::\d+)? \(.*\))?\s*$")
_DEFINITION = re.compile(r"^(#loc\d*) = loc\((.*)\)$")
_FILE = re.compile(r'"((?:[^"\\]|\\.)*)":(\d+)(?::\d+)?')
_REFERENCE = re.compile(r"#loc\d*")
_OWN = re.compile(r" loc\((#loc\d*)\)$")
_SHOWN = re.compile(r' loc\((?:#loc\d*|unknown|"(?:[^"\\]|\\.)*")\)')


def program_texts(jaxpr: Any, lowered: Any, hlo: str) -> tuple[ProgramText, ...]:
    """All texts that this JAX can write."""
    texts = [_of_jaxpr(jaxpr), _of_stablehlo(lowered), _of_hlo(hlo)]
    return tuple([text for text in texts if text is not None])


def _of_jaxpr(jaxpr: Any) -> ProgramText:
    lines: list[str] = []
    links: list[TextLink] = []
    for line in opened(jaxpr).pretty_print(source_info=True, use_color=False).splitlines():
        remark = _REMARK.search(line)
        shown = line[: remark.start()] if remark else line
        lines.append(shown)
        if remark and remark["path"] and is_user_file(remark["path"]):
            links.append(TextLink(len(lines), remark["path"], int(remark["line"])))
    return ProgramText("jaxpr", "\n".join(lines), tuple(links))


def _of_hlo(hlo: str) -> Optional[ProgramText]:
    if not hlo:
        return None
    links = [TextLink(number, place.path, place.line) for number, _, place in Module(hlo).links()]
    return ProgramText("hlo", hlo, tuple(links))


def _of_stablehlo(lowered: Any) -> Optional[ProgramText]:
    text = stablehlo(lowered)
    if text is None:
        return None
    locations = _Locations(text)
    lines: list[str] = []
    links: list[TextLink] = []
    for line in text.splitlines():
        if _DEFINITION.match(line):
            continue
        lines.append(_SHOWN.sub("", line))
        own = _OWN.search(line)
        place = locations.place(own[1]) if own else None
        if place is not None:
            links.append(TextLink(len(lines), place.path, place.line))
    return ProgramText("stablehlo", "\n".join(lines), tuple(links))


def stablehlo(lowered: Any) -> Optional[str]:
    """The lowered module with its locations; None where a library's wrapper hides it."""
    inner = getattr(lowered, "lowered", lowered)
    try:
        module = inner.compiler_ir(dialect="stablehlo")
    except (AttributeError, TypeError):
        return None
    return str(module.operation.get_asm(enable_debug_info=True))


class _Locations:
    """The locations at the head and the foot of a module of MLIR."""

    def __init__(self, text: str) -> None:
        found = (_DEFINITION.match(line) for line in text.splitlines())
        self._texts = {match[1]: match[2] for match in found if match}

    def place(self, name: str) -> Optional[SourceLocation]:
        """The innermost line of the user's that a location names."""
        return next(self._places(name, set()), None)

    def _places(self, name: str, seen: set[str]) -> Iterator[SourceLocation]:
        text = self._texts.get(name, "")
        if name in seen:
            return
        seen.add(name)
        file = _FILE.search(text)
        if file is not None and is_user_file(file[1]):
            yield SourceLocation(file[1], int(file[2]))
        for reference in _REFERENCE.findall(text):  # a call site names the callee first
            yield from self._places(reference, seen)
