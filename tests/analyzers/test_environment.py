"""Versions of libraries, read from disk only."""

from __future__ import annotations

from pathlib import Path

import pytest

from jaxsight_analyzers.config import Config
from jaxsight_analyzers.environment import (
    find_interpreter,
    find_libraries,
    library_versions,
    site_packages,
)


@pytest.fixture(autouse=True)
def no_active_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "project" / ".git").mkdir(parents=True)


def environment(prefix: Path, *installed: str, lib: str = "lib/python3.11/site-packages") -> Path:
    python = prefix / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    (prefix / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.11.7\n")
    for name in installed:
        (prefix / lib / name).mkdir(parents=True)
    return python


def test_versions_are_read_from_the_names_of_metadata_folders(tmp_path: Path) -> None:
    python = environment(
        tmp_path / "env",
        "jax-0.6.2.dist-info",
        "orbax_checkpoint-0.11.5.dist-info",
        "dm_haiku-0.0.14-py3.11.egg-info",
        "numpy-2.0.0.dist-info",
        "jaxtyping-0.3.dist-info",
    )

    versions = library_versions(tmp_path / "project", python, Config())

    assert versions == {"jax": "0.6.2", "orbax-checkpoint": "0.11.5", "dm-haiku": "0.0.14"}


def test_of_two_versions_in_one_folder_the_newer_counts(tmp_path: Path) -> None:
    python = environment(tmp_path / "env", "jax-0.9.0.dist-info", "jax-0.10.0.dist-info")

    assert library_versions(tmp_path / "project", python, Config()) == {"jax": "0.10.0"}


@pytest.mark.parametrize("folder", ["lib64/python3.11/site-packages", "Lib/site-packages"])
def test_other_layouts_are_known(tmp_path: Path, folder: str) -> None:
    python = environment(tmp_path / "env", "jax-0.6.2.dist-info", lib=folder)

    assert library_versions(tmp_path / "project", python, Config()) == {"jax": "0.6.2"}


def test_an_environment_on_windows_has_its_interpreter_in_scripts(tmp_path: Path) -> None:
    python = tmp_path / "env" / "Scripts" / "python.exe"
    python.parent.mkdir(parents=True)
    python.touch()
    packages = tmp_path / "env" / "Lib" / "site-packages"
    packages.mkdir(parents=True)

    assert site_packages(python) == (packages,)


def test_another_pythons_packages_do_not_count(tmp_path: Path) -> None:
    python = environment(tmp_path / "env", "jax-0.6.2.dist-info", lib="lib/python3.9/site-packages")

    assert library_versions(tmp_path / "project", python, Config()) == {}


def test_an_environment_that_sees_the_systems_packages_is_asked_first(tmp_path: Path) -> None:
    python = environment(tmp_path / "env", "jax-0.6.2.dist-info")
    system = tmp_path / "system" / "lib" / "python3.11" / "site-packages"
    (system / "jax-0.4.1.dist-info").mkdir(parents=True)
    (system / "optax-0.2.4.dist-info").mkdir()
    (tmp_path / "env" / "pyvenv.cfg").write_text(
        f"home = {tmp_path}/system/bin\ninclude-system-site-packages = true\nversion = 3.11.7\n"
    )

    versions = library_versions(tmp_path / "project", python, Config())

    assert versions == {"jax": "0.6.2", "optax": "0.2.4"}


def test_an_environment_in_the_project_or_above_it_is_found_up_to_the_repository(
    tmp_path: Path,
) -> None:
    outside = environment(tmp_path / ".venv")
    project = tmp_path / "project"
    (project / "sub").mkdir()
    assert find_interpreter(project / "sub") is None

    python = environment(project / "venv")
    assert find_interpreter(project / "sub") == python
    assert outside.exists()


def test_the_setting_then_the_project_then_the_active_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "project"
    active = environment(tmp_path / "active")
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "active"))
    assert find_interpreter(project) == active

    own = environment(project / ".venv")
    assert find_interpreter(project) == own


def test_order_of_sources(tmp_path: Path) -> None:
    project = tmp_path / "project"
    python = environment(tmp_path / "env", "jax-0.6.2.dist-info", "flax-0.10.0.dist-info")
    (project / "uv.lock").write_text(
        '[[package]]\nname = "flax"\nversion = "0.1"\n\n[[package]]\nname = "optax"\nversion = "0.2.4"\n'
    )
    (project / "requirements.txt").write_text(
        "# libraries\noptax==0.1\nchex[extra] >= 0.1.89  # x\nequinox\n"
    )
    (project / "pyproject.toml").write_text(
        '[project]\ndependencies = ["numpyro>=0.18,<1", "chex>=9", "jaxlib"]\n'
        '[tool.poetry.dependencies]\njaxopt = "^0.8"\n'
    )

    libraries = find_libraries(project, python, Config(versions={"jax": "0.5"}))

    assert [(library.name, library.version) for library in libraries] == [
        ("jax", "0.5"),
        ("flax", "0.10.0"),
        ("optax", "0.2.4"),
        ("numpyro", "0.18"),
        ("chex", "0.1.89"),
        ("jaxopt", "0.8"),
    ]
    assert [Path(library.origin).name for library in libraries] == [
        "settings",
        "site-packages",
        "uv.lock",
        "pyproject.toml",
        "requirements.txt",
        "pyproject.toml",
    ]


def test_an_interpreter_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    assert (
        library_versions(tmp_path / "project", tmp_path / "no" / "bin" / "python", Config()) == {}
    )
