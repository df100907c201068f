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

NUMPY_RANDOM, RANDOM, FILES = "NumPy's random state", "Python's random state", "files"
SHARED = frozenset({NUMPY_RANDOM, RANDOM, FILES})

# Libraries whose functions keep no state that a later call sees, but for their settings.
_STATELESS = frozenset(
    [
        "jax",
        "jaxlib",
        "flax",
        "optax",
        "equinox",
        "chex",
        "jaxtyping",
        "numpyro",
        "haiku",
        "distrax",
        "jaxopt",
        "optimistix",
        "lineax",
        "diffrax",
        "einops",
        "ml_dtypes",
        "clu",
        "tqdm",
        "matplotlib",
        "seaborn",
        "rich",
        "tabulate",
        "wandb",
    ]
)
# Their functions leave their arguments alone and return new values that nothing else holds.
_FRESH = (
    "jax.numpy",
    "jax.random",
    "jax.nn",
    "jax.lax",
    "jax.scipy",
    "jax.device_count",
    "jax.local_device_count",
    "jax.process_index",
    "jax.process_count",
    "jax.block_until_ready",
    "math",
    "cmath",
    "time",
    "os.path",
    "copy.deepcopy",
    "matplotlib",
    "seaborn",
    "logging",
)
# Calls whose result cannot be changed in place, if their arguments cannot.
_FIXED = (
    *_FRESH[:5],
    "jax.jit",
    "jax.grad",
    "jax.value_and_grad",
    "jax.vmap",
    "jax.pmap",
    "jax.jacfwd",
    "jax.jacrev",
    "jax.hessian",
    "jax.checkpoint",
    "jax.remat",
    "jax.custom_vjp",
    "jax.custom_jvp",
    "jax.device_count",
    "jax.tree_util.Partial",
    "functools.partial",
    "optax",
    "haiku.transform",
    "haiku.without_apply_rng",
    "equinox",
    "flax.linen",
    "numpyro.distributions",
    "math",
    "time",
    "os.environ.get",
    "os.getenv",
    "os.path",
    "numpy.dtype",
    "numpy.float32",
    "numpy.float64",
    "numpy.int32",
    "numpy.int64",
    "numpy.prod",
    "numpy.sqrt",
    "numpy.log",
)
_SETTING = re.compile(
    r"(set|sets|enable|disable|register|unregister|use|install|patch|monkey|seed|config|configure|"
    r"initialize|initialise|deprecate|override|inject|autolog|setup)(_.*)?|.*_seeds?|seeds|Register.*"
)
_HARMLESS = (
    "matplotlib",
    "seaborn",
    "jax.config.read",
    "logging",
    "numpyro.handlers",
    "random",
    "optax",
)
# What these set up is their own, and is followed as their state.
_OWN_SETTINGS = frozenset({"tensorflow", "torch", "torchvision", "tensorflow_datasets"})
_DANGEROUS = (
    "sys",
    "importlib",
    "ctypes",
    "gc",
    "types",
    "inspect.currentframe",
    "inspect.stack",
    "inspect.getmodule",
    "runpy",
    "code",
    "unittest.mock",
    "mock",
    "imp",
    "site",
    "os.chdir",
    "os.environ",
    "os.putenv",
    "os.unsetenv",
    "signal",
    "atexit",
    "decimal.setcontext",
    "decimal.getcontext",
    "locale",
    "warnings.filterwarnings",
    "warnings.simplefilter",
    "warnings.catch_warnings",
    "warnings.resetwarnings",
    "numpy.seterr",
    "numpy.setbufsize",
    "gin",
)
_READS_ONLY = (
    "sys.argv",
    "sys.stdout",
    "sys.stderr",
    "sys.stdin",
    "sys.exit",
    "sys.version_info",
    "sys.version",
    "sys.platform",
    "sys.executable",
    "os.environ.get",
    "types.SimpleNamespace",
    "importlib.metadata",
    "importlib.resources",
)
_NUMPY_GENERATORS = ("default_rng", "Generator", "SeedSequence", "RandomState", "PCG64")
_NUMPY_FILES = ("load", "loadtxt", "genfromtxt", "fromfile", "memmap", "save", "savez", "savetxt")
_PURE_STANDARD = frozenset(
    [
        "math",
        "cmath",
        "time",
        "typing",
        "typing_extensions",
        "functools",
        "itertools",
        "operator",
        "collections",
        "enum",
        "abc",
        "copy",
        "dataclasses",
        "re",
        "string",
        "datetime",
        "fractions",
        "decimal",
        "argparse",
        "json",
        "pprint",
        "textwrap",
        "contextlib",
        "warnings",
        "logging",
        "numbers",
        "statistics",
        "heapq",
        "bisect",
        "types",
        "struct",
        "hashlib",
        "base64",
        "zlib",
        "sys",
    ]
)


