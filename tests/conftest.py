"""What all tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes is the host's business.
settings.register_profile("any host", deadline=None)
settings.load_profile("any host")

HERE = Path(__file__).parent
REAL_RUNS = (  # each test starts a program that imports JAX, or an editor
    "analyzers/test_contexts_with_jax.py",
    "e2e/test_editors.py",
    "e2e/test_process.py",
    "runner/test_benchmark.py",
    "runner/test_side_by_side.py",
    "runner/test_gradients.py",
    "runner/test_inputs.py",
    "runner/test_faults.py",
    "runner/test_survival.py",
    "runner/test_zygote.py",
    "runner/test_sweeps.py",
    "server/test_runner_client.py",
)


@pytest.fixture(scope="session", autouse=True)
def cache_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what is cached out of the home of who runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def pytest_configure(config: pytest.Config) -> None:
    """Declares the marker that `make check` deselects."""
    config.addinivalue_line("markers", "slow: takes more than a few seconds; `make test` runs it")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the modules whose every test is slow."""
    for item in items:
        if item.path.relative_to(HERE).as_posix() in REAL_RUNS:
            item.add_marker(pytest.mark.slow)
