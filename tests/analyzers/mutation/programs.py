"""The programs that mistakes are made in: our own, and those of the comparison with JAX."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.analyzers.mutation.program import OWN, Program

TRUTH = Path(__file__).parents[1] / "truth"


def programs() -> list[Program]:
    """All of them, by name. Those that the comparison holds back are not looked at here either."""
    files = [*OWN.glob("*.py"), *(TRUTH / f"programs/{name}.py" for name in _shown())]
    return [Program(_name(path), path.read_text(encoding="utf-8")) for path in sorted(files)]


def _shown() -> list[str]:
    path = TRUTH / "programs.toml"
    if not path.exists():
        return []
    loads = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli").loads
    table: dict[str, dict[str, Any]] = loads(path.read_text(encoding="utf-8"))
    return [name for name, entry in table.items() if not entry.get("held_back")]


def _name(path: Path) -> str:
    return f"{path.parents[1].name}/{path.stem}"
