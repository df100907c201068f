"""Counts the floating-point operations of a compiled program, on one device, by line of the source."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import field
from typing import Optional

from jaxsight_runner.data import dataclass
from jaxsight_runner.program.instructions import Executable, Running
from jaxsight_runner.protocol import SourceLocation

_ELEMENTWISE = frozenset(
    (
        "abs",
        "add",
        "and",
        "atan2",
        "cbrt",
        "ceil",
        "clamp",
        "compare",
        "complex",
        "cosine",
        "divide",
        "erf",
        "exponential",
        "exponential-minus-one",
        "floor",
        "imag",
        "is-finite",
        "log",
        "log-plus-one",
        "logistic",
        "maximum",
        "minimum",
        "multiply",
        "negate",
        "not",
        "or",
        "popcnt",
        "power",
        "real",
        "remainder",
        "round-nearest-afz",
        "round-nearest-even",
        "rsqrt",
        "select",
        "shift-left",
        "shift-right-arithmetic",
        "shift-right-logical",
        "sign",
        "sine",
        "sqrt",
        "subtract",
        "tan",
        "tanh",
        "xor",
    )
)
_TRANSCENDENTAL = frozenset(
    (
        "atan2",
        "cbrt",
        "cosine",
        "erf",
        "exponential",
        "exponential-minus-one",
        "log",
        "log-plus-one",
        "logistic",
        "power",
        "sine",
        "tan",
        "tanh",
    )
)
_REDUCTIONS = frozenset(("reduce", "reduce-window", "all-reduce", "reduce-scatter"))
_CONTRACTED = re.compile(r"lhs_contracting_dims=\{([\d,]*)\}")
_LABELS = re.compile(r"dim_labels=\w+_(\w+)->")
_TARGET = re.compile(r'custom_call_target="([^"]*)"')
_PRODUCTS = ("matmul", "gemm")
# custom calls that compute nothing
_FREE = ("Sharding", "SPMD", "AllocateBuffer", "annotate", "topk", "callback", "Topk", "Pipeline")


@dataclass
class Counted:
    """What one device does in one call."""

    flops: dict[Optional[SourceLocation], float] = field(
        default_factory=dict["Optional[SourceLocation]", float]
    )
    dtypes: dict[str, float] = field(default_factory=dict[str, float])  # of products
    unknown: set[str] = field(default_factory=set[str])

    @property
    def total(self) -> float:
        """Of all lines."""
        return sum(self.flops.values())

    @property
    def dtype(self) -> str:
        """That most products are computed in."""
        return max(self.dtypes, key=lambda one: self.dtypes[one]) if self.dtypes else "f32"


def count_work(executable: Executable) -> Counted:
    """FLOPs as XLA counts them, transcendentals as one each; bodies of loops as often as these turn."""
    return work_of(executable.running())


def work_of(running: Iterable[Running], transcendental: float = 1.0) -> Counted:
    """FLOPs of some instructions. `transcendental`: what an element of one counts."""
    counted = Counted()
    for one in running:
        flops = _flops(one, counted) * one.times
        flops *= transcendental if one.instruction.opcode in _TRANSCENDENTAL else 1.0
        if flops:
            counted.flops[one.place] = counted.flops.get(one.place, 0.0) + flops
    return counted


def _flops(one: Running, counted: Counted) -> float:
    instruction = one.instruction
    opcode, results = instruction.opcode, instruction.results
    if not results:
        return 0.0
    if opcode in _ELEMENTWISE:
        return float(results[0].size)
    if opcode in _REDUCTIONS:
        taken = sum(shape.size for shape in one.operands) // 2 if opcode == "reduce" else 0
        return float(max(taken, results[0].size))
    if opcode == "custom-call":
        product = _custom_call(one, counted)
    elif opcode == "dot":
        product = _product(one)
    elif opcode == "convolution":
        product = _convolution(one)
    else:
        return 0.0
    dtype = one.operands[0].dtype if one.operands else results[0].dtype
    counted.dtypes[dtype] = counted.dtypes.get(dtype, 0.0) + product * one.times
    return product


def _product(one: Running) -> float:
    found = _CONTRACTED.search(one.instruction.attributes)
    if found is None or not one.operands:
        return _product_of_shapes(one)
    left = one.operands[0].dims
    length = math.prod(left[int(axis)] for axis in found[1].split(",") if axis)
    factor = 8.0 if one.instruction.results[0].dtype.startswith("c") else 2.0
    return factor * one.instruction.results[0].size * length


def _product_of_shapes(one: Running) -> float:
    """Of b products of matrices [m, k] and [k, n]: the sizes multiplied are b^3 (m k n)^2."""
    result = one.instruction.results[0]
    if len(one.operands) < 2 or len(result.dims) < 2:
        return 0.0
    left, right = one.operands[:2]
    batch = math.prod(result.dims[:-2])
    return 2.0 * math.sqrt(left.size * right.size * result.size / max(batch, 1))


def _convolution(one: Running) -> float:
    """Two for each element of the result and of the kernel that makes it; padding counts."""
    found = _LABELS.search(one.instruction.attributes)
    if found is None or len(one.operands) < 2:
        return 0.0
    kernel = one.operands[1]
    place = found[1].find("o")
    features = kernel.dims[place] if 0 <= place < len(kernel.dims) else 1
    return 2.0 * one.instruction.results[0].size * kernel.size / max(features, 1)


def _custom_call(one: Running, counted: Counted) -> float:
    found = _TARGET.search(one.instruction.attributes)
    target = found[1] if found else ""
    if any(word in target for word in _PRODUCTS):
        return _product_of_shapes(one)
    if not any(word in target for word in _FREE):
        counted.unknown.add(target)
    return 0.0
