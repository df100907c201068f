"""Imports of large libraries in which Python does not look for garbage: there is none, and looking takes time.

Measured: a tenth of what importing JAX takes. What was imported counts as old afterwards, as if it
had been looked through once, and everything of the user's is collected as ever.
"""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import Generator, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Optional

_LARGE = frozenset({"equinox", "flax", "jax", "numpyro", "optax"})
_OF_PYTHON = gc.get_freeze_count()  # 3.12 begins with some hundreds


@contextlib.contextmanager
def uncollected() -> Generator[None]:
    """While active, no garbage is looked for."""
    if not gc.isenabled() or gc.get_freeze_count() > _OF_PYTHON:  # somebody else sees to it
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()  # both together only make everything old
        gc.unfreeze()
        gc.enable()


class UncollectedImports(MetaPathFinder):
    """Has large libraries imported so, wherever the user's program imports them."""

    def __init__(self) -> None:
        self._looked_for: set[str] = set()

    def find_spec(
        self,
        fullname: str,
        path: Optional[Sequence[str]],
        target: Optional[ModuleType] = None,
    ) -> Optional[ModuleSpec]:
        """What the other finders find; only its loader is another one for a moment."""
        if fullname not in _LARGE or fullname in self._looked_for:
            return None
        self._looked_for.add(fullname)  # another finder may ask all of them, too
        try:
            return self._found(fullname, path, target)
        finally:
            self._looked_for.discard(fullname)

    def _found(
        self, fullname: str, path: Optional[Sequence[str]], target: Optional[ModuleType]
    ) -> Optional[ModuleSpec]:
        for finder in sys.meta_path:
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec = find(fullname, path, target) if find is not None else None
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    spec.loader = _Uncollected(spec.loader)
                return spec
        return None


class _Uncollected(Loader):
    """Stands before a library's own loader, and is gone when the library's first line runs."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> Optional[ModuleType]:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        with uncollected():
            self._loader.exec_module(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)
