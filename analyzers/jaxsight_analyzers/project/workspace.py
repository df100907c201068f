"""The files that an analysis may look at besides its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from jaxsight_analyzers.project.resolve import module_file, parent, submodule_file
from jaxsight_analyzers.project.x64 import mentions
from jaxsight_analyzers.source import SourceFile
from jaxsight_analyzers.syntax.parsed import ParsedModule, parse

MAX_PARSED = 512
"""So many files are kept parsed."""


class Workspace:
    """The files of a workspace by path, and the folders that imports are looked up from.

    Texts come from `load`, which answers None where there is no file and "" for a folder that holds
    modules (its path ends in a slash): nothing here reads the disk. What it answers is kept, so a
    workspace is that of one moment. `x64` answers whether a file other than the given one speaks of
    64 bits; it is asked where that matters.
    """

    def __init__(
        self,
        load: Callable[[str], str | None],
        roots: tuple[str, ...] = ("",),
        x64: Callable[[str], bool] = lambda path: False,
    ) -> None:
        self._load = load
        self._x64 = x64
        self.roots = roots
        self._sources: dict[str, SourceFile | None] = {}
        self._parsed: dict[str, ParsedModule] = {}
        self._numbers: dict[str, int] = {}

    @classmethod
    def of(cls, texts: Mapping[str, str], roots: tuple[str, ...] = ("",)) -> Workspace:
        """A workspace of these texts."""
        folders = {""}
        for path in texts:
            folder = parent(path)
            while folder and folder not in folders:
                folders.add(folder)
                folder = parent(folder)
        return cls(
            lambda path: "" if path.endswith("/") and path[:-1] in folders else texts.get(path),
            roots,
            lambda path: any(p != path and mentions(text) for p, text in texts.items()),
        )

    def source(self, path: str) -> SourceFile | None:
        """A file's text; None if there is no such file."""
        if path not in self._sources:
            text = self._load(path)
            self._sources[path] = None if text is None else SourceFile(path, text)
        return self._sources[path]

    def exists(self, path: str) -> bool:
        """Whether there is such a file, or, with a slash at its end, such a folder."""
        return self.source(path) is not None

    def changed(
        self,
        load: Callable[[str], str | None],
        paths: Iterable[str] | None = None,
        x64: Callable[[str], bool] | None = None,
    ) -> Workspace:
        """The same workspace at another moment. What was made with this one holds if they agree.

        `paths` are those that may be others then; without, everything is asked for anew.
        """
        other = Workspace(load, self.roots, x64 or self._x64)
        other._numbers = self._numbers
        if paths is not None:
            changed = set(paths)
            other._sources = {k: v for k, v in self._sources.items() if k not in changed}
            other._parsed = {k: v for k, v in self._parsed.items() if k not in changed}
        return other

    @property
    def asked(self) -> Iterable[str]:
        """The paths that were looked for so far."""
        return self._sources.keys()

    def x64_besides(self, path: str) -> bool:
        """Whether a file of the project other than this one speaks of 64 bits, or may do so."""
        return self._x64(path)

    def has_asked(self, path: str) -> bool:
        """Whether a path was looked for so far."""
        return path in self._sources

    def agrees_with(self, other: Workspace, asked: Iterable[str]) -> bool:
        """Whether another moment has the same texts where this one was asked for them."""
        return self._numbers is other._numbers and all(
            other.source(path) == self.source(path) for path in asked
        )

    def find(self, name: str, level: int, importer: str, asked: set[str]) -> str | None:
        """The file of a module that is imported in a file; the paths it looks at are noted."""
        return module_file(name, level, importer, self.roots, _Noting(self, asked))

    def submodule(self, package: str, name: str, asked: set[str]) -> str | None:
        """The file of a module of a package; the paths it looks at are noted."""
        return submodule_file(package, name, _Noting(self, asked))

    def parsed(self, path: str) -> ParsedModule:
        """A file's trees, whose lines have numbers that no other file's lines have."""
        known = self._parsed.get(path)
        if known is None:
            if len(self._parsed) >= MAX_PARSED:
                self._parsed.clear()
            number = self._numbers.setdefault(path, len(self._numbers) + 1)
            known = parse(self.source(path) or SourceFile(path, ""), number=number)
            self._parsed[path] = known
        return known


class _Noting:
    """Whether a file exists, noting that it was asked for."""

    def __init__(self, workspace: Workspace, asked: set[str]) -> None:
        self._workspace = workspace
        self._asked = asked

    def __call__(self, path: str) -> bool:
        self._asked.add(path)
        return self._workspace.exists(path)
