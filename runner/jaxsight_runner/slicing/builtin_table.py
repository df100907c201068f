"""What Python's own functions, and methods as most classes have them, do with values."""

from __future__ import annotations

_READ = """
abs bool bytes callable chr complex divmod float format hash hex id input int isinstance
issubclass len oct ord pow print range repr round slice str type
"""
_FIX = """
abs bool bytes chr complex float format hash int len ord pow range repr round slice str
"""
_LOOK = """
get keys items values copy index count astype mean sum max min std var reshape ravel flatten
transpose tolist item startswith endswith split strip lower upper format join exists is_file
is_dir resolve joinpath as_posix with_suffix trace
"""

READERS = frozenset(_READ.split())
"""Builtins that keep nothing of what they are given, and leave it as it is."""
FIXED = frozenset(_FIX.split())
"""Builtins that make what cannot be changed in place, of what cannot be."""
LOOKING = frozenset(_LOOK.split())
"""Methods that leave their object alone; their result may be a part of it."""
SETTERS = frozenset({"setattr", "delattr"})
RULES = ("register", "defvjp", "defjvp", "defjvps", "def_vmap", "def_fwd", "def_bwd", "setter")
"""Methods that give a function what it does not have by itself."""
HIDDEN = frozenset(
    {"exec", "eval", "compile", "globals", "locals", "vars", "__import__", "breakpoint"}
)
"""Builtins that may use any name of the module."""
INSIDES = frozenset(
    {"__globals__", "__code__", "__closure__", "cell_contents", "__builtins__", "f_globals"}
)
"""Attributes that lead from a function or a frame to the names of its module."""


def looks(chain: tuple[str, ...]) -> bool:
    """Whether a method, the last of the attributes read off a name, leaves its object alone."""
    return bool(chain) and chain[-1] in LOOKING
