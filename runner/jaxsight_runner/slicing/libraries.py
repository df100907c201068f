"""What calls into libraries can change besides their arguments.

The assumption every slice rests on: a function of an installed library changes its arguments, its
library's own state, and nothing else, unless it is one of those that set something up for everybody.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from typing import Optional

from jaxsight_runner.failures import is_user_file
from jaxsight_runner.slicing.library_table import known

NUMPY_RANDOM, RANDOM, FILES = "NumPy's random state", "Python's random state", "files"
SHARED = frozenset({NUMPY_RANDOM, RANDOM, FILES})

_SETTING = re.compile(
    r"(set|sets|enable|disable|register|unregister|use|install|patch|monkey|seed|config|configure|"
    r"initialize|initialise|deprecate|override|inject|autolog|setup)(_.*)?|.*_seeds?|seeds|Register.*"
)


def defines(dotted: str) -> bool:
    """Whether calling a library's function only sets something up, as a module that is imported may."""
    return known(dotted.split(".")[0], "defines") and not known(dotted, "runs")


def setting(dotted: str) -> Optional[str]:
    """What calling a library's function may change for everybody, in words; None where nothing."""
    if known(dotted, "looks") or known(dotted, "quiet"):
        return None
    if known(dotted, "everybodys"):
        return f"`{dotted}`"
    top, *rest = dotted.split(".")
    if top == "numpy" and rest[:1] == ["random"]:
        return None  # NumPy's random state is followed by itself
    if known(top, "own"):
        return None
    if any(_SETTING.fullmatch(word) for word in rest):
        return f"settings of {top}"
    return None


def is_fresh(dotted: str) -> bool:
    """Whether a call leaves its arguments alone and keeps none of them."""
    return known(dotted, "fresh") and not known(dotted, "files")


def is_fixed(dotted: str) -> bool:
    """Whether what a call makes cannot be changed in place."""
    return known(dotted, "fixed") and not known(dotted, "files")


def keeps_no_record(dotted: str) -> bool:
    """Whether a call leaves classes that it is given alone, and enters them nowhere."""
    return known(dotted.split(".")[0], "stateless") and setting(dotted) is None


def leaves_arguments(dotted: str) -> bool:
    """Whether a call changes none of its arguments; its result may be one of them."""
    top, *rest = dotted.split(".")
    if top == "numpy":
        words = ("copyto", "put", "place", "fill_diagonal", "putmask", "shuffle", "put_along_axis")
        return not any(word in words for word in rest)
    return dotted.startswith(("jax.", "wandb.", "functools.", "dataclasses.", "flax.struct."))


def touched(dotted: str) -> Iterator[str]:
    """What outside its arguments a call may read or change: files, random states, a library."""
    top, *rest = dotted.split(".")
    if top == "numpy" and rest[:1] == ["random"] and not known(dotted, "generator"):
        yield NUMPY_RANDOM
    elif known(dotted, "files"):
        yield FILES
    elif top == "numpy":
        return
    elif top == "random":
        yield RANDOM
    elif known(top, "stateless") or known(top, "pure"):
        return
    elif top in sys.stdlib_module_names:
        yield FILES
    else:
        yield from SHARED
        yield f"the state of {top}"


@cache
def is_library(top: str) -> bool:
    """Whether a module is installed or the standard library's, and none of the user's own."""
    if top in sys.stdlib_module_names or known(top, "stateless") or top == "numpy":
        return True
    found = places(top)
    # What is not installed fails where it is imported, whosoever it is.
    return found is None or not any(is_user_file(place) for place in found)


def is_missing(top: str) -> bool:
    """Whether nothing of this name can be imported."""
    return top not in sys.stdlib_module_names and places(top) is None


@cache
def places(top: str) -> Optional[tuple[str, ...]]:
    """Where a module lies; None where it is nowhere."""
    try:
        spec = find_spec(top)
    except (ImportError, ValueError, AttributeError):
        return ()
    if spec is None:
        return None
    found = [spec.origin] if spec.origin else list(spec.submodule_search_locations or [])
    return tuple(map(str, found)) or ("",)
