"""Imports the user's file from the text the editor shows, under the name it would have."""

from __future__ import annotations

import ast
import importlib
import importlib.abc
import importlib.util
import re
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType
from typing import Optional

from jaxsight_runner.failures import (
    Stop,
    failure_of,
    interpreter,
    is_user_file,
    prime_source,
    stop,
)
from jaxsight_runner.loading.definitions import running_lines, running_statements
from jaxsight_runner.loading.needed import Needed
from jaxsight_runner.protocol import Failure, Question, SourceLine, TargetRequest
from jaxsight_runner.slicing.libraries import is_missing
from jaxsight_runner.slicing.plan import Obstacle, plan
from jaxsight_runner.slicing.projects import Project

_PARSES = re.compile(r"\.parse_(known_)?args\(")


class _BufferLoader(importlib.abc.InspectLoader):
    """Gives the import system a text that may be newer than the file."""

    def __init__(self, path: str, text: str, code: CodeType, package: bool) -> None:
        self._path, self._text, self._code, self._package = path, text, code, package

    def get_source(self, fullname: str) -> str:
        return self._text

    def get_code(self, fullname: str) -> CodeType:
        return self._code

    def get_filename(self, fullname: str) -> str:
        return self._path

    def is_package(self, fullname: str) -> bool:
        return self._package


class _BufferFinder(importlib.abc.MetaPathFinder):
    """Finds one module: the target's, wherever and by whomever it is imported."""

    def __init__(self, name: str, path: str, loader: _BufferLoader) -> None:
        self._name, self._path, self._loader = name, path, loader

    def find_spec(
        self, fullname: str, path: object = None, target: Optional[ModuleType] = None
    ) -> Optional[ModuleSpec]:
        if fullname != self._name:
            return None
        return importlib.util.spec_from_file_location(fullname, self._path, loader=self._loader)


def parse_file(request: TargetRequest) -> ast.Module:
    """The file's tree, or the failure that says where it stops being Python."""
    try:
        return ast.parse(request.text, request.path)
    except SyntaxError as error:
        where = f"{Path(request.path).name}:{error.lineno}"
        message = f"{where} is no Python {'.'.join(map(str, sys.version_info[:2]))}: {error.msg}"
        raise stop("syntax", message, request.path, error.lineno) from error
    except ValueError as error:  # NUL bytes
        raise stop("syntax", f"{request.path} is no Python: {error}", request.path) from error


def load_module(
    request: TargetRequest, tree: ast.Module, needed: Needed
) -> tuple[ModuleType, tuple[int, ...]]:
    """The user's module, from the request's text, and the lines of it that were left out.

    Where importing it would run more than definitions, that is left out if nothing here needs it;
    else it is asked first.
    """
    path = request.path
    name, folders = _module_name(Path(path), Path(request.root) if request.root else None)
    for folder in reversed(folders):
        if folder in sys.path:
            sys.path.remove(folder)
        sys.path.insert(0, folder)
    prime_source(path, request.text)
    sys.argv = [path]
    failing: list[ast.stmt] = []
    while True:
        part, left_out = executed_part(request, tree, needed, failing)
        try:
            module = _imported(name, request, part)
            if left_out:
                _refuse_circles(name, request)
            return module, left_out
        except ModuleNotFoundError as error:
            at_fault = _import_of(error, tree, path)
            if at_fault is None or at_fault in failing:
                raise Stop(_missing(error, path)) from error
            failing.append(at_fault)  # it cannot be run here: the target may do without
            if not _can_do_without(request, tree, needed, failing):
                raise Stop(_missing(error, path)) from error
        except SyntaxError as error:  # of the compiler, or of another file that it imports
            message = f"{error.filename}:{error.lineno} is no Python: {error.msg}"
            raise stop("syntax", message, error.filename, error.lineno) from error


def _refuse_circles(name: str, request: TargetRequest) -> None:
    """Ask where another file of the project imports this one: it may see what the left out lines change."""
    short = name.rpartition(".")[2]
    mentions = re.compile(rf"^\s*(import|from)\b.*\b{re.escape(short)}\b", re.MULTILINE)
    for module in list(sys.modules.values()):
        place = getattr(module, "__file__", None)
        if not isinstance(place, str) or place == request.path or not is_user_file(place):
            continue
        try:
            text = Path(place).read_text("utf-8", "replace")
        except OSError:
            continue
        found = mentions.search(text)
        if found is not None:
            lines = running_lines(request.text, ast.parse(request.text))
            why = f"{Path(place).name} imports this file: `{found.group().strip()[:80]}`"
            raise Stop(_ask(request, lines, Obstacle(lines[0].line if lines else 1, why)))


def _imported(name: str, request: TargetRequest, tree: ast.Module) -> ModuleType:
    path = request.path
    code = compile(tree, path, "exec", dont_inherit=True)
    loader = _BufferLoader(path, request.text, code, Path(path).name == "__init__.py")
    sys.meta_path.insert(0, _BufferFinder(name, path, loader))
    return importlib.import_module(name)


