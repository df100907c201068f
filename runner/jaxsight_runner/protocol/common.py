"""What every report says: what was run, with which inputs, on what."""

from __future__ import annotations

from typing import Optional

from jaxsight_runner.data import dataclass
from jaxsight_runner.protocol.cells import CellStart


@dataclass(frozen=True)
class Target:
    """What was run."""

    path: str
    qualname: str
    hash: str  # SHA-256 of the text that was run
    line: int  # of the definition, from 1
    how: str  # in words: "compiled by the file's own jax.jit", "wrapped in jax.jit"
    left_out: tuple[
        int, ...
    ] = ()  # lines of statements that were not run, as nothing here needs them
    cells: tuple[CellStart, ...] = ()  # of a notebook, in whose module all lines are counted


@dataclass(frozen=True)
class Input:
    """One argument the function was run with."""

    name: str
    value: str  # `f32[128,64]`, `key`, or the expression
    source: str  # "request", "comment", "file" (.jaxsight/inputs.toml), "captured" (as there), "annotation"
    note: Optional[str] = None  # what was assumed: "integers drawn from 0 to 9"


@dataclass(frozen=True)
class Device:
    """One device jax can use."""

    id: int
    kind: str
    platform: str
    memory: Optional[int] = None  # bytes


@dataclass(frozen=True)
class Environment:
    """On what it was run."""

    python: str
    executable: str
    jax: str
    jaxlib: str
    libraries: dict[str, str]  # distribution name -> version, of those the reports depend on
    platform: str  # "cpu", "gpu", "tpu"
    device_kind: str
    device_count: int
    x64: bool
    system: str  # "Linux-6.1-x86_64"
    cpu_count: int
    flags: dict[str, str]  # XLA_FLAGS and JAX_* of the process


@dataclass(frozen=True)
class SourceLocation:
    """A line of a file, from 1."""

    path: str
    line: int
