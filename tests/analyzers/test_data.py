"""Our `dataclass` does what the standard one does, for what the analysers use of it."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import subprocess
import sys
from functools import cached_property
from typing import Any

import pytest

from jaxsight_analyzers import data
from jaxsight_analyzers.diagnostic import Span
from jaxsight_analyzers.source import SourceFile


def both(**options: bool) -> list[Any]:
    """The same class made by us and by the standard library."""

    def made(module: Any) -> Any:
        class Point:
            """A point."""

            x: int
            y: int = 2
            tags: list[str] = module.field(default_factory=list)
            note: str = module.field(default="", compare=False, metadata={"doc": "a note"})

            def shifted(self) -> Any:
                return module.replace(self, x=self.x + 1)

        return module.dataclass(Point, **options)

    return [made(data), made(dataclasses)]


@pytest.mark.parametrize("slots", [True, False])
@pytest.mark.parametrize("frozen", [True, False])
def test_construction_equality_text_and_replacement(frozen: bool, slots: bool) -> None:
    for point in both(frozen=frozen, slots=slots):
        one = point(1, note="here")
        assert (one.x, one.y, one.tags, one.note) == (1, 2, [], "here")
        assert one == point(1, 2) != point(2, 2)
        assert one != (1, 2, [])
        assert one.shifted() == point(2)
        assert one.tags is not point(1).tags
        assert repr(one).endswith("Point(x=1, y=2, tags=[], note='here')")
        assert point.__match_args__ == ("x", "y", "tags", "note")
        with pytest.raises(TypeError, match="x"):
            point()
        with pytest.raises(TypeError, match="z"):
            point(1, z=3)


@pytest.mark.parametrize("slots", [True, False])
def test_frozen_data_refuses_changes_and_unknown_names(slots: bool) -> None:
    for point in both(frozen=True, slots=slots):
        one = point(1)
        with pytest.raises(AttributeError):
            one.x = 2
        with pytest.raises(AttributeError):
            del one.x
        with pytest.raises((AttributeError, TypeError)):
            one.other = 1
        assert one.x == 1


def test_slotted_data_has_no_dictionary() -> None:
    for point in both(slots=True):
        assert not hasattr(point(1), "__dict__")


def test_only_frozen_data_has_a_hash() -> None:
    for point in both():
        with pytest.raises(TypeError, match="unhashable"):
            hash(point(1))
    assert hash(Span(1, 2)) == hash(Span(1, 2))
    assert len({Span(1, 2), Span(1, 2), Span(1, 3)}) == 2


def test_identity_where_equality_is_not_wanted() -> None:
    for point in both(eq=False):
        assert point(1) != point(1)
        assert len({point(1), point(1)}) == 2


def test_ordered_data_compares_field_by_field() -> None:
    assert Span(1, 5) < Span(2, 0) <= Span(2, 0) < Span(2, 1)
    assert Span(2, 1) > Span(2, 0) >= Span(2, 0)
    assert sorted([Span(2, 0), Span(1, 9), Span(1, 2)]) == [Span(1, 2), Span(1, 9), Span(2, 0)]
    other: Any = (1, 2)
    with pytest.raises(TypeError):
        assert Span(1, 2) < other


def test_a_subclass_has_the_fields_of_its_base_first() -> None:
    @data.dataclass(frozen=True, slots=True)
    class Base:
        x: int

    @data.dataclass(frozen=True, slots=True)
    class Derived(Base):
        y: int = 3

    assert repr(Derived(1)).endswith("Derived(x=1, y=3)")
    assert Derived(1) != Base(1)
    assert [item.name for item in data.fields(Derived)] == ["x", "y"]


def test_what_a_class_writes_itself_is_kept() -> None:
    @data.dataclass(frozen=True)
    class Named:
        name: str

        def __repr__(self) -> str:
            return self.name

        @cached_property
        def length(self) -> int:
            return len(self.name)

    assert repr(Named("abc")) == "abc"
    assert Named("abc").length == 3


def test_data_is_copied_and_pickled() -> None:
    assert pickle.loads(pickle.dumps(Span(1, 2))) == Span(1, 2)
    assert copy.deepcopy(SourceFile("a.py", "x")) == SourceFile("a.py", "x")


def test_checking_a_file_imports_nothing_that_is_slow_to_start(tmp_path: Any) -> None:
    """The standard `dataclasses` and what it imports were a third of the time to the first finding."""
    (tmp_path / "a.py").write_text("import jax\n")
    program = (
        "import sys; from jaxsight_server.cli import main; main(['check', 'a.py']); "
        "print(*sys.modules, file=sys.stderr)"
    )
    run = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {program}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    loaded = set(run.stderr.split())
    assert "jaxsight_analyzers.engine" in loaded
    slow = {"dataclasses", "inspect", "asyncio", "shutil", "tomllib", "difflib", "pathspec"}
    slow |= {"libcst", "pygls", "lsprotocol", "jax", "numpy", "jaxsight_analyzers.notebook"}
    assert not slow & loaded
