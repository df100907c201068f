"""What README.md and CONTRIBUTING.md say works: commands, output, settings, links, editors."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from jaxsight_analyzers.config import parse_config
from jaxsight_analyzers.registry import all_rules
from jaxsight_server.cli import COMMANDS

ROOT = Path(__file__).parent.parent
PAGES = ("README.md", "CONTRIBUTING.md", "examples/README.md")
BIN = Path(sys.executable).parent
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)\)")
BARE_TOOLS = ("awk", "bash", "dirname", "env", "grep", "head", "make", "uname")


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of a language on a page."""
    found = BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))
    return [text for name, text in found if name == language]


def commands(page: str) -> list[str]:
    """The commands in a page's shell blocks, without their comments."""
    lines = [
        line.partition("#")[0].strip() for text in blocks(page, "sh") for line in text.splitlines()
    ]
    return [line for line in lines if line]


def started(*command: str, cwd: Path = ROOT, **changes: str) -> subprocess.CompletedProcess[str]:
    """Runs a command with the environment's programs on PATH."""
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", **changes}
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=600, check=False
    )


@pytest.mark.parametrize("page", PAGES)
def test_make_targets_and_subcommands_exist(page: str) -> None:
    targets = re.findall(
        r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
    )
    known = {"make": set(targets), "jaxsight": set(COMMANDS)}

    named = [line.split()[:2] for line in commands(page) if line.split()[0] in known]

    assert named
    assert [words for words in named if words[1] not in known[words[0]]] == []


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "examples/README.md"]
)
def test_links_lead_somewhere(page: str) -> None:
    links = LINK.findall((ROOT / page).read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]

    assert [link for link in local if not (ROOT / page).parent.joinpath(link).exists()] == []


def test_console_block_is_the_real_output() -> None:
    (block,) = blocks("README.md", "console")
    command, _, shown = block.partition("\n")

    done = started(*command.removeprefix("$ ").split())

    assert done.stdout.rstrip() == shown.rstrip()


def test_settings_block_has_no_mistake() -> None:
    (text,) = blocks("README.md", "toml")

    loaded = parse_config(text, Path("pyproject.toml"), rules=all_rules())

    assert loaded.errors == ()
    assert loaded.config.ignore == ("jit-in-loop",)


def test_every_rule_is_in_the_changelog() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert [rule.name for rule in all_rules() if f"`{rule.name}`" not in text] == []


def test_help_names_every_target_of_the_readme() -> None:
    shown = started("make", "help").stdout

    for line in commands("README.md"):
        if line.startswith("make "):
            assert line in shown


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("emacs") is None, reason="Emacs is not installed")
def test_emacs_block_is_all_that_eglot_needs(tmp_path: Path) -> None:
    (snippet,) = blocks("README.md", "elisp")
    model = tmp_path / "model.py"
    model.write_text("import jax.numpy as jnp\n\nx = jnp.zeros(3)\nx[0] = 1.0\n")
    setup = "(require 'package) (package-initialize) (setq eglot-sync-connect 30)"
    visit = f"""
      (find-file "{model}") (python-mode)
      (apply #'eglot (eglot--guess-contact))
      (flymake-mode 1) (flymake-start)
      (let ((tries 0))
        (while (and (< tries 300) (null (flymake-diagnostics)))
          (accept-process-output nil 0.1) (setq tries (1+ tries))))
      (dolist (found (flymake-diagnostics)) (princ (flymake-diagnostic-text found)))
    """
    (tmp_path / "init.el").write_text(f"{setup}\n{snippet}\n{visit}")

    done = started("emacs", "-q", "--batch", "-l", str(tmp_path / "init.el"), cwd=tmp_path)

    assert "array-item-assignment" in done.stdout, done.stderr


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("nvim") is None, reason="Neovim is not installed")
def test_neovim_block_is_all_that_it_needs(tmp_path: Path) -> None:
    version = started("nvim", "--version").stdout.split()[1]
    if [int(part) for part in version.lstrip("v").split(".")[:2]] < [0, 11]:
        pytest.skip(f"the block is for Neovim 0.11 and newer, this is {version}")
    (snippet,) = blocks("README.md", "lua")
    model = tmp_path / "model.py"
    model.write_text("import jax.numpy as jnp\n\nx = jnp.zeros(3)\nx[0] = 1.0\n")
    wait = "assert(vim.wait(30000, function() return #vim.diagnostic.get(0) > 0 end, 50))"
    show = "io.stdout:write(vim.diagnostic.get(0)[1].code)"
    (tmp_path / "init.lua").write_text(snippet)

    done = started(
        *("nvim", "--headless", "-u", str(tmp_path / "init.lua"), str(model)),
        *("-c", f"lua {wait} {show}", "-c", "qall!"),
        cwd=tmp_path,
    )

    assert "array-item-assignment" in done.stdout, done.stderr


def working_copy(target: Path) -> Path:
    """What a clone of this tree would hold."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    for name in listed.split("\0"):
        if name and (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)
    return target


@pytest.mark.slow
def test_demo_works_in_a_fresh_clone_without_a_home(tmp_path: Path) -> None:
    clone = working_copy(tmp_path / "clone")
    home = tmp_path / "nowhere" / "home"

    done = started(
        *("make", "demo"),
        cwd=clone,
        HOME=str(home),
        JAXSIGHT_MAKE_CACHE=str(ROOT / ".cache"),
        PATH=os.environ["PATH"],
    )

    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    for name in ("traced-if", "key-reuse", "removed-api", "print-in-trace"):
        assert name in done.stdout
    assert "+    jax.debug.print(" in done.stdout  # --diff
    assert "Traceback" not in done.stdout + done.stderr
    assert done.stdout.index("heat.py::solve") < done.stdout.index("heat.py::step")
    assert "What next?" in done.stdout
    assert not home.parent.exists()


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A PATH with a few tools of the system and no Python, to which a test adds its own."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in BARE_TOOLS:
        found = shutil.which(tool)
        assert found, tool
        (folder / tool).symlink_to(found)
    return folder


def fake_python(folder: Path, version: str) -> None:
    """A python3 of that version that has no pip and can do nothing else."""
    script = f'#!/bin/sh\n[ "$1" = -c ] || exit 1\ncase $2 in *"%d.%d"*) echo {version};; *) echo $0;; esac\n'
    (folder / "python3").write_text(script)
    (folder / "python3").chmod(0o755)


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (None, "needs Python 3.10 to 3.14, and python3 here is not there"),
        ("3.9", "needs Python 3.10 to 3.14, and python3 here is 3.9"),
        ("3.11", "neither uv nor pip is there for"),
    ],
)
def test_demo_says_in_a_sentence_what_is_missing(
    bare: Path, tmp_path: Path, version: str | None, message: str
) -> None:
    if version is not None:
        fake_python(bare, version)
    clone = tmp_path / "clone"
    shutil.copytree(ROOT / "scripts", clone / "scripts")
    shutil.copy(ROOT / "Makefile", clone)

    done = started(
        "make", "demo", cwd=clone, PATH=str(bare), HOME="/nonexistent", PYENV_ROOT="/none"
    )

    assert done.returncode == 2
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert message in errors[0]
