"""The inputs that a project remembers of its functions: `.jaxsight/inputs.toml`, for people to edit and commit.

An entry is replaced in the text of the file, so that all else stays as it was written. What is
written is read again first: if anything else would have changed, nothing is.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import cast

MOST_BYTES = 4_000_000
_OURS = ("inputs", "missing", "captured", "also", "statistics")
"""The keys of an entry that a capture writes; others are somebody's own."""

_PATIENCE = 10.0  # seconds to wait for others that write
_HEADER = re.compile(r"\s*\[\[?(.*?)\]?\]\s*(#.*)?$")
_WORDS = "# What functions are run with: `jaxsight capture` records it. Edit and commit it; comments stay.\n"


class InputsFileError(Exception):
    """Why the file cannot be read or written, in a sentence."""


def inputs_file(root: Path) -> Path:
    """Where a project keeps them."""
    return root / ".jaxsight" / "inputs.toml"


def entry_name(root: Path, path: Path, qualname: str) -> str:
    """What an entry is called: the file from the project's root, and the function."""
    path = Path(os.path.normpath(path))
    with contextlib.suppress(ValueError):
        path = path.relative_to(os.path.normpath(root))
    return f"{path.as_posix()}::{qualname}"


def read_entries(place: Path) -> dict[str, object]:
    """All entries; none where there is no file. Raises InputsFileError."""
    try:
        return _loads(_text_of(place))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except RecursionError as error:
        raise InputsFileError(f"cannot read {place}: it is nested too deeply") from error
    except (OSError, ValueError) as error:  # ValueError: not UTF-8, not TOML
        raise InputsFileError(f"cannot read {place}: {error}") from error


def _text_of(place: Path) -> str:
    """Of a file that people write: a pipe or a device would keep us for ever, and so would gigabytes."""
    found = place.stat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("it is no file")
    if found.st_size > MOST_BYTES:
        size, most = found.st_size / 1e6, MOST_BYTES / 1e6
        raise ValueError(f"it has {size:.0f} MB, and what people edit has {most:.0f} MB at most")
    return place.read_text("utf-8")


def write_entry(
    place: Path,
    name: str,
    values: Mapping[str, object],
    merge: Callable[[object], Mapping[str, object]] | None = None,
) -> None:
    """Set an entry; the rest of the file stays as it is. Raises InputsFileError, having changed nothing.

    `merge` is given the entry that is there, and says what to write instead of the values.
    """
    for link in (place, place.parent):
        if link.is_symlink():
            raise InputsFileError(f"{link} is a link, which is not followed to write")
    with _alone(place.parent):
        known = read_entries(place)
        before = place.read_bytes().decode("utf-8") if place.exists() else _WORDS
        own = known.get(name)
        written = values if merge is None else merge(own)
        after = _edited(before, name, written)
        kept = cast("dict[str, object]", own) if isinstance(own, dict) else {}
        entry = {**{key: kept[key] for key in kept if key not in _OURS}, **written}
        if _read_again(after) != {**known, name: entry}:
            raise InputsFileError(
                f"{place} is written in a way that cannot be edited by hand of ours; `{name}` was not added"
            )
        _replace(place, after)


