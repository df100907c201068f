"""What calling something of the project's other files may change, as far as their text tells.

A file is read, never imported. What a name in it leads to is followed through its functions, classes
and values, and into every file of the project that they use. All of that together is what a call
may do besides changing its arguments: read or write files, draw random numbers, change values that
one of the files keeps. Where something is set for everybody, or hidden, nothing is known.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Set
from functools import cached_property
from pathlib import Path
from typing import Optional, Union

from jaxsight_runner.data import dataclass
from jaxsight_runner.slicing import libraries
from jaxsight_runner.slicing.effects import NOTHING, Effects, Module, Reach, Statement, is_own
from jaxsight_runner.slicing.kinds import Kinds
from jaxsight_runner.slicing.scopes import DEFINITIONS, executed, imports_in, imports_within

_MOST = 400  # statements of the top level
_LARGEST = 1 << 20  # bytes
_FILES = 60  # of one project that are looked into
_UNCHANGING = ("import", "function", "class", "fixed")
_Name = tuple[Path, Optional[str]]  # a file and a name in it; None: everything in it
_CACHES = ("functools.cache", "functools.lru_cache")


class _File:
    """One file of the project, as it is read; no tree where it cannot be."""

    def __init__(self, path: Path, tree: Optional[ast.Module] = None) -> None:
        self.path, self.tree = path, tree
        body = tree.body if tree is not None else []
        found = {file for dotted in _imported(body) for file in _files_of(dotted, path)}
        self.imports = found - {path}
        self.stars = [
            "." * node.level + (node.module or "")
            for node in body
            if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
        ]

    @cached_property
    def module(self) -> Optional[Module]:
        """Its statements, and what they do."""
        return Module(self.tree, _Neighbours()) if self.tree is not None else None

    @cached_property
    def unknown(self) -> Optional[str]:
        """Why it cannot be followed, in words."""
        if self.module is None:
            return f"{self.path.name} cannot be looked through"
        defines = any(statement.deferred.uses for statement in self.module.statements)
        harmless = not defines and all(is_own(star) for star in self.stars)
        for statement in self.module.statements:
            for line, what in [*statement.now.hidden, *statement.deferred.hidden]:
                if not (harmless and what == "a star import"):
                    return f"in {self.path.name} line {line} {what} hides what its names stand for"
        if self.module.binds("__getattr__"):
            return f"{self.path.name} makes its names when they are asked for"
        return None


class Project:
    """The files that a file may import and that are no installed library's."""

    def __init__(self, path: Path, tree: ast.Module) -> None:
        self._path = path
        self._files: dict[Path, _File] = {}
        self._reaches: dict[str, Reach] = {}
        self._tree = tree

    @cached_property
    def _imported(self) -> set[Path]:
        """What importing the file imports of the project."""
        names = _imported(self._tree.body)
        return self._with_imports(file for name in names for file in _files_of(name, self._path))

    def reach(self, dotted: str) -> Optional[Reach]:
        """What a name of another file leads to; None where that file is not found."""
        if dotted not in self._reaches:
            starts = self._meant(dotted, self._path)
            if not starts:
                return None
            self._reaches[dotted] = self._followed(starts)
        return self._reaches[dotted]

    def importing(self, dotted: str, later: bool) -> Optional[str]:
        """What importing a name does for everybody, in words.

        `later`: when a function is called; files that were imported before are not executed again.
        """
        files = self._with_imports(_files_of(dotted, self._path))
        return self._unknown_import(files - self._imported if later else files)

    def _meant(self, dotted: str, importer: Path) -> list[_Name]:
        """What a dotted name may stand for: a module, or what its package gives the same name."""
        files, words, steps = _walked(dotted, importer)
        if not files:
            return []
        found = [(init, word) for init, word in steps if self._binds(init, word)]
        return [(files[-1], words[0] if words else None), *found]

    def _binds(self, path: Path, word: str) -> bool:
        file = self._file(path)
        if file.module is None or file.module.binds(word):
            return True
        sources = [_walked(star, path)[0] for star in file.stars]
        return any(self._binds(source[-1], word) for source in sources if source)

    def _followed(self, starts: Iterable[_Name]) -> Reach:
        """Everything that a name leads to, through all files."""
        called = Effects()
        touched: set[str] = set()
        handing: set[Path] = set()
        handed_on: Optional[str] = None
        seen: set[_Name] = set()
        waiting = [*starts]
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            if len({path for path, _ in seen}) > _FILES:
                return Reach("it leads to too many files")
            if name[0] not in self._imported:  # it is imported when it is called
                unknown = self._unknown_import(self._with_imports([name[0]]) - self._imported)
                if unknown is not None:
                    return Reach(unknown)
            found = self._inside(name)
            if isinstance(found, str):
                return Reach(found)
            if found.effects.unknown is not None:
                return Reach(f"in {name[0].name} {found.effects.unknown}")
            called.add(found.effects)
            if found.effects.library_handed_on is not None:
                handed_on = handed_on or f"in {name[0].name} {found.effects.library_handed_on}"
            if found.effects.handed_on:
                handing.add(name[0])
            if found.keeps or found.effects.bound or found.effects.changed:
                touched.add(_values_of(name[0]))
            waiting += found.leads_to
        if called.sets_unknown:
            if handed_on is not None:
                return Reach(handed_on)
            touched |= {_values_of(path) for path in handing}
        return Reach(None, frozenset(touched | called.outside), called.sets_unknown)

    def _inside(self, name: _Name) -> Union[_Part, str]:
        """What a name leads to in its own file; why that is not known."""
        path, word = name
        file = self._file(path)
        module = file.module
        if module is None or file.unknown is not None:
            return file.unknown or f"{path.name} cannot be looked through"
        if word is None:
            names = set(module.kinds.names)
        elif module.binds(word):
            names = {word}
        elif file.stars:
            found = [self._meant(_below_name(star, word), path) for star in file.stars]
            return _Part(Effects(), False, [item for items in found for item in items])
        else:
            return f"{path.name} has no line that defines `{word}`"
        library = imports_in(module.body).get(word or "")
        if library is not None and not is_own(library):
            return f"{path.name} hands `{library}` on"
        names, places = module.reached(names)
        part = _Part(Effects(), False, [])
        if any(module.kinds.kind(item) not in _UNCHANGING for item in names if module.binds(item)):
            part.keeps = True
            part.effects.outside |= libraries.SHARED  # a value that is called may be any function
        for index in sorted(places):
            why = self._take_in(part, module, module.statements[index], names, path)
            if why is not None:
                return why
        return part

    def _take_in(
        self, part: _Part, module: Module, statement: Statement, names: Set[str], path: Path
    ) -> Optional[str]:
        """Add to a part what one of its statements does and leads to; why that is not known."""
        part.effects.add(module.summary(statement.deferred))
        part.keeps = part.keeps or _keeps_values(statement.node, module.kinds)
        if not isinstance(statement.node, (*DEFINITIONS, ast.Import, ast.ImportFrom)):
            unknown = module.summary(statement.now).unknown
            part.effects.unknown = part.effects.unknown or unknown
        for dotted in imports_within(statement.node):
            files = self._with_imports(_files_of(dotted, path))
            unknown = self._unknown_import(files - self._imported)
            part.effects.unknown = part.effects.unknown or unknown
        leads_to = [use.dotted for use in [*statement.now.uses, *statement.deferred.uses]]
        if isinstance(statement.node, (ast.Import, ast.ImportFrom)):
            bound = imports_in([statement.node])
            leads_to += [dotted for item, dotted in bound.items() if item in names]
        for dotted in leads_to:
            if dotted is not None and is_own(dotted):
                found = self._meant(dotted, path)
                if not found:
                    return f"{path.name} uses `{dotted}`, which is not found"
                part.leads_to += found
        return None

    def _with_imports(self, paths: Iterable[Path]) -> set[Path]:
        """Files with all that they import."""
        seen: set[Path] = set()
        waiting = list(paths)
        while waiting and len(seen) <= _FILES:
            path = waiting.pop()
            if path not in seen:
                seen.add(path)
                waiting += self._file(path).imports
        return seen

    def _unknown_import(self, paths: Set[Path]) -> Optional[str]:
        """What executing files does for everybody; all that they define may be called then."""
        if len(paths) > _FILES:
            return "it imports too many files"
        for path in sorted(paths):
            module = self._file(path).module
            if module is None:
                return f"{path.name} cannot be looked through"
            for statement in module.statements:
                for uses in (statement.now, statement.deferred):
                    unknown = module.summary(uses).unknown
                    if unknown is not None or uses.sets_unknown:
                        return f"in {path.name} {unknown or 'something is set'}"
        return None

    def _file(self, path: Path) -> _File:
        if path not in self._files:
            # Whose text may be newer: what comes back to it is not followed.
            own = path == self._path
            self._files[path] = _File(path) if own else _read(path)
        return self._files[path]


