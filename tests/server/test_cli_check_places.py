"""From where `jaxsight check` is called, and how the files are named, makes no difference."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.server.test_cli_check import check

HELPER = "import jax\n\n\ndef draw(key):\n    return jax.random.normal(key)\n"
MAIN = """\
import jax
from pkg.helper import draw


def run(seed):
    key = jax.random.key(seed)
    return draw(key) + draw(key)
"""


def written(package: Path) -> None:
    package.mkdir(parents=True)
    for name, text in (("__init__", ""), ("helper", HELPER), ("main", MAIN)):
        (package / f"{name}.py").write_text(text)


@pytest.mark.parametrize(
    ("here", "given"),
    [
        ("project", "src"),
        ("project", "src/pkg/main.py"),
        ("project/src", "pkg"),
        ("project/src/pkg", "main.py"),
        ("project/tests", "../src"),
        ("project/tests", "test_main.py"),
        ("", "project/src"),
        ("elsewhere", "../project/src"),
        ("elsewhere", "{folder}/project/src"),
        ("configured", "../project/src"),
        ("elsewhere", "../plain"),
        ("elsewhere", "../plain/pkg/main.py"),
    ],
)
def test_what_other_files_say_is_known_from_everywhere(
    tmp_path: Path, here: str, given: str
) -> None:
    written(tmp_path / "project/src/pkg")
    written(tmp_path / "plain/pkg")
    for name in ("project/tests", "elsewhere", "configured"):
        (tmp_path / name).mkdir()
    (tmp_path / "project/pyproject.toml").write_text('[project]\nname = "pkg"\n')
    (tmp_path / "project/tests/test_main.py").write_text(MAIN)
    (tmp_path / "configured/jaxsight.toml").write_text('ignore = ["prng"]\n')
    done = check(tmp_path / here, given.format(folder=tmp_path), "--output-format", "concise")
    assert "error[key-reuse] `key` is used again by `draw`" in done.stdout, (
        done.stdout + done.stderr
    )
    assert "Found 1 error in " in done.stderr + done.stdout