def below(dotted: str, names: tuple[str, ...]) -> bool:
    """Whether a dotted name is one of these or lies below one."""
    return any(dotted == name or dotted.startswith(f"{name}.") for name in names)


def setting(dotted: str) -> Optional[str]:
    """What calling a library's function may change for everybody, in words; None where nothing."""
    if below(dotted, _READS_ONLY) or below(dotted, _HARMLESS):
        return None
    if below(dotted, _DANGEROUS):
        return f"`{dotted}`"
    top, *rest = dotted.split(".")
    if top == "numpy" and rest[:1] == ["random"]:
        return None  # NumPy's random state is followed by itself
    if top in _OWN_SETTINGS:
        return None
    if any(_SETTING.fullmatch(word) for word in rest):
        return f"settings of {top}"
    return None


def is_fresh(dotted: str) -> bool:
    """Whether a call leaves its arguments alone and keeps none of them."""
    return below(dotted, _FRESH) and not dotted.endswith((".load", ".save", ".savez"))


def is_fixed(dotted: str) -> bool:
    """Whether what a call makes cannot be changed in place."""
    return below(dotted, _FIXED) and not dotted.endswith((".load", ".save", ".savez"))


def keeps_no_record(dotted: str) -> bool:
    """Whether a call leaves classes that it is given alone, and enters them nowhere."""
    return dotted.split(".")[0] in _STATELESS and setting(dotted) is None


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
    if top == "numpy":
        if rest[:1] == ["random"] and not (rest[1:] and rest[1] in _NUMPY_GENERATORS):
            yield NUMPY_RANDOM
        elif rest and rest[0] in _NUMPY_FILES:
            yield FILES
    elif dotted.startswith("jax.numpy."):
        if rest[-1] in _NUMPY_FILES:
            yield FILES
    elif top == "random":
        yield RANDOM
    elif top in _STATELESS or top in _PURE_STANDARD:
        return
    elif top in sys.stdlib_module_names:
        yield FILES
    else:
        yield from SHARED
        yield f"the state of {top}"


@cache
def is_library(top: str) -> bool:
    """Whether a module is installed or the standard library's, and none of the user's own."""
    if top in sys.stdlib_module_names or top in _STATELESS or top == "numpy":
        return True
    places = _places(top)
    # What is not installed fails where it is imported, whosoever it is.
    return places is None or not any(is_user_file(place) for place in places)


def is_missing(top: str) -> bool:
    """Whether nothing of this name can be imported."""
    return top not in sys.stdlib_module_names and _places(top) is None


@cache
def _places(top: str) -> Optional[tuple[str, ...]]:
    """Where a module lies; None where it is nowhere."""
    try:
        spec = find_spec(top)
    except (ImportError, ValueError, AttributeError):
        return ()
    if spec is None:
        return None
    places = [spec.origin] if spec.origin else list(spec.submodule_search_locations or [])
    return tuple(map(str, places)) or ("",)