@dataclass
class _Part:
    """What of a file a name leads to."""

    effects: Effects
    keeps: bool  # values that calls may change
    leads_to: list[_Name]


class _Neighbours:
    """What a file uses of others is looked at in the others."""

    def reach(self, dotted: str) -> Optional[Reach]:
        del dotted
        return NOTHING

    def importing(self, dotted: str, later: bool) -> Optional[str]:
        del dotted, later
        return None


def _values_of(path: Path) -> str:
    return f"values that {path.name} keeps"


def _read(path: Path) -> _File:
    try:
        data = path.read_bytes()
        tree = ast.parse(data) if len(data) <= _LARGEST else None
    except (OSError, ValueError, SyntaxError):
        tree = None
    return _File(path, tree if tree is not None and len(tree.body) <= _MOST else None)


def _keeps_values(tree: ast.stmt, kinds: Kinds) -> bool:
    """Whether a definition has values that its calls may change, or hand out to be changed."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            defaults = [*node.args.defaults, *node.args.kw_defaults]
            if any(item is not None and not kinds.is_fixed(item) for item in defaults):
                return True
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for item in node.decorator_list:
                function = item.func if isinstance(item, ast.Call) else item
                if kinds.dotted(function) in _CACHES:
                    return True
        if isinstance(node, ast.ClassDef) and any(_is_shared(item, kinds) for item in node.body):
            return True
    return False


def _is_shared(node: ast.stmt, kinds: Kinds) -> bool:
    """Whether a line of a class gives all instances one value that can be changed."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Pass)):
        return False
    value = getattr(node, "value", None)
    if isinstance(node, (ast.Assign, ast.AnnAssign, ast.Expr)):
        return value is not None and not kinds.is_fixed(value) and not _is_field(value, kinds)
    return True


