"""Options of JAX that hold when the program imports it. JAX is not imported for them: the program may say first how."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Generator
from importlib import import_module
from typing import Union


@contextlib.contextmanager
def with_options(**options: Union[bool, str]) -> Generator[None]:
    """Import the program inside, and JAX is imported with these options.

    A program that sets `JAX_ENABLE_X64` in its first lines, before it imports JAX, is to be heard.
    """
    if "jax" in sys.modules:
        for name, value in options.items():
            import_module("jax").config.update(name, value)
        yield
        return
    ours = {name.upper(): str(value) for name, value in options.items()}
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        yield
        import_module("jax")  # unless the program has
    finally:
        for name, value in before.items():
            if os.environ.get(name) == ours[name]:
                _set(name, value)


def _set(name: str, value: Union[str, None]) -> None:
    if value is None:
        del os.environ[name]
    else:
        os.environ[name] = value
