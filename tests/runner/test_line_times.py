"""Times of operations by source line: from texts and traces as the compilers and profilers write them."""

from __future__ import annotations

import gzip
import json
import sysconfig
from pathlib import Path

import pytest

from jaxsight_runner.program.operations import Operations
from jaxsight_runner.protocol import SourceLocation
from jaxsight_runner.timing.line_times import Event, busy, events_in, own_times, report

LIBRARY = f"{sysconfig.get_path('purelib')}/flax/linear.py"

FRAMES = f"""HloModule jit_f, is_scheduled=true

FileNames
1 "{LIBRARY}"
2 "/home/a/train.py"

FunctionNames
1 "f"

FileLocations
1 {{file_name_id=2 function_name_id=1 line=30 end_line=30 column=3 end_column=9}}
2 {{file_name_id=2 function_name_id=1 line=7 end_line=7 column=3 end_column=9}}
3 {{file_name_id=1 function_name_id=1 line=99 end_line=99 column=3 end_column=9}}

StackFrames
1 {{file_location_id=1 parent_frame_id=PARENT_1}}
2 {{file_location_id=2 parent_frame_id=PARENT_2}}
3 {{file_location_id=3 parent_frame_id=PARENT_3}}

%fused_computation (p: f32[8]) -> f32[8] {{
  %p = f32[8]{{0}} parameter(0)
  %sin.1 = f32[8]{{0}} sine(%p), metadata={{op_name="jit(f)/sin" stack_frame_id=1}}
  ROOT %mul.1 = f32[8]{{0}} multiply(%sin.1, %sin.1), metadata={{op_name="jit(f)/mul" stack_frame_id=2}}
}}

ENTRY %main (x: f32[8]) -> f32[8] {{
  %x = f32[8]{{0}} parameter(0)
  %dot.2 = f32[8]{{0}} dot(%x, %x), metadata={{op_name="jit(f)/dot" stack_frame_id=3}}
  ROOT %fusion = f32[8]{{0}} fusion(%dot.2), kind=kLoop, calls=%fused_computation
}}
"""
OLDER = f"""HloModule jit_f

%parallel_tanh (p: f32[8]) -> f32[8] {{
  %p = f32[8] parameter(0)
  ROOT %tanh.clone = f32[8] tanh(f32[8] %p), metadata={{op_name="t" source_file="/home/a/train.py" source_line=7}}
}}

ENTRY %main.5 (x: f32[8]) -> f32[8] {{
  %x = f32[8] parameter(0)
  %call.1 = f32[8] call(f32[8] %x), to_apply=%parallel_tanh
  ROOT %dot = f32[8] dot(f32[8] %call.1, f32[8] %x), metadata={{op_name="d" source_file="{LIBRARY}" source_line=3}}
}}
"""


def at(line: int) -> SourceLocation:
    return SourceLocation("/home/a/train.py", line)


@pytest.mark.parametrize("parents", [("1", "2", "3"), ("0", "1", "2")])
def test_operations_have_the_innermost_line_of_the_user(parents: tuple[str, ...]) -> None:
    """Callers are counted from 0 or from 1."""
    text = FRAMES
    for number, parent in enumerate(parents, 1):
        text = text.replace(f"PARENT_{number}", parent)
    operations = Operations(text)
    assert operations.place("dot.2") == at(7)  # through the library's frame
    assert operations.place("fusion") == at(7)  # as its result, the root of what is fused
    assert operations.fused("fusion") == {at(7), at(30)}
    assert operations.shares("fusion") == {at(30): 10 / 11, at(7): 1 / 11}  # sine, multiply
    assert operations.fused("dot.2") == set() and operations.shares("dot.2") == {}
    assert operations.name == "jit_f"
    assert "fusion" in operations and "nothing" not in operations


def test_operations_of_older_compilers_name_their_lines_themselves() -> None:
    operations = Operations(OLDER)
    assert operations.place("call.1") == at(7)
    assert operations.place("tanh.clone") == at(7)
    assert operations.place("dot") is None


def test_an_operation_has_its_own_time_only() -> None:
    row, other = (1, 1), (1, 2)
    events = [
        Event(row, "jit_f", "while", 0.0, 10.0),
        Event(row, "jit_f", "sin", 1.0, 3.0),
        Event(row, "jit_f", "call", 5.0, 4.0),
        Event(row, "jit_f", "dot", 5.0, 3.0),
        Event(row, "jit_f", "next", 10.0, 1.0),
        Event(other, "jit_f", "sin", 8.0, 4.0),
    ]
    own = sorted((event.operation, seconds) for event, seconds in own_times(events))
    assert own == [
        ("call", 1.0),
        ("dot", 3.0),
        ("next", 1.0),
        ("sin", 3.0),
        ("sin", 4.0),
        ("while", 3.0),
    ]
    assert busy(events) == 12.0


def test_the_time_of_a_fusion_is_split_over_its_lines_and_called_an_estimate() -> None:
    operations = Operations(FRAMES.replace("PARENT_", ""))
    events = [
        Event((1, 1), "jit_f", "fusion", 0.0, 2.2),
        Event((1, 1), "jit_f", "dot.2", 3.0, 1.0),
    ]
    lines = report(events, operations, 2, "", "/home/a/train.py").lines
    found = {one.line: (one.seconds, one.estimated, one.fused_with) for one in lines}
    assert found == {
        30: (pytest.approx(1.0), pytest.approx(1.0), (7,)),
        7: (pytest.approx(0.6), pytest.approx(0.1), (30,)),
    }
    assert sum(one.share for one in lines) == pytest.approx(1.0)


def test_a_device_that_shows_operations_and_kernels_counts_once(tmp_path: Path) -> None:
    entries = [
        {"ph": "M", "name": "thread_name", "pid": 1, "tid": 9, "args": {"name": "XLA Ops"}},
        {"ph": "X", "name": "k", "pid": 1, "tid": 3, "ts": 5, "dur": 2, "args": {"hlo_op": "dot"}},
        {"ph": "X", "name": "d", "pid": 1, "tid": 9, "ts": 5, "dur": 2, "args": {"hlo_op": "dot"}},
        {"ph": "X", "name": "h", "pid": 2, "tid": 3, "ts": 8, "dur": 1, "args": {"hlo_op": "add"}},
        {"ph": "X", "name": "other", "pid": 2, "tid": 3, "ts": 8, "dur": 1},
        {},
    ]
    with gzip.open(tmp_path / "vm.trace.json.gz", "wt") as file:
        json.dump({"traceEvents": entries}, file)
    found = list(events_in(tmp_path))
    assert [event.operation for event in found] == ["dot", "add"]
    assert found[0].duration == pytest.approx(2e-6)
