"""Where a program waits for the device to give a value to Python.

NumPy reads arrays of a CPU through the buffer protocol, which no Python function sees: only on other devices is
`np.asarray(x)` among what is found.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any, Optional

from jaxsight_runner.failures import is_user_file
from jaxsight_runner.protocol import SourceLocation

_FILES = ("jax/_src/array.py", "jax/_src/numpy/array_methods.py")
_CONVERSIONS = {
    "__float__": "`float()`",
    "__int__": "`int()`",
    "__bool__": "a truth value",
    "__complex__": "`complex()`",
    "__index__": "an index",
    "__array__": "a NumPy array",
    "__format__": "a text",
    "__repr__": "a text",
    "__str__": "a text",
    "item": "`.item()`",
    "_item": "`.item()`",
    "tolist": "`.tolist()`",
    "tobytes": "`.tobytes()`",
}


Conversions = Counter[tuple[SourceLocation, str]]


@contextmanager
def watching_conversions() -> Generator[Conversions, None, None]:
    """Count conversions by line and kind while the block runs."""
    found: Conversions = Counter()

    def look(frame: FrameType, event: str, _argument: Any) -> None:
        code = frame.f_code
        if event != "call" or code.co_name not in _CONVERSIONS or not _is_array(code):
            return
        caller, place = frame.f_back, _user_line(frame)
        made_by_another = caller is not None and _is_array(caller.f_code)
        if place is not None and not made_by_another:
            found[place, _CONVERSIONS[code.co_name]] += 1

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        yield found
    finally:
        sys.setprofile(before)


def _is_array(code: CodeType) -> bool:
    return code.co_filename.replace("\\", "/").endswith(_FILES)


def _user_line(frame: FrameType) -> Optional[SourceLocation]:
    current: Optional[FrameType] = frame
    while current is not None:
        if is_user_file(current.f_code.co_filename):
            return SourceLocation(current.f_code.co_filename, current.f_lineno)
        current = current.f_back
    return None
