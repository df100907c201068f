"""A model of the time of one call on several devices. Nothing is measured, and everything assumed is named."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Optional

from jaxsight_runner.costs.equations import cost_of
from jaxsight_runner.costs.jaxprs import Operation
from jaxsight_runner.costs.line_costs import short_type
from jaxsight_runner.protocol import Collective, ScalingEstimate
from jaxsight_runner.sharding.accelerators import Accelerator

_PRODUCTS = ("dot_general", "conv_general_dilated", "ragged_dot", "ragged_dot_general")
_LOW_PRECISION = ("bf16", "f16")


def dtype_of_products(operations: Iterable[Operation]) -> Optional[str]:
    """In which type the program multiplies most; compilers for CPUs widen it."""
    sums: dict[str, float] = {}
    for one in operations:
        if one.name in _PRODUCTS:
            dtype = short_type(one.equation.invars[0].aval).partition("[")[0]
            work = cost_of(one.equation).flops * one.times
            sums[dtype] = sums.get(dtype, 0.0) + work
    return max(sums, key=lambda dtype: sums[dtype]) if sums else None


def estimate(
    flops: float,
    whole_flops: Optional[float],
    dtype: str,
    sent: Iterable[Collective],
    assumed: Accelerator,
) -> ScalingEstimate:
    """FLOPs of a device over its peak, and the bytes that it sends over its link.

    They overlap wholly at best (the longer of the two) and not at all at worst (their sum). No kernel reaches the
    peak, memory and latency are left out: read it as a bound on what sharding can do, and beside other shardings.
    After chapter 1 of How to Scale Your Model (jax-ml.github.io/scaling-book/roofline).
    """
    peak = assumed.bf16 if dtype in _LOW_PRECISION else assumed.f32
    compute = flops / peak
    communication = sum(one.sent for one in sent) / assumed.link
    return ScalingEstimate(
        accelerator=assumed.name,
        flops_per_second=peak,
        dtype=dtype,
        link_bytes_per_second=assumed.link,
        compute=compute,
        communication=communication,
        low=max(compute, communication),
        high=compute + communication,
        one_device=whole_flops / peak if whole_flops else None,
        source=assumed.source,
    )
