"""What is read from the text of an optimised module, in the spellings of several compilers and releases."""

from __future__ import annotations

import pytest

from jaxsight_runner.costs.jaxprs import Loops
from jaxsight_runner.program.instructions import Executable
from jaxsight_runner.protocol import Collective
from jaxsight_runner.sharding.collectives import collectives
from jaxsight_runner.sharding.groups import along, axes_of, groups_of
from jaxsight_runner.sharding.work import count_work

MESH = {"data": 4, "model": 2}


@pytest.mark.parametrize(
    ("attributes", "size", "axes"),
    [
        ("replica_groups={{0,2,4,6},{1,3,5,7}}, dimensions={0}", 4, ("data",)),
        ("replica_groups={{0,1},{2,3},{4,5},{6,7}}", 2, ("model",)),
        ("replica_groups=[4,2]<=[8]", 2, ("model",)),
        ("replica_groups=[2,4]<=[4,2]T(1,0)", 4, ("data",)),
        ("replica_groups=[1,8]<=[8]", 8, ("data", "model")),
        ("replica_groups={}", 8, ("data", "model")),
        ("replica_groups=mesh['axis_0'=4,'axis_1'=2] {'axis_0'}", 4, ("data",)),
        ("replica_groups=mesh['a'=4,'b'=2] {'a','b'}", 8, ("data", "model")),
        ("replica_groups=mesh['a'=8] {'a':(2)2}", 2, ()),
        ("source_target_pairs={{0,2},{2,4},{4,6},{6,0},{1,3},{3,5},{5,7},{7,1}}", 4, ("data",)),
        ("replica_groups={{0,3},{1,2},{4,7},{5,6}}", 2, ()),
    ],
)
def test_groups_in_every_spelling(attributes: str, size: int, axes: tuple[str, ...]) -> None:
    found, groups = groups_of(attributes, 8)
    assert (found, axes_of(groups, MESH)) == (size, axes)


def test_groups_along_axes() -> None:
    assert along(["model"], MESH) == frozenset(map(frozenset, [(0, 1), (2, 3), (4, 5), (6, 7)]))


MODULE = """HloModule jit_f, is_scheduled=true, num_partitions=8

%add (a: f32[], b: f32[]) -> f32[] {
  ROOT %sum = f32[] add(%a, %b)
}

%inner (p: (s32[], f32[8,16])) -> (s32[], f32[8,16]) {
  %w = f32[16,16]{1,0} parameter(0)
  %h = f32[8,16]{1,0:T(8,128)} parameter(1)
  %product = f32[8,16]{1,0} dot(%h, %w), lhs_contracting_dims={1}, rhs_contracting_dims={0}
  ROOT %all-reduce.1 = f32[8,16]{1,0} all-reduce(%product), channel_id=1, replica_groups=[4,2]<=[8], to_apply=%add
}

%outer (p: (s32[], f32[8,16])) -> (s32[], f32[8,16]) {
  %while.2 = (s32[], f32[8,16]{1,0}) while(%tuple.1), condition=%three, body=%inner, backend_config={"known_trip_count":{"n":"3"}}
}

%three (p: (s32[], f32[8,16])) -> pred[] {
  %limit = s32[] constant(5)
  ROOT %less = pred[] compare(%i, %limit), direction=LT
}

ENTRY %main (x: f32[8,16]) -> f32[8,16] {
  %x = f32[8,16]{1,0} parameter(0)
  %while.1 = (s32[], f32[8,16]{1,0}) while(%tuple), condition=%three, body=%outer
  %gather = (f32[2,16]{1,0}, f32[8,16]{1,0}) all-gather-start(f32[2,16]{1,0} %x), replica_groups={{0,2,4,6},{1,3,5,7}}, dimensions={0}
  %done = f32[8,16]{1,0} all-gather-done(%gather)
  %both = (f32[4]{0}, /*index=1*/bf16[6]{0}) all-reduce(%a, %b), replica_groups={}, to_apply=%add
  %scattered = bf16[3]{0} reduce-scatter(%b), replica_groups=[1,8]<=[8], to_apply=%add
  %call = (f32[2,8,16]{2,1,0}, u8[64]{0}) custom-call(f32[2,8,4]{2,1,0} %c, f32[2,4,16]{2,1,0} %d), custom_call_target="__onednn$matmul"
  ROOT %solve = f32[8]{0} custom-call(%x), custom_call_target="lapack_sgesdd"
}
"""


def _found(text: str, loops: Loops | None = None) -> dict[str, Collective]:
    return {
        f"{one.operation} {one.group}": one for one in collectives(Executable(text, loops), MESH)
    }


def test_a_module_of_several_compilers() -> None:
    found = _found(MODULE)
    assert Executable(MODULE).devices == 8
    inner = found["all-reduce 2"]  # in a loop of 3 turns, in one whose turns nobody names
    assert (inner.times, inner.count, inner.open_ended) == (3, 1, True)
    assert (inner.bytes, inner.axes) == (3 * 8 * 16 * 4, ("model",))
    assert inner.sent == 2 * (1 / 2) * inner.bytes
    gathered = found["all-gather 4"]
    assert (gathered.bytes, gathered.sent) == (8 * 16 * 4, 3 / 4 * 8 * 16 * 4)
    assert found["all-reduce 8"].bytes == 4 * 4 + 6 * 2
    scattered = found["reduce-scatter 8"]
    assert (scattered.bytes, scattered.sent) == (6, 7 * 6)


def test_a_loop_that_the_module_does_not_count_is_counted_where_all_loops_are_scans() -> None:
    inner = _found(MODULE, Loops({}, all_scans=True))["all-reduce 2"]
    assert (inner.times, inner.open_ended) == (15, False)


def test_work_is_counted_in_loops_and_in_libraries_of_products() -> None:
    counted = count_work(Executable(MODULE, Loops({}, all_scans=True)))
    products = 15 * 2 * 8 * 16 * 16 + 2 * 2 * 8 * 4 * 16
    reductions = 15 * 8 * 16 + 4 + 3
    assert counted.total == pytest.approx(products + reductions, rel=0.01)
    assert counted.unknown == {"lapack_sgesdd"}
    assert counted.dtype == "f32"