def executed_part(
    request: TargetRequest, tree: ast.Module, needed: Needed, failing: Sequence[ast.stmt] = ()
) -> tuple[ast.Module, tuple[int, ...]]:
    """What of the file to execute for a target, and the lines left out; asks where that is not known.

    `failing`: imports that were tried, and that some library of the user's lacks a module for.
    """
    running = running_lines(request.text, tree)
    missing = [*_missing_imports(tree), *failing]
    if request.import_file or not (running or missing):
        return tree, ()
    left_out = [*running_statements(tree), *missing]
    found, obstacle = plan(
        tree,
        left_out,
        needed.names,
        request.qualname,
        needed.files,
        Project(Path(request.path), tree),
    )
    if found is not None:
        return found.tree, found.left_out
    if not running:
        return tree, ()  # its import fails, and that says what is missing
    raise Stop(_ask(request, running, obstacle))


def _can_do_without(
    request: TargetRequest, tree: ast.Module, needed: Needed, failing: Sequence[ast.stmt]
) -> bool:
    if request.import_file:
        return False
    left_out = [*running_statements(tree), *_missing_imports(tree), *failing]
    others = Project(Path(request.path), tree)
    found, _ = plan(tree, left_out, needed.names, request.qualname, needed.files, others)
    return found is not None


def _import_of(error: ModuleNotFoundError, tree: ast.Module, path: str) -> Optional[ast.stmt]:
    """The import at the file's top level that failed."""
    trace = error.__traceback__
    line = 0
    while trace is not None:
        if (
            trace.tb_frame.f_code.co_filename == path
            and trace.tb_frame.f_code.co_name == "<module>"
        ):
            line = trace.tb_lineno
        trace = trace.tb_next
    for node in tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)) and node.lineno <= line <= (
            node.end_lineno or node.lineno
        ):
            return node
    return None


def _missing_imports(tree: ast.Module) -> list[ast.stmt]:
    """Imports at the top level of what is not installed: the target may do without."""
    found: list[ast.stmt] = []
    for node in tree.body:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level and node.module != "__future__":
            names = [node.module or ""]
        if any(is_missing(name.split(".")[0]) for name in names):
            found.append(node)
    return found


def _ask(
    request: TargetRequest, running: tuple[SourceLine, ...], obstacle: Optional[Obstacle]
) -> Question:
    """The question whether to import the file; the line that keeps it from being left out comes first."""
    lines, why = list(running), ""
    if obstacle is not None:
        texts = request.text.splitlines()
        first = SourceLine(obstacle.line, texts[obstacle.line - 1].strip()[:120])
        lines = [first, *(line for line in lines if line.line != first.line)]
        why = f", and line {first.line} cannot be left out: {obstacle.why}"
    name = Path(request.path).name
    shown = "; ".join(f"line {line.line}: `{line.text}`" for line in lines[:3])
    more = f" and {len(lines) - 3} more" if len(lines) > 3 else ""
    message = f"importing {name} runs more than definitions ({shown}{more}){why}. "
    if obstacle is not None and _PARSES.search(lines[0].text):
        message += (
            "Run it (the command line is empty then: arguments have their defaults), or hand "
            f"`{request.qualname}` what it needs of them as an argument"
        )
    elif request.path.endswith(".ipynb"):
        message += "Run it, or keep the function and what it needs in cells that only define"
    else:
        message += 'Run it, or move those lines under `if __name__ == "__main__":`'
    return Question("import-file", message, tuple(lines))


def _module_name(path: Path, root: Optional[Path]) -> tuple[str, list[str]]:
    """The name the file is importable by, and the folders that make it so, first one first.

    A file of a package belongs to it; any other is a script, whose folder comes first.
    """
    stem = path.stem.replace(".", "_")
    parts = [] if path.name == "__init__.py" else [stem]
    folder = path.parent
    while (folder / "__init__.py").is_file() and folder.name.isidentifier():
        parts.insert(0, folder.name)
        folder = folder.parent
    folders = [str(folder)]
    for extra in (root / "src", root) if root else ():
        if extra.is_dir() and str(extra) not in folders:
            folders.append(str(extra))
    name = ".".join(parts) or stem
    known = name in sys.modules or name in getattr(sys, "stdlib_module_names", ())
    return (f"{name}_" if known else name), folders


def _missing(error: ModuleNotFoundError, path: str) -> Failure:
    described = failure_of(error, "import", path)
    name = error.name or "a module"
    where = f"{Path(described.path).name}:{described.line}" if described.path else Path(path).name
    top = name.split(".")[0]
    message = (
        f"{where} imports `{name}`, which {interpreter()} does not have: install it there "
        f"(`{interpreter()} -m pip install {top}`), or choose the Python your program runs with"
    )
    return Failure(
        "missing-module", message, described.traceback, "import", described.path, described.line
    )
