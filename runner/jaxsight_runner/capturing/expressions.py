"""Writes Python values as expressions that give them again in the target's module."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import math
import sys
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any, Optional, cast

from jaxsight_runner.capturing.tracers import class_of
from jaxsight_runner.signatures import signature_of

_LONGEST = 300


class Names:
    """The names of the target's module that importing it binds, and what they stand for."""

    def __init__(self, bound: Mapping[str, Any]) -> None:
        self._bound = bound
        self._found: dict[int, Optional[str]] = {}

    def of(self, value: Any) -> Optional[str]:
        """What the module calls an object: `relu`, `jnp.float32`, `nnx.relu`; None: it does not."""
        if id(value) not in self._found:
            self._found[id(value)] = self._search(value)
        return self._found[id(value)]

    def of_class(self, cls: type) -> Optional[str]:
        """A class as the module calls it, else by the module it is imported from."""
        if (name := self.of(cls)) is not None:
            return name
        name = f"{cls.__module__}.{cls.__qualname__}"
        private = "<" in name or cls.__module__ in ("builtins", "__main__")
        return None if private else name

    def _search(self, value: Any) -> Optional[str]:
        name = getattr(value, "__name__", None)
        for bound, one in self._bound.items():
            if one is value and not isinstance(value, (bool, int, str)):
                return bound
        if not isinstance(name, str) or not name.isidentifier():
            return None
        return next((path for path in self._through_modules(value, name)), None)

    def _through_modules(self, value: Any, name: str) -> Iterator[str]:
        for bound, module in self._bound.items():
            if not isinstance(module, ModuleType):
                continue
            if vars(module).get(name) is value:
                yield f"{bound}.{name}"
            for inner, part in list(vars(module).items()):
                public = not inner.startswith("_") and isinstance(part, ModuleType)
                if public and vars(part).get(name) is value:
                    yield f"{bound}.{inner}.{name}"


def expression(value: Any, names: Names) -> Optional[str]:
    """The value in Python; None where that cannot be known to give it again."""
    text = _expression(value, names)
    return text if text is not None and len(text) <= _LONGEST else None


def _expression(value: Any, names: Names) -> Optional[str]:
    if (
        value is None
        or value is ...
        or (isinstance(value, (bool, str, bytes)) and type(value) in _PLAIN)
    ):
        return repr(value)
    if type(value) in (int, float, complex):
        return _number(value)
    if isinstance(value, enum.Enum):
        cls = names.of_class(type(value))
        return f"{cls}.{value.name}" if cls and value.name.isidentifier() else None
    if type(value) in (tuple, list, set, frozenset, dict):
        return _container(value, names)
    if type(value) is slice:
        return repr(value) if "object" not in repr(value) else None
    return names.of(value) or _made(value, names)


_PLAIN = (bool, str, bytes)


def _number(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    return repr(value)


def _container(value: Any, names: Names) -> Optional[str]:
    if type(value) is dict:
        items_of = cast("dict[object, object]", value).items()
        pairs = [(_expression(key, names), _expression(item, names)) for key, item in items_of]
        if any(key is None or item is None for key, item in pairs):
            return None
        return "{" + ", ".join(f"{key}: {item}" for key, item in pairs) + "}"
    items = [_expression(item, names) for item in value]
    if any(item is None for item in items):
        return None
    inner = ", ".join(str(item) for item in items)
    if type(value) in (set, frozenset):
        return f"{type(value).__name__}([{inner}])"
    if type(value) is list:
        return f"[{inner}]"
    return f"({inner},)" if len(items) == 1 else f"({inner})"


def _made(value: Any, names: Names) -> Optional[str]:
    """A dtype, or a settings object: a dataclass whose fields can be written."""
    cls = class_of(value)
    if "numpy" in sys.modules and isinstance(value, sys.modules["numpy"].dtype):
        module = names.of(sys.modules["numpy"]) or names.of(sys.modules.get("jax.numpy"))
        return f"{module}.dtype({str(value)!r})" if module else None
    if not is_plain_dataclass(cls):
        return None
    name = names.of_class(cls)
    fields = [item for item in dataclasses.fields(value) if item.init]
    written = [_expression(getattr(value, item.name, None), names) for item in fields]
    if name is None or len(fields) != len(dataclasses.fields(value)) or None in written:
        return None
    return f"{name}(" + ", ".join(f"{f.name}={text}" for f, text in zip(fields, written)) + ")"


def is_plain_dataclass(cls: type) -> bool:
    """Whether calling it with its fields makes an object of it: nobody wrote an `__init__`."""
    code = getattr(cls.__init__, "__code__", None)
    return dataclasses.is_dataclass(cls) and getattr(code, "co_filename", "") == "<string>"


def construction(value: Any, names: Names) -> str:
    """How such an object may be made, with `...` for what only its user knows: `CNN(rngs=nnx.Rngs(0))`."""
    cls = class_of(value)
    if cls.__module__ == "builtins":
        return "..."
    name = names.of(cls) or cls.__qualname__.rpartition(".")[2]
    create = getattr(cls, "create", None)  # as train states are made
    make, how = (create, f"{name}.create") if inspect.ismethod(create) else (cls.__init__, name)
    try:
        parameters = list(signature_of(make).parameters.values())
    except (TypeError, ValueError):
        return f"{how}(...)"
    needed = [
        f"{one.name}={_SEEDS.get(one.name, '...')}"
        for one in parameters[0 if inspect.ismethod(make) else 1 :]
        if one.default is one.empty and one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
    ]
    return f"{how}({', '.join(needed if len(needed) <= 4 else ['...'])})"


_SEEDS = {"rngs": "nnx.Rngs(0)", "key": "jax.random.key(0)", "rng": "jax.random.key(0)"}
