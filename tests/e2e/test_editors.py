"""The server in Neovim and in Emacs."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def run_in(editor: list[str], model: Path, server: tuple[str, ...]) -> str:
    """Run an editor to its end; what it printed."""
    environment = {**os.environ, "MODEL": str(model), "SERVER": "\n".join(server)}
    done = subprocess.run(
        editor, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(shutil.which("nvim") is None, reason="Neovim is not installed")
def test_neovim_shows_the_finding_and_its_fix_repairs_the_file(
    model: Path, server_command: tuple[str, ...]
) -> None:
    run_in(
        ["nvim", "--headless", "-u", "NONE", "-S", str(HERE / "nvim.lua")], model, server_command
    )
    assert "    x = x.at[0].set(1.0)\n" in model.read_text(encoding="utf-8")


@pytest.mark.skipif(shutil.which("emacs") is None, reason="Emacs is not installed")
def test_emacs_shows_the_finding_and_gets_lenses(
    model: Path, server_command: tuple[str, ...]
) -> None:
    output = run_in(["emacs", "-q", "--batch", "-l", str(HERE / "eglot.el")], model, server_command)
    assert "FOUND 8 " in output
    assert "LENSES 3" in output
