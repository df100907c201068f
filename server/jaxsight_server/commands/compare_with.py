"""What `--compare` names: another function, the same one in another file, or at a revision of git."""

from __future__ import annotations

import subprocess
from pathlib import Path

from jaxsight_runner.protocol import Other
from jaxsight_server.commands.run_target import UsageError, module_text, read_text

_SECONDS = 30
_IMPORTS = "only {name} itself is as it was at {revision}; what it imports is that of the work tree"


def other_function(named: str, path: str, text: str, qualname: str) -> Other:
    """The function to compare with; raises UsageError where there is none."""
    file, separator, other = named.rpartition("::")
    if not separator:
        if Path(named).suffix not in (".py", ".ipynb") or not Path(named).is_file():
            return _at_revision(named, path, qualname)
        file, other = named, qualname
    place = Path(file).absolute() if file else Path(path)  # `::g` is in the same file
    if not other:
        raise UsageError(f"`{named}` names no function: write FILE::QUALNAME, or a git revision")
    same = place == Path(path)
    if same and other == qualname:
        raise UsageError(f"--compare {named} is the function itself")
    shown = other if same else f"{place.name}::{other}"
    return Other(str(place), text if same else read_text(file), other, shown)


def _at_revision(revision: str, path: str, qualname: str) -> Other:
    place = Path(path)
    if revision.startswith("-") or not revision.strip() or ":" in revision:
        raise UsageError(f"`{revision}` is neither FILE::QUALNAME nor a revision of git")
    command = ["git", "--no-pager", "show", "--no-textconv", f"{revision}:./{place.name}"]
    try:
        done = subprocess.run(
            command, cwd=place.parent, capture_output=True, check=False, timeout=_SECONDS
        )
    except OSError as error:
        raise UsageError(f"cannot run git: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise UsageError(f"git did not show {revision} within {_SECONDS} s") from error
    if done.returncode:
        words = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
        why = words[0].removeprefix("fatal: ")
        raise UsageError(f"git has no {place.name} at `{revision}`: {why}")
    try:
        text = done.stdout.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{place.name} at {revision} is not UTF-8") from error
    text = module_text(place.name, text)
    note = _IMPORTS.format(name=place.name, revision=revision)
    return Other(path, text, qualname, revision, (note,))