def _is_field(node: ast.expr, kinds: Kinds) -> bool:
    """`field(default_factory=...)` of a dataclass: each instance has its own."""
    return (
        isinstance(node, ast.Call)
        and kinds.dotted(node.func) == "dataclasses.field"
        and not node.args
        and all(word.arg == "default_factory" for word in node.keywords)
    )


def _imported(body: Iterable[ast.stmt]) -> Iterator[str]:
    """The dotted names that a file imports when it is imported."""
    for node in executed(body):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            prefix = "." * node.level + (node.module or "")
            yield from (f"{prefix}.{alias.name}" for alias in node.names)


def _files_of(dotted: str, importer: Path) -> list[Path]:
    """The files that importing a dotted name executes; none where it is no file of the project."""
    return _walked(dotted, importer)[0] if is_own(dotted) else []


def _walked(dotted: str, importer: Path) -> tuple[list[Path], list[str], list[tuple[Path, str]]]:
    """The files on the way, the words that are left, and those that packages may give a meaning."""
    words = [word for word in dotted.split(".") if word]
    level = len(dotted) - len(dotted.lstrip("."))
    place: Optional[Path] = importer.parents[level - 1] if level else _top(words.pop(0))
    files: list[Path] = []
    steps: list[tuple[Path, str]] = []
    while place is not None:
        if place.is_file():
            return [*files, place], words, steps
        init = place / "__init__.py"
        if init.is_file():
            files.append(init)
        below = _below(place, words[0]) if words else None
        if below is None:
            return (files, words, steps) if files[-1:] == [init] else ([], words, [])
        if init.is_file():
            steps.append((init, words[0]))
        words.pop(0)
        place = below
    return files, words, steps


def _below_name(module: str, word: str) -> str:
    return f"{module}{word}" if module.endswith(".") else f"{module}.{word}"


def _below(folder: Path, name: str) -> Optional[Path]:
    if (folder / name / "__init__.py").is_file():
        return folder / name
    file = folder / f"{name}.py"
    if file.is_file():
        return file
    return folder / name if (folder / name).is_dir() else None


def _top(name: str) -> Optional[Path]:
    places = libraries.places(name)
    if not places or not places[0]:
        return None
    place = Path(places[0])
    return place.parent if place.name == "__init__.py" else place
