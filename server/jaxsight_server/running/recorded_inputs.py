"""What a project has written down of its functions' inputs, and where a project begins."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

from jaxsight_runner.protocol import TargetRequest
from jaxsight_server.running.inputs_file import (
    InputsFileError,
    entry_name,
    inputs_file,
    read_entries,
)
from jaxsight_server.running.kept_values import kept_values


class UnreadableInputs(Exception):  # noqa: N818 - becomes a Failure at once
    """`.jaxsight/inputs.toml` is there and cannot be read."""


def complete(request: TargetRequest) -> TargetRequest:
    """The request with the project's folder and the inputs recorded there."""
    path = Path(request.path)
    root = Path(request.root) if request.root else project_root(path)
    recorded = request.recorded_input or recorded_input(root, path, request.qualname)
    kept = kept_values(path, request.qualname)
    values = str(kept) if kept is not None else None
    return replace(request, root=str(root), recorded_input=recorded, recorded_values=values)


def project_root(path: Path) -> Path:
    """The folder of the project a file belongs to: the nearest that says so, else the file's own."""
    for folder in path.parents:
        if any((folder / name).exists() for name in ("pyproject.toml", "jaxsight.toml", ".git")):
            return folder
    return path.parent


def recorded_input(root: Path, path: Path, qualname: str) -> str | None:
    """The spec `.jaxsight/inputs.toml` holds for a function."""
    try:
        data = read_entries(inputs_file(root))
    except InputsFileError as error:
        raise UnreadableInputs(str(error)) from error
    name = entry_name(root, path, qualname)
    entry = data.get(name, {})
    spec = cast("dict[str, object]", entry).get("inputs") if isinstance(entry, dict) else entry
    if spec is None or isinstance(spec, str):
        return spec
    raise UnreadableInputs(
        f'{inputs_file(root)}: the inputs of `{name}` are no text, as in `inputs = "x: f32[3]"`'
    )
