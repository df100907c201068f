"""What the rules find in folders of other people's code, and what people said of it.

`corpus.toml` pins packages and repositories, `verdicts.toml` has a verdict for each finding,
`expected.txt` the findings in packages of the test environment.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, NamedTuple

from jaxsight_analyzers import notebook
from jaxsight_analyzers.encoding import DecodingError, decode
from jaxsight_analyzers.engine import Analysis, analyse
from jaxsight_analyzers.project.index import Settings, build
from jaxsight_analyzers.project.workspace import Workspace
from jaxsight_analyzers.settings import Config
from jaxsight_analyzers.source import SourceFile

FOLDER = Path(__file__).parent

SLOW = 5.0
"""Seconds of processor time for one file that are worth a line."""


class Found(NamedTuple):
    """One finding, as the lists have it."""

    path: str
    line: int
    rule: str
    severity: str
    message: str

    @property
    def place(self) -> str:
        """What a verdict is given to: how sure the engine is and its words may change."""
        return f"{self.path}:{self.line} {self.rule}"


@dataclass
class Result:
    """What one package or repository gave."""

    files: int = 0
    lines: int = 0
    seconds: float = 0.0
    found: list[Found] = field(default_factory=list[Found])
    crashes: list[str] = field(default_factory=list[str])
    slow: list[tuple[float, str]] = field(default_factory=list[tuple[float, str]])


def pins() -> dict[str, Any]:
    """The table of packages, repositories and library versions."""
    return _toml(FOLDER / "corpus.toml")


def verdicts() -> dict[str, dict[str, str]]:
    """For each package or repository: what people said of each place."""
    path = FOLDER / "verdicts.toml"
    return _toml(path) if path.exists() else {}


def _toml(path: Path) -> dict[str, Any]:
    loads = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli").loads
    return loads(path.read_text(encoding="utf-8"))


# Looking


def look(
    folder: Path,
    versions: dict[str, str],
    roots: tuple[str, ...] = ("src", ""),
    below: str = "",
    config: Config | None = None,
) -> Result:
    """Checks the Python files and notebooks of a folder with all stable rules, as `check` does.

    They are one workspace: calls are followed from file to file, and nothing else is seen. `roots` are
    the folders that imports are looked up from; only what is `below` one of the folder is looked at.
    """
    found = sorted((folder / below).rglob("*"))
    paths = [path for path in found if path.suffix in (".py", ".ipynb") and path.is_file()]
    by_name = {path.relative_to(folder).as_posix(): path for path in paths}
    texts = {name: text for name, path in by_name.items() if (text := _text(path)) is not None}
    looking = _Looking()
    modules = {name: text for name, text in texts.items() if name.endswith(".py")}
    workspace = Workspace.of(modules, roots)
    settings = Settings(config or Config(), versions)
    build(workspace, modules, lambda _: settings, note=looking.note)
    for name in texts.keys() - modules.keys():
        looking.note(name, analyse(SourceFile(name, texts[name]), config, versions))
    return looking.result()


class _Looking:
    """Takes note of analyses; the last one of a file counts, and the time of all."""

    def __init__(self) -> None:
        self._last = time.process_time()
        self._found: dict[str, list[Found]] = {}
        self._crashes: dict[str, tuple[str, ...]] = {}
        self._lines: dict[str, int] = {}
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def note(self, name: str, analysis: Analysis) -> None:
        """Take note of an analysis that was made just now."""
        now = time.process_time()
        self._seconds[name] += now - self._last
        self._last = now
        source = analysis.source
        self._lines[name] = len(source.line_starts)
        self._crashes[name] = analysis.crashes
        self._found[name] = [
            Found(
                name,
                source.line_of(each.span.start) + 1,
                each.rule,
                each.severity.value,
                " ".join(each.message.split()),
            )
            for each in analysis.diagnostics
        ]

    def result(self) -> Result:
        """All together, in the order of the files' names."""
        names = sorted(self._found)
        return Result(
            len(names),
            sum(self._lines.values()),
            sum(self._seconds.values()),
            [found for name in names for found in self._found[name]],
            [crash for name in names for crash in self._crashes[name]],
            [(self._seconds[name], name) for name in names if self._seconds[name] > SLOW],
        )


def _text(path: Path) -> str | None:
    """A file's Python; None where it has none."""
    try:
        text = decode(path.read_bytes()).text
        if path.suffix != ".ipynb":
            return text
        return notebook.join(notebook.cells_of(text)).text if notebook.is_python(text) else None
    except (DecodingError, notebook.NotebookError):
        return None


# What is installed


def expected() -> str:
    """The findings in the installed packages of `[installed]`, one a line, and their versions."""
    lines: list[str] = []
    for name, package in pins()["installed"].items():
        lines.append(f"# {name} {metadata.version(name)}")
        lines += [f"{each.place} {each.severity}" for each in installed(name, package).found]
    return "\n".join(lines) + "\n"


def installed(name: str, package: str) -> Result:
    """What the rules find in one installed package."""
    folder = Path(str(metadata.distribution(name).locate_file("")))
    return look(folder, pins()["versions"], ("",), package)


def of_package(text: str, name: str) -> Iterable[str]:
    """The lines of the expected findings that belong to one package, its heading first."""
    blocks = text.split("# ")[1:]
    return next((b.splitlines() for b in blocks if b.startswith(f"{name} ")), ())
