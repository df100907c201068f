"""A model of the time of one call on several devices. Nothing is measured, and everything assumed is named."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Optional

from jaxsight_runner.protocol import Collective, ScalingEstimate
from jaxsight_runner.sharding.accelerators import Accelerator

_LOW_PRECISION = ("bf16", "f16")


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
