"""What the rules find in folders of other people's code, and what people said of it.

`corpus.toml` pins packages and repositories, `verdicts.toml` has a verdict for each finding,
`expected.txt` the findings in packages of the test environment.
"""

from __future__ import annotations

import sys
import time
import zlib
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, NamedTuple

from jaxsight_analyzers import notebook
from jaxsight_analyzers.encoding import DecodingError, decode
from jaxsight_analyzers.engine import analyse
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
    folder: Path, versions: dict[str, str], chosen: Callable[[str], bool] = lambda name: True
) -> Result:
    """Analyses each Python file and notebook below a folder, or the chosen ones, with all stable rules."""
    result = Result()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.suffix in (".py", ".ipynb") and path.is_file() and chosen(name):
            _look_at(path, name, versions, result)
    return result


def _look_at(path: Path, name: str, versions: dict[str, str], result: Result) -> None:
    text = _text(path)
    if text is None:
        return
    started = time.process_time()
    source = SourceFile(name, text)
    analysis = analyse(source, None, versions)
    seconds = time.process_time() - started
    result.files += 1
    result.lines += len(source.line_starts)
    result.seconds += seconds
    result.crashes.extend(analysis.crashes)
    if seconds > SLOW:
        result.slow.append((seconds, name))
    for each in analysis.diagnostics:
        line = source.line_of(each.span.start) + 1
        message = " ".join(each.message.split())
        result.found.append(Found(name, line, each.rule, each.severity.value, message))


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
        lines += [
            f"{package}/{each.place} {each.severity}" for each in installed(name, package).found
        ]
    return "\n".join(lines) + "\n"


def installed(name: str, package: str, share: int = 1, with_files: Collection[str] = ()) -> Result:
    """What the rules find in one installed package: in all files, or in one of `share` and the given ones."""
    folder = Path(str(metadata.distribution(name).locate_file(package)))

    def chosen(file: str) -> bool:
        return zlib.crc32(file.encode()) % share == 0 or file in with_files

    return look(folder, pins()["versions"], chosen)


def of_package(text: str, name: str) -> Iterable[str]:
    """The lines of the expected findings that belong to one package, its heading first."""
    blocks = text.split("# ")[1:]
    return next((b.splitlines() for b in blocks if b.startswith(f"{name} ")), ())
