"""Which files to check: those that are named, and those that the named folders hold."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from jaxsight_analyzers.globs import matches
from jaxsight_analyzers.settings import Config

MAX_BYTES = 5_000_000

# Folders whose Python is not the user's own: version control, environments, caches, build results.
SKIPPED = frozenset(
    {
        ".bzr", ".cache", ".direnv", ".eggs", ".git", ".hg", ".hypothesis", ".ipynb_checkpoints",
        ".mypy_cache", ".nox", ".pixi", ".pytest_cache", ".pytype", ".ruff_cache", ".svn", ".tox",
        ".venv", "__pycache__", "__pypackages__", "_build", "buck-out", "build", "dist",
        "node_modules", "site-packages", "venv",
    }
)  # fmt: skip


class Unreadable(NamedTuple):
    """A path that cannot be checked, and why."""

    path: str
    message: str


class Found(NamedTuple):
    """The files to check, each once, ordered by path; and what could not be looked at."""

    files: tuple[Path, ...]
    errors: tuple[Unreadable, ...]


def find_files(paths: Iterable[Path], config: Config, root: Path) -> Found:
    """Search folders for files to check. A file that is named is checked whatever the settings say.

    `root` is the folder that globs are relative to where the configuration names none.
    """
    search = _Search(config, root)
    for path in paths:
        search.add(path)
    search.follow_links()
    files = sorted(search.files.values(), key=lambda path: path.parts)
    return Found(tuple(files), tuple(search.errors))


class _Search:
    def __init__(self, config: Config, root: Path) -> None:
        self.config = config
        self.root = root
        self.files: dict[str, Path] = {}  # by real path
        self.errors: list[Unreadable] = []
        self.visited: set[tuple[int, int]] = set()
        # Links to folders wait until all real folders are seen, so that a file is named by its
        # real place where that is searched too.
        self.links: list[tuple[Path, _Ignored]] = []

    def add(self, path: Path) -> None:
        if path.is_dir():
            self._folder(path, _ignored_above(path))
        elif path.exists():
            self._file(path)
        elif path.is_symlink():
            self.errors.append(Unreadable(str(path), "is a link that leads nowhere"))
        else:
            self.errors.append(Unreadable(str(path), "there is no such file or folder"))

    def follow_links(self) -> None:
        while self.links:
            self._folder(*self.links.pop(0))

    def _file(self, path: Path) -> None:
        real = os.path.realpath(path)
        try:
            status = os.stat(real)  # noqa: PTH116
        except OSError as error:
            self.errors.append(Unreadable(str(path), f"cannot be read: {error.strerror}"))
            return
        size = status.st_size
        if not stat.S_ISREG(status.st_mode):  # reading a pipe waits for ever, a device has no end
            message = "is a pipe, a socket or a device and was skipped"
            self.errors.append(Unreadable(str(path), message))
        elif size > MAX_BYTES:
            limit = MAX_BYTES // 1_000_000
            message = f"is larger than {limit} MB ({size / 1e6:.1f} MB) and was skipped"
            self.errors.append(Unreadable(str(path), message))
        else:
            self.files.setdefault(real, path)

    def _folder(self, folder: Path, ignored: _Ignored) -> None:
        try:
            status = folder.stat()
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            self.errors.append(Unreadable(str(folder), f"cannot be read: {error.strerror}"))
            return
        identity = (status.st_dev, status.st_ino)
        if identity in self.visited:
            return
        self.visited.add(identity)
        ignored = ignored.with_folder(folder)
        for entry in entries:
            path = folder / entry.name
            if _is_folder(entry):
                self._subfolder(path, entry.is_symlink(), ignored)
            elif self._wanted(path) and not ignored.covers(path, is_folder=False):
                self._file(path)

    def _subfolder(self, path: Path, is_link: bool, ignored: _Ignored) -> None:
        if self._excluded(path):
            return
        if self._named(path.name):
            ignored = _Ignored()  # the user wants it, whatever a .gitignore above says
        elif _is_skipped(path) or ignored.covers(path, is_folder=True):
            return
        if is_link:
            self.links.append((path, ignored))
        else:
            self._folder(path, ignored)

    def _named(self, name: str) -> bool:
        return any(name in glob.split("/")[:-1] for glob in self.config.include)

    def _wanted(self, path: Path) -> bool:
        relative = self._relative(path)
        return any(matches(glob, relative) for glob in self.config.include) and not self._excluded(
            path
        )

    def _excluded(self, path: Path) -> bool:
        if not self.config.exclude:
            return False
        relative = self._relative(path)
        return any(matches(glob, relative) for glob in self.config.exclude)

    def _relative(self, path: Path) -> str:
        """As globs see it. By text alone: a link is where it stands, not where it leads."""
        root = self.config.root or os.path.abspath(self.root)  # noqa: PTH100
        relative = os.path.relpath(os.path.abspath(path), root)  # noqa: PTH100
        return relative.replace(os.sep, "/")


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _is_skipped(folder: Path) -> bool:
    """Whether a folder holds code that is not the user's: by its name, or as an environment."""
    return folder.name in SKIPPED or folder.name.endswith(".egg-info") or is_environment(folder)


def is_environment(folder: Path) -> bool:
    """Whether a folder is a virtual or a conda environment."""
    return (folder / "pyvenv.cfg").is_file() or (folder / "conda-meta").is_dir()


class _Ignored(NamedTuple):
    """The `.gitignore` files that hold in a folder, the outermost first."""

    specs: tuple[tuple[str, Callable[[str], bool | None]], ...] = ()

    def with_folder(self, folder: Path) -> _Ignored:
        try:
            text = (folder / ".gitignore").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return self
        return _Ignored((*self.specs, (os.path.abspath(folder), _git_ignore(text))))  # noqa: PTH100

    def covers(self, path: Path, *, is_folder: bool) -> bool:
        """Whether git would ignore it. The innermost file that has an opinion decides."""
        if not self.specs:
            return False
        absolute = os.path.abspath(path)  # noqa: PTH100
        for folder, verdict_on in reversed(self.specs):
            relative = os.path.relpath(absolute, folder).replace(os.sep, "/")
            verdict = verdict_on(relative + "/" if is_folder else relative)
            if verdict is not None:
                return verdict
        return False


def _git_ignore(text: str) -> Callable[[str], bool | None]:
    """Whether a `.gitignore` covers a path; None where it has no opinion."""
    from pathspec import GitIgnoreSpec  # not needed where there is no .gitignore

    lines = text.splitlines()
    try:
        spec = GitIgnoreSpec.from_lines(lines)  # pyright: ignore[reportUnknownMemberType]
    except ValueError:  # git passes over the lines that are no patterns
        spec = GitIgnoreSpec.from_lines(  # pyright: ignore[reportUnknownMemberType]
            line for line in lines if _is_pattern(line)
        )
    return lambda path: spec.check_file(path).include


def _is_pattern(line: str) -> bool:
    from pathspec import GitIgnoreSpec

    try:
        GitIgnoreSpec.from_lines([line])  # pyright: ignore[reportUnknownMemberType]
    except ValueError:
        return False
    return True


def _ignored_above(folder: Path) -> _Ignored:
    """The `.gitignore` files between a folder's repository and it."""
    absolute = Path(os.path.abspath(folder))  # noqa: PTH100
    if (absolute / ".git").exists():
        return _Ignored()
    above: list[Path] = []
    for parent in absolute.parents:
        above.append(parent)
        if (parent / ".git").exists():
            ignored = _Ignored()
            for place in reversed(above):
                ignored = ignored.with_folder(place)
            return ignored
    return _Ignored()  # outside a repository only the files below count
