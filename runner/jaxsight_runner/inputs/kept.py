"""The arrays that `jaxsight capture --values` kept of a real call."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any, Optional


def load(place: Path, name: str) -> Optional[list[Any]]:
    """The arrays that were kept for an argument; None where there are none."""
    try:
        dtypes: dict[str, str] = json.loads((place / "arrays.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    wanted = [key for key in dtypes if key.rpartition(".")[0] == name]
    if (place / "orbax").is_dir():
        flat = import_module("orbax.checkpoint").PyTreeCheckpointer().restore(place / "orbax")
    else:
        flat = import_module("numpy").load(place / "arrays.npz", allow_pickle=False)
    jnp = import_module("jax.numpy")
    ordered = sorted(wanted, key=lambda key: int(key.rpartition(".")[2]))
    found = [import_module("numpy").asarray(flat[key]) for key in ordered]
    return [
        one.view(jnp.dtype(dtypes[key])) if one.dtype.kind == "V" else one
        for key, one in zip(ordered, found)
    ]
