"""What makes a runner start sooner changes nothing: plain data, and imports without a search for garbage."""

from __future__ import annotations

import copy
import dataclasses
import gc
import importlib
import importlib.util
import pickle
import sys
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

import pytest

from jaxsight_runner.data import dataclass
from jaxsight_runner.loading import uncollected
from jaxsight_runner.protocol import BenchmarkOptions, BenchmarkRequest, Failure, decode, encode


def both(frozen: bool) -> list[Any]:
    """The same classes made by us and by the standard library."""

    def made(decorator: Any) -> Any:
        class Point:
            """A point."""

            x: int
            y: int = 2
            tags: list[str] = dataclasses.field(default_factory=list[str])

            def __post_init__(self) -> None:
                object.__setattr__(self, "sum", self.x + self.y)

        @decorator(frozen=frozen)
        class Named(decorator(frozen=frozen)(Point)):
            """A point with a name."""

            name: str = "p"

            def __repr__(self) -> str:
                return self.name

        return Point, Named

    return [made(dataclass), made(dataclasses.dataclass)]


@pytest.mark.parametrize("frozen", [True, False])
def test_data_is_what_the_standard_library_makes(frozen: bool) -> None:
    seen: list[list[object]] = []
    for point, named in both(frozen):
        one, other = point(1), named(1, tags=["t"], name="q")
        assert one == point(1, 2) != point(2) and one != (1, 2, [])
        assert other != point(1, tags=["t"]) and point(1, tags=["t"]) != other
        assert one.tags is not point(1).tags
        with pytest.raises(TypeError, match="x"):
            point()
        with pytest.raises(TypeError, match="z"):
            point(1, z=3)
        if frozen:
            with pytest.raises(dataclasses.FrozenInstanceError):
                one.x = 3
            with pytest.raises(dataclasses.FrozenInstanceError):
                del one.x
            assert hash(point(1, tags=())) == hash((1, 2, ()))
        else:
            one.x = 3
            assert one != point(1)
            with pytest.raises(TypeError, match="unhashable"):
                hash(one)
        seen.append(
            [
                repr(one).rpartition(".")[2],
                repr(other),
                dataclasses.asdict(other),
                dataclasses.replace(other, x=5).sum,
                [(item.name, item.type) for item in dataclasses.fields(named)],
                named.__match_args__,
                vars(copy.copy(other)),
            ]
        )
    assert seen[0] == seen[1]


def test_a_message_survives_a_copy_and_the_wire() -> None:
    request = BenchmarkRequest("a.py", "", "f", options=BenchmarkOptions(seconds=2.0))
    assert pickle.loads(pickle.dumps(request)) == request
    assert decode(encode(request, "j")) == (request, "j")
    assert len({request, copy.deepcopy(request), dataclasses.replace(request, text="x")}) == 2
    assert Failure("crash", "it died") == Failure(kind="crash", message="it died", line=None)


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that a library called `optax` can be imported from, as a job would."""
    before = sys.modules.pop("optax", None)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    ours = [
        uncollected.UncollectedImports() for _ in range(2)
    ]  # who ask all others, and each other
    monkeypatch.setattr(sys, "meta_path", [*ours, *sys.meta_path])
    yield tmp_path
    sys.modules.pop("optax", None)
    if before is not None:
        sys.modules["optax"] = before


def test_no_garbage_is_looked_for_while_a_library_is_imported(library: Path) -> None:
    (library / "optax.py").write_text(
        "import gc\ncollects = gc.isenabled()\nkept = [[] for _ in range(9)]\n"
    )
    optax = importlib.import_module("optax")
    assert not optax.collects and gc.isenabled() and not gc.get_freeze_count()
    assert optax.__spec__ is not None
    assert isinstance(optax.__spec__.loader, SourceFileLoader)
    assert optax.__loader__ is optax.__spec__.loader
    assert importlib.util.find_spec("optax") is optax.__spec__
    old = {id(item) for item in gc.get_objects(generation=2)}
    assert id(optax.kept[0]) in old
    again = importlib.reload(optax)
    assert again is optax and not optax.collects


def test_a_library_that_cannot_be_imported_fails_as_ever(library: Path) -> None:
    (library / "optax.py").write_text("import nothing_of_that_name\n")
    with pytest.raises(ModuleNotFoundError, match="nothing_of_that_name"):
        importlib.import_module("optax")
    assert gc.isenabled() and "optax" not in sys.modules


def test_a_program_that_collects_no_garbage_is_left_alone() -> None:
    gc.disable()
    try:
        with uncollected.uncollected():
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()
