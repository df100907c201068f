"""What all tests share."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Declares the marker that `make check` deselects."""
    config.addinivalue_line("markers", "slow: takes more than a few seconds; `make test` runs it")
