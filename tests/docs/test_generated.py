"""Generated files equal what the generator writes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def generate(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(root / "docs" / "generate.py"), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_generated_files_are_up_to_date() -> None:
    done = generate(ROOT, "--check")

    assert (done.returncode, done.stderr) == (0, "")


def test_a_stale_or_left_over_page_is_named(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    (tmp_path / "docs/rules/key-reuse.md").write_text("old")
    (tmp_path / "docs/rules/gone.md").write_text("of a rule that is no more")

    done = generate(tmp_path, "--check")

    assert done.returncode == 1
    assert "docs/rules/key-reuse.md is out of date" in done.stderr
    assert "docs/rules/gone.md is out of date" in done.stderr
