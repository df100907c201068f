"""Mistakes in files of installed packages: names of today become those that were removed."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from tests.analyzers.mutation import arrays
from tests.analyzers.mutation.program import Mutant, Program

FILES = {
    "flax": ("flax/training/train_state.py", "flax/jax_utils.py", "flax/nnx/training/optimizer.py"),
    "numpyro": ("numpyro/infer/util.py", "numpyro/infer/ensemble.py", "numpyro/optim.py"),
    "optax": ("optax/_src/transform.py", "optax/_src/alias.py", "optax/_src/linear_algebra.py"),
}
OF_EACH = 4
"""How many mutants are taken of a file: of all its places, evenly."""


def installed() -> Iterator[tuple[Program, Mutant]]:
    """The mutants; none of a package that is not installed."""
    for name, paths in FILES.items():
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        for path in paths:
            file = Path(str(distribution.locate_file(path)))
            if file.exists():
                program = Program(path, file.read_text(encoding="utf-8"))
                found = [m for m in arrays.removed_name(program) if program.text.isascii()]
                limit = min(OF_EACH, len(found))
                for number in range(limit):
                    yield program, found[number * len(found) // limit]