@contextlib.contextmanager
def _alone(folder: Path) -> Generator[None]:
    """While no other capture of the project writes; where the file system knows no locks, as it comes."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            folder.mkdir(exist_ok=True)
            descriptor = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, descriptor)  # which ends the lock
            deadline = time.monotonic() + _PATIENCE
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise InputsFileError(
                            f"another program has locked {folder} for {_PATIENCE:g} s"
                        ) from None
                    time.sleep(0.05)
        yield


def _read_again(text: str) -> dict[str, object] | None:
    try:
        return _loads(text)
    except ValueError:
        return None


def _loads(text: str) -> dict[str, object]:
    module = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    loads: Callable[[str], dict[str, object]] = module.loads
    return loads(text)


def _replace(place: Path, text: str) -> None:
    fresh = place.with_name(f"inputs.{os.getpid()}.new")
    try:
        place.parent.mkdir(exist_ok=True)
        if place.exists() and not os.access(place, os.W_OK):
            raise PermissionError(13, "it is read-only")
        fresh.write_text(text, "utf-8", newline="")
        if place.exists():
            fresh.chmod(place.stat().st_mode & 0o777)
        fresh.replace(place)
    except OSError as error:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise InputsFileError(f"cannot write {place}: {error.strerror or error}") from error


def _edited(text: str, name: str, values: Mapping[str, object]) -> str:
    """The text with the entry in place of the old one, or where the order of names wants it."""
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines(keepends=True)
    headers = [(at, key) for at, line in _top_level(lines) if (key := _header(line)) is not None]
    mine = [index for index, (_, key) in enumerate(headers) if key[:1] == (name,)]
    own: list[str] = []
    if mine:
        start = headers[mine[0]][0]
        last = mine[-1] + 1
        stop = _end_of(lines, headers[last][0] if last < len(headers) else len(lines))
        own = list(_somebodys_own(lines[start:stop]))
    else:
        later = [at for at, key in headers if key and key[0] > name]
        start = stop = _end_of(lines, later[0] if later else len(lines))
    head, tail = "".join(lines[:start]), "".join(lines[stop:])
    if head and not head.endswith("\n"):
        head += newline
    entry = newline.join("\n".join(_entry(name, values, own)).splitlines()) + newline
    if not mine and head.strip() and not head.endswith((newline * 2, "\n\n")):
        entry = newline + entry
    if tail.strip() and not tail.startswith(("\n", "\r\n")):
        entry += newline
    return head + entry + tail


def _end_of(lines: list[str], at: int) -> int:
    """Comments right above a header belong to it."""
    while 0 < at < len(lines) and lines[at - 1].lstrip().startswith("#"):
        at -= 1
    while at > 0 and not lines[at - 1].strip():
        at -= 1
    return at


def _somebodys_own(lines: list[str]) -> Iterator[str]:
    """Comments and keys of an entry that no capture wrote; a table of theirs would be lost, and is refused later."""
    kept = False
    at_top = {at for at, _ in _top_level(lines)}
    for at, line in enumerate(lines):
        if at not in at_top:  # goes on with a string
            if kept:
                yield line.rstrip("\r\n")
            continue
        bare = line.strip()
        key = re.match(r"""["']?([\w-]+)["']?\s*=""", bare)
        kept = bare.startswith("#") or (key is not None and key.group(1) not in _OURS and at > 0)
        if _header(line) is not None and at > 0:
            return  # statistics follow
        if kept:
            yield line.rstrip("\r\n")


def _top_level(lines: list[str]) -> Iterator[tuple[int, str]]:
    """The lines that do not begin inside a string of several lines or a list."""
    inside, depth = "", 0
    for at, line in enumerate(lines):
        if not inside and depth == 0:
            yield at, line
        inside, depth = _state_after(line, inside, depth)


_TOKENS = re.compile(r"'''|\"\"\"|'[^'\n]*'|\"(?:\\.|[^\"\\\n])*\"|#.*|[\[\]{}]|\\.")


def _state_after(line: str, inside: str, depth: int) -> tuple[str, int]:
    if not inside and depth == 0 and _HEADER.match(line):
        return "", 0
    at = 0
    while at < len(line):
        if inside:
            end = line.find(inside, at)
            while inside == '"""' and end > 0 and line[end - 1] == "\\":
                end = line.find(inside, end + 1)
            if end < 0:
                return inside, depth
            at, inside = end + 3, ""
            continue
        match = _TOKENS.search(line, at)
        if match is None:
            break
        token, at = match.group(), match.end()
        if token in ("'''", '"""'):
            inside = token
        elif token in "[{":
            depth += 1
        elif token in "]}":
            depth -= 1
        elif token.startswith("#"):
            break
    return inside, depth


def _header(line: str) -> tuple[str, ...] | None:
    """The keys of a table's header."""
    match = _HEADER.match(line)
    if match is None:
        return None
    try:
        found = _loads(f"[{match.group(1)}]")
    except ValueError:
        return None
    keys: list[str] = []
    while found:
        key, inner = next(iter(found.items()))
        keys.append(key)
        found = cast("dict[str, object]", inner)
    return tuple(keys)


def _entry(name: str, values: Mapping[str, object], own: list[str]) -> Iterator[str]:
    yield f"[{_text(name)}]"
    yield from own
    for key, value in values.items():
        if not isinstance(value, dict):
            yield f"{key} = {_value(value)}"
    for key, value in values.items():
        if isinstance(value, dict):
            yield ""
            yield f"[{_text(name)}.{key}]"
            table = cast("dict[str, object]", value)
            yield from (f"{_text(path)} = {_value(one)}" for path, one in table.items())


def _value(value: object) -> str:
    if isinstance(value, str):
        plain = "\n" in value and "'''" not in value and _is_plain(value)
        return f"'''\n{value}'''" if plain else _text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        items = [_value(one) for one in cast("list[object]", value)]
        return "[\n" + "".join(f"  {item},\n" for item in items) + "]"
    if isinstance(value, dict):
        pairs = cast("dict[str, object]", value).items()
        return "{ " + ", ".join(f"{key} = {_value(one)}" for key, one in pairs) + " }"
    return repr(value)


def _is_plain(value: str) -> bool:
    return all(char.isprintable() or char in "\n\t" for char in value)


def _text(value: str) -> str:
    """A basic string: JSON's escapes are TOML's, but for one."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
