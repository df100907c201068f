"""Keeps the values of a call: with Orbax where it is installed, else as a file of NumPy's."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Optional

from jaxsight_runner.capturing.description import Argument, Array, host_copy
from jaxsight_runner.capturing.tracers import concrete

_MOST_BYTES = 1 << 30
_MOST_CALLS = 4
"""So many signatures keep the values of a call."""

Keep = Callable[[Sequence[Argument]], Optional[str]]


def keeper(folder: Path, notes: dict[str, None]) -> Keep:
    """Keeps a call's arrays in a new folder below this one, and says in which; None: it did not."""

    def keep(arguments: Sequence[Argument]) -> Optional[str]:
        place = folder / str(len(list(folder.iterdir())))
        if int(place.name) >= _MOST_CALLS:
            return None
        arrays = {one.name: _arrays(one) for one in arguments if one.value is not None}
        known = {name: found for name, found in arrays.items() if found is not None}
        for name in sorted(arrays.keys() - known.keys()):
            notes[
                f"the values of `{name}` are not kept: not all of its arrays have numbers here"
            ] = None
        if not any(known.values()):
            return None
        size = sum(one.nbytes for found in known.values() for one in found)
        if size > _MOST_BYTES:
            notes[f"the values are not kept: {size / 2**30:.1f} GiB are more than 1 GiB"] = None
            return None
        place.mkdir()
        _save(place, known, notes)
        return str(place)

    return keep


def _arrays(argument: Argument) -> Optional[list[Any]]:
    """The numbers of an argument's arrays, in the order of its spec."""
    copies = [_numbers(array) for array in argument.arrays]
    return None if any(copy is None for copy in copies) else copies


def _numbers(array: Array) -> Any:
    known = concrete(array.latest)
    shape = getattr(array.latest, "shape", None)
    base = getattr(known, "_base_array", None)  # of a typed key
    copy = host_copy(base if base is not None else known) if known is not None else None
    if copy is None or (base is None and copy.shape != shape):
        return None  # under `vmap`, or spread over processes
    return copy.copy()


def _save(place: Path, known: Mapping[str, list[Any]], notes: dict[str, None]) -> None:
    flat = {f"{name}.{i}": one for name, found in known.items() for i, one in enumerate(found)}
    dtypes = {key: str(one.dtype) for key, one in flat.items()}
    (place / "arrays.json").write_text(json.dumps(dtypes), "utf-8")
    if find_spec("orbax") is not None:
        try:
            import_module("orbax.checkpoint").PyTreeCheckpointer().save(
                place.absolute() / "orbax", flat
            )
            return
        except Exception as error:  # other versions of it, a trace going on
            first = str(error).partition("\n")[0][:200]
            notes[
                f"Orbax could not keep the values ({type(error).__name__}: {first}); NumPy did"
            ] = None
    else:
        notes["Orbax is not installed: the values are kept as a file of NumPy's"] = None
    numpy = sys.modules["numpy"]
    plain = {
        key: one.view(f"V{one.dtype.itemsize}") if one.dtype.kind == "V" else one
        for key, one in flat.items()
    }
    numpy.savez(place / "arrays.npz", **plain)
