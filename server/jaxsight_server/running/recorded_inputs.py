"""What a project has written down of its functions' inputs, and where a project begins."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import cast

from jaxsight_runner.protocol import TargetRequest


class UnreadableInputs(Exception):  # noqa: N818 - becomes a Failure at once
    """`.jaxsight/inputs.toml` is there and cannot be read."""


def complete(request: TargetRequest) -> TargetRequest:
    """The request with the project's folder and the inputs recorded there."""
    path = Path(request.path)
    root = Path(request.root) if request.root else project_root(path)
    recorded = request.recorded_input or recorded_input(root, path, request.qualname)
    return replace(request, root=str(root), recorded_input=recorded)


def project_root(path: Path) -> Path:
    """The folder of the project a file belongs to: the nearest that says so, else the file's own."""
    for folder in path.parents:
        if any((folder / name).exists() for name in ("pyproject.toml", "jaxsight.toml", ".git")):
            return folder
    return path.parent


def recorded_input(root: Path, path: Path, qualname: str) -> str | None:
    """The spec `.jaxsight/inputs.toml` holds for a function."""
    place = root / ".jaxsight" / "inputs.toml"
    try:
        data: dict[str, object] = _toml_loads()(place.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:  # ValueError: not UTF-8, not TOML
        raise UnreadableInputs(f"cannot read {place}: {error}") from error
    with contextlib.suppress(ValueError):
        path = path.relative_to(root)
    entry = data.get(f"{path.as_posix()}::{qualname}")
    if not isinstance(entry, dict):
        return None
    spec = cast("dict[str, object]", entry).get("inputs")
    return spec if isinstance(spec, str) else None


def _toml_loads() -> Callable[[str], dict[str, object]]:
    return import_module("tomllib" if sys.version_info >= (3, 11) else "tomli").loads
