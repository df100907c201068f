"""Which files a run looks at."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jaxsight_analyzers.config import Config
from jaxsight_analyzers.discovery import MAX_BYTES, Found, find_files
from jaxsight_analyzers.project import disk


def tree(root: Path, *files: str) -> None:
    for name in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x = 1\n")


def found_in(root: Path, *paths: Path, config: Config | None = None) -> Found:
    return find_files(paths or (root,), config or Config(), root)


def names(root: Path, *paths: Path, config: Config | None = None) -> list[str]:
    found = found_in(root, *paths, config=config)
    assert found.errors == ()
    return [path.relative_to(root).as_posix() for path in found.files]


def test_python_files_and_notebooks_are_found_in_order(tmp_path: Path) -> None:
    tree(tmp_path, "b.py", "a/z.pyi", "a/n.ipynb", "a.py", "a/notes.txt", "c.pyc")

    assert names(tmp_path) == ["a/n.ipynb", "a/z.pyi", "a.py", "b.py"]


def test_environments_caches_and_build_folders_are_skipped(tmp_path: Path) -> None:
    tree(tmp_path, "a.py", ".venv/x.py", "build/x.py", "node_modules/x.py", "__pycache__/x.py")
    tree(tmp_path, "myenv/lib/x.py", "myenv/pyvenv.cfg", "conda/x.py", "conda/conda-meta/history")

    assert names(tmp_path) == ["a.py"]


def test_a_file_or_folder_that_is_named_is_checked_whatever_the_settings_say(
    tmp_path: Path,
) -> None:
    tree(tmp_path, "build/x.py", "script", "skip/y.py")
    config = Config(exclude=("skip",), root=str(tmp_path))

    paths = (tmp_path / "build", tmp_path / "script", tmp_path / "skip" / "y.py")
    assert names(tmp_path, *paths, config=config) == ["build/x.py", "script", "skip/y.py"]


def test_exclude_takes_away_and_include_brings_back(tmp_path: Path) -> None:
    tree(tmp_path, "src/a.py", "src/gen_pb2.py", "build/made/b.py", "dist/c.py", "docs/d.py")
    config = Config(
        include=("src/**/*.py", "build/**/*.py"), exclude=("*_pb2.py",), root=str(tmp_path)
    )

    assert names(tmp_path, config=config) == ["build/made/b.py", "src/a.py"]


def test_gitignore_is_honoured_with_its_negations_and_nesting(tmp_path: Path) -> None:
    tree(tmp_path, "a.py", "gen/b.py", "keep_gen.py", "x_gen.py", "sub/c.py", "sub/d.py")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("gen/\n*_gen.py\n!keep_gen.py\n")
    (tmp_path / "sub" / ".gitignore").write_text("/c.py\n")

    assert names(tmp_path) == ["a.py", "keep_gen.py", "sub/d.py"]
    assert names(tmp_path, tmp_path / "sub") == ["sub/d.py"]


def test_a_gitignore_above_the_searched_folder_holds(tmp_path: Path) -> None:
    tree(tmp_path, "sub/c.py", "sub/d.py")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("sub/c.py\n")

    assert names(tmp_path, tmp_path / "sub") == ["sub/d.py"]


def test_a_broken_gitignore_line_is_passed_over(tmp_path: Path) -> None:
    tree(tmp_path, "a.py", "b.py")
    (tmp_path / ".gitignore").write_text("!\n/\n\\\nb.py\n")

    assert names(tmp_path) == ["a.py"]


def test_a_folder_that_include_names_is_searched_though_git_ignores_it(tmp_path: Path) -> None:
    tree(tmp_path, "made/a.py", "b.py")
    (tmp_path / ".gitignore").write_text("made/\n")
    config = Config(include=("*.py", "made/**"), root=str(tmp_path))

    assert names(tmp_path, config=config) == ["b.py", "made/a.py"]


def test_links_that_loop_end_and_a_file_is_named_by_its_real_place(tmp_path: Path) -> None:
    tree(tmp_path, "z/a.py")
    (tmp_path / "a_link").symlink_to(tmp_path / "z")
    (tmp_path / "z" / "loop").symlink_to(tmp_path)
    (tmp_path / "z" / "self").symlink_to(tmp_path / "z" / "self")

    assert names(tmp_path) == ["z/a.py"]


def test_a_linked_folder_outside_is_searched(tmp_path: Path) -> None:
    tree(tmp_path, "outside/a.py", "project/b.py")
    (tmp_path / "project" / "linked").symlink_to(tmp_path / "outside")

    assert names(tmp_path, tmp_path / "project") == ["project/b.py", "project/linked/a.py"]


def test_a_file_named_twice_is_checked_once(tmp_path: Path) -> None:
    tree(tmp_path, "a.py")

    assert names(tmp_path, tmp_path / "a.py", tmp_path, tmp_path / "a.py") == ["a.py"]


def test_a_path_that_is_missing_and_a_file_too_large_are_errors_and_the_rest_is_found(
    tmp_path: Path,
) -> None:
    tree(tmp_path, "a.py")
    (tmp_path / "large.py").write_bytes(b"#" * (MAX_BYTES + 1))

    found = found_in(tmp_path, tmp_path, tmp_path / "missing.py")

    assert found.files == (tmp_path / "a.py",)
    messages = {Path(error.path).name: error.message for error in found.errors}
    assert messages["large.py"].startswith("is larger than 5 MB")
    assert messages["missing.py"] == "there is no such file or folder"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are of POSIX systems")
def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    """Whoever reads a pipe waits for ever, and a device has no end."""
    tree(tmp_path, "a.py")
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "zeros.py").symlink_to("/dev/zero")

    found = found_in(tmp_path, tmp_path)

    assert found.files == (tmp_path / "a.py",)
    assert [Path(error.path).name for error in found.errors] == ["pipe.py", "zeros.py"]
    assert disk.read(str(tmp_path / "pipe.py")) is None
    assert disk.read(str(tmp_path / "zeros.py")) is None


def test_a_folder_without_files_is_no_error(tmp_path: Path) -> None:
    assert found_in(tmp_path) == Found((), ())


@pytest.mark.parametrize("folder", [".git", ".hg"])
def test_version_control_is_never_searched(tmp_path: Path, folder: str) -> None:
    tree(tmp_path, f"{folder}/hook.py")

    assert names(tmp_path) == []
