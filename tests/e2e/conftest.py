"""A project on disk, and the command that starts the server."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

MODEL = """\
import jax
import jax.numpy as jnp


@jax.jit
def step(y):
    x = jnp.sin(y)  # 😀
    x[0] = 1.0
    return x
"""

SERVER = (
    sys.executable,
    "-c",
    "from jaxsight_server.server import serve; raise SystemExit(serve())",
)


@pytest.fixture
def server_command() -> tuple[str, ...]:
    """Starts the server on standard input and output."""
    return SERVER


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A file with one finding, on its eighth line."""
    path = tmp_path / "model.py"
    path.write_text(MODEL, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text("[tool.jaxsight]\n", encoding="utf-8")
    return path
