"""What has to be known to start a runner, however it is started."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from jaxsight_runner.protocol import Request, TargetRequest


@dataclass(frozen=True)
class Launch:
    """One job: its request, and the process it runs in."""

    job: str
    request: Request
    interpreter: Path
    cwd: Path
    env: Mapping[str, str]  # all of it
    memory_limit: int | None  # bytes of address space


def runner_entry() -> Path:
    """The file the user's Python is started with."""
    spec = find_spec("jaxsight_runner")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).with_name("__main__.py")


def import_folders(request: Request) -> tuple[str, ...]:
    """The folders that the request's file imports from before it looks at what is installed."""
    if not isinstance(request, TargetRequest):
        return ()
    folder = Path(request.path).parent
    while (folder / "__init__.py").is_file() and folder.name.isidentifier():
        folder = folder.parent
    root = Path(request.root) if request.root else folder
    return tuple(os.fspath(one) for one in dict.fromkeys((folder, root / "src", root)))
