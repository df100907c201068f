"""Where keys and values stand in a TOML text, which the standard library's parser does not tell."""

from __future__ import annotations

import re

from jaxsight_analyzers.data import dataclass, field

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\r\n]*)*")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\\r\n]|\\.)*"|'[^'\r\n]*'""")
_STRING = re.compile(
    r'''"""(?:[^\\]|\\[\s\S])*?"""|\'\'\'[\s\S]*?\'\'\'|"(?:[^"\\\r\n]|\\.)*"|'[^'\r\n]*\''''
)
_BARE = re.compile(r"[^,\]}#\r\n]+")
_DOT = re.compile(r"[ \t]*\.[ \t]*")


@dataclass
class Positions:
    """Offsets of keys and of values, by their path: `("severity", "key-reuse")`, `("select", 0)`."""

    keys: dict[Path, int] = field(default_factory=dict[Path, int])
    values: dict[Path, int] = field(default_factory=dict[Path, int])

    def key(self, path: Path) -> int:
        """Where a key stands, or the nearest table around it that is known."""
        return self._nearest(self.keys, path)

    def value(self, path: Path) -> int:
        """Where a value stands, or what is nearest to it."""
        return self.values[path] if path in self.values else self._nearest(self.keys, path)

    def _nearest(self, offsets: dict[Path, int], path: Path) -> int:
        while path and path not in offsets:
            path = path[:-1]
        return offsets.get(path, 0)


def positions(text: str) -> Positions:
    """Scan a TOML text that parses; of one that does not, what comes before the damage."""
    scanner = _Scanner(text)
    scanner.document()
    return scanner.found


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found = Positions()

    def document(self) -> None:
        table: Path = ()
        while self._skip_blank():
            before = self.at
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)
            if self.at == before:  # not TOML
                return

    def _skip_blank(self) -> bool:
        match = _BLANK.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return self.at < len(self.text)

    def _header(self) -> Path:
        while self.text.startswith(("[", " ", "\t"), self.at):
            self.at += 1
        table = self._dotted(())
        while self.text.startswith(("]", " ", "\t"), self.at):
            self.at += 1
        return table

    def _dotted(self, parent: Path) -> Path:
        path = parent
        while match := _KEY.match(self.text, self.at):
            path = (*path, _unquoted(match.group()))
            self.found.keys.setdefault(path, match.start())
            self.at = match.end()
            if not (dot := _DOT.match(self.text, self.at)):
                break
            self.at = dot.end()
        return path

    def _pair(self, table: Path) -> None:
        path = self._dotted(table)
        if path == table:
            return
        while self.text.startswith(("=", " ", "\t"), self.at):
            self.at += 1
        self._value(path)

    def _value(self, path: Path) -> None:
        self.found.values.setdefault(path, self.at)
        if self.text.startswith("[", self.at):
            self._items(path)
        elif self.text.startswith("{", self.at):
            self._inline_table(path)
        elif match := _STRING.match(self.text, self.at) or _BARE.match(self.text, self.at):
            self.at = match.end()

    def _items(self, path: Path) -> None:
        self.at += 1
        index = 0
        while self._skip_blank() and self.text[self.at] != "]":
            before = self.at
            self._value((*path, index))
            index += 1
            if self._skip_blank() and self.text[self.at] == ",":
                self.at += 1
            if self.at == before:
                return
        self.at += 1

    def _inline_table(self, path: Path) -> None:
        self.at += 1
        while self._skip_blank() and self.text[self.at] != "}":
            before = self.at
            self._pair(path)
            if self._skip_blank() and self.text[self.at] == ",":
                self.at += 1
            if self.at == before:
                return
        self.at += 1


def _unquoted(key: str) -> str:
    """A quoted key without its quotes. Escapes in keys are kept as written: names need none."""
    return key[1:-1] if key[0] in "\"'" else key
