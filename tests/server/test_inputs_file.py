"""`.jaxsight/inputs.toml` is edited so that nothing of anybody's is lost."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from jaxsight_server.commands.capture import with_other
from jaxsight_server.running.inputs_file import (
    InputsFileError,
    entry_name,
    inputs_file,
    read_entries,
    write_entry,
)
from jaxsight_server.running.recorded_inputs import UnreadableInputs, recorded_input

WRITTEN = '''\
# ours, by hand

# about g
["b.py::g"]  # keep
# inside g
mine = """
["a.py::f"]
not a header"""
inputs = "y: f32[2]"

["b.py::g".statistics]
y = { min = 0.0 }

# about the list
[[other]]
x = 1
# the end
'''


@pytest.fixture
def place(tmp_path: Path) -> Path:
    place = inputs_file(tmp_path)
    place.parent.mkdir()
    place.write_text(WRITTEN)
    return place


def test_a_new_entry_goes_where_its_name_belongs_and_all_else_stays(place: Path) -> None:
    write_entry(
        place, "a.py::f", {"inputs": "x: f32[3],\nn = 2,\n", "statistics": {"x": {"min": 1}}}
    )

    text = place.read_text()
    entry = """["a.py::f"]\ninputs = '''\nx: f32[3],\nn = 2,\n'''\n\n["a.py::f".statistics]\n"x" = { min = 1 }\n"""
    assert text == WRITTEN.replace("# about g", f"{entry}\n# about g")


def test_an_entry_is_replaced_but_for_what_somebody_added(place: Path) -> None:
    write_entry(place, "b.py::g", {"inputs": "n = \"\\u00e9\\\"'''\"", "also": ["1 call: x", "2"]})

    text = place.read_text()
    assert text.startswith("# ours, by hand\n\n# about g\n")
    assert text.endswith("\n\n# about the list\n[[other]]\nx = 1\n# the end\n")
    assert "# inside g\n" in text
    found = read_entries(place)["b.py::g"]
    assert found == {
        "mine": '["a.py::f"]\nnot a header',
        "inputs": "n = \"\\u00e9\\\"'''\"",
        "also": ["1 call: x", "2"],
    }


def test_writing_the_same_again_changes_nothing(place: Path) -> None:
    for _ in range(2):
        write_entry(place, "c.py::h", {"inputs": "x: key"})
        write_entry(place, "b.py::g", {"inputs": "y: f32[2]"})
    once = place.read_text()
    write_entry(place, "c.py::h", {"inputs": "x: key"})

    assert place.read_text() == once
    assert list(read_entries(place)) == ["b.py::g", "c.py::h", "other"]


def test_a_file_of_other_line_ends_keeps_them(place: Path) -> None:
    place.write_bytes(WRITTEN.replace("\n", "\r\n").encode())
    write_entry(place, "a.py::f", {"inputs": "x: f32[3]"})

    data = place.read_bytes()
    assert data.count(b"\n") == data.count(b"\r\n")


def broken(place: Path) -> str:
    place.write_text("[broken\n")
    return "cannot read"


def not_utf8(place: Path) -> str:
    place.write_bytes(b"# \xff\n")
    return "cannot read"


def linked(place: Path) -> str:
    place.rename(place.with_name("elsewhere.toml"))
    place.symlink_to("elsewhere.toml")
    return "is a link"


def linked_folder(place: Path) -> str:
    place.parent.rename(place.parent.with_name("elsewhere"))
    place.parent.symlink_to("elsewhere")
    return "is a link"


def read_only(place: Path) -> str:
    place.chmod(0o444)
    return "read-only"


def _may_not(_path: Path, _mode: int) -> bool:
    return False


def a_table_of_somebodys(place: Path) -> str:
    place.write_text('["a.py::f"]\nx = 1\n["a.py::f".mine]\ny = 2\n')
    return "was not added"


@pytest.mark.parametrize(
    "spoil", [broken, not_utf8, linked, linked_folder, read_only, a_table_of_somebodys]
)
def test_a_file_that_cannot_be_written_is_named_and_loses_nothing(
    place: Path, spoil: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(spoil)
    words = str(spoil(place))
    if spoil is read_only:  # root may write to every file
        monkeypatch.setattr("os.access", _may_not)
    before = place.read_bytes()

    with pytest.raises(InputsFileError, match=words) as error:
        write_entry(place, "a.py::f", {"inputs": "x: f32[3]"})

    assert str(place.parent) in str(error.value)
    assert place.read_bytes() == before
    assert not list(place.parent.glob("*.new"))


def test_an_entry_is_named_by_the_way_from_the_root() -> None:
    root = Path("/p")
    assert entry_name(root, Path("/p/a/../b.py"), "f") == "b.py::f"
    assert entry_name(root, Path("/q/b.py"), "A.g") == "/q/b.py::A.g"


def test_what_others_write_at_the_same_time_is_kept(tmp_path: Path) -> None:
    place = inputs_file(tmp_path)

    def write(name: str) -> None:
        for number in range(8):
            write_entry(place, f"{name}{number}.py::f", {"inputs": "x: f32[3]"})

    writers = [threading.Thread(target=write, args=(name,)) for name in "abc"]
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    assert len(read_entries(place)) == 24


def test_another_capture_of_the_function_is_kept_beside(tmp_path: Path) -> None:
    place = inputs_file(tmp_path)
    write_entry(place, "a.py::f", {"inputs": "x: f32[3],\ny: i32,\n", "captured": "2 calls of 2"})
    ours: dict[str, object] = {"inputs": "x: f32[4]", "also": ["1 call: x: f32[5]"]}
    write_entry(place, "a.py::f", ours, lambda now: with_other(ours, now))
    found = read_entries(place)["a.py::f"]
    assert found == {
        "inputs": "x: f32[4]",
        "also": ["1 call: x: f32[5]", "2 calls of 2: x: f32[3], y: i32"],
    }


def deep(place: Path) -> None:
    place.write_text("a = " + "[" * 100_000)


def large(place: Path) -> None:
    place.write_text("#" * 4_000_001)


def pipe(place: Path) -> None:
    os.mkfifo(place)


def device(place: Path) -> None:
    place.symlink_to("/dev/zero")


def folder(place: Path) -> None:
    place.mkdir()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (deep, "nested too deeply"),
        (large, "has 4 MB, and what people edit"),
        (pipe, "is no file"),
        (device, "is no file"),
        (folder, "is no file"),
    ],
)
def test_what_is_no_inputs_file_is_one_sentence(
    tmp_path: Path, spoil: Callable[[Path], None], words: str
) -> None:
    place = inputs_file(tmp_path)
    place.parent.mkdir()
    spoil(place)
    with pytest.raises(InputsFileError, match=words):
        read_entries(place)


def test_inputs_that_are_no_text_are_named(tmp_path: Path) -> None:
    write_entry(inputs_file(tmp_path), "a.py::f", {"inputs": 3})
    with pytest.raises(UnreadableInputs, match=r"the inputs of `a\.py::f` are no text"):
        recorded_input(tmp_path, tmp_path / "a.py", "f")
