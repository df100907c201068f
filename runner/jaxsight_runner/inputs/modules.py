"""How to make the module that a method belongs to, where its class says all that is needed."""

from __future__ import annotations

import inspect
import sys
from typing import Any, Optional

from jaxsight_runner.signatures import signature_of

_KINDS = (("flax.nnx", "Module"), ("flax.linen", "Module"), ("equinox", "Module"))
_KEYS = ("key", "rng", "prng_key", "rng_key")


def is_module_class(owner: Any) -> bool:
    """Whether a class is a module of NNX, Linen or Equinox."""
    if not isinstance(owner, type):
        return False
    kinds = [getattr(sys.modules.get(place), name, None) for place, name in _KINDS]
    return any(isinstance(kind, type) and issubclass(owner, kind) for kind in kinds)


def construction(owner: type) -> tuple[str, bool]:
    """The expression that makes a module, and whether nothing in it is left to the user.

    Parameters with defaults keep them; a generator of keys is made with seed 0.
    """
    words: list[str] = []
    known = is_module_class(owner)
    for parameter in _required(owner) if known else ():
        value = _generator(owner, parameter)
        known = known and value is not None
        words.append(f"{parameter}={value or '...'}")
    if not is_module_class(owner):
        words = ["..."]
    return f"{owner.__name__}({', '.join(words)})", known


def _required(owner: type) -> list[str]:
    try:  # the class itself takes anything where a metaclass makes its instances
        parameters = list(signature_of(owner.__init__).parameters.values())[1:]
    except (TypeError, ValueError):
        return ["..."]
    free = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [
        item.name
        for item in parameters
        if item.default is inspect.Parameter.empty and item.kind not in free
    ]


def _generator(owner: type, parameter: str) -> Optional[str]:
    nnx = sys.modules.get("flax.nnx")
    if nnx is not None and issubclass(owner, nnx.Module):
        return "nnx.Rngs(0)" if parameter in ("rngs", "rng") else None
    return "jax.random.PRNGKey(0)" if parameter in _KEYS else None
