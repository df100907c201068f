"""What accelerators are said to do, by those who make them: peaks for the estimate, never measurements.

FLOP/s are those of dense products of matrices. NVIDIA: datasheets of H100 SXM5, H200 and A100 80GB SXM; float32 as
TensorFloat-32, which JAX uses by default; NVLink's figure is for both directions, one of which counts. Google: Cloud
TPU documentation and J. Austin et al., How to Scale Your Model, 2025 (jax-ml.github.io/scaling-book), float32 in one
pass of bfloat16, which JAX uses by default; an all-reduce along one axis uses a link in both directions.
"""

from __future__ import annotations

from typing import Optional

from jaxsight_runner.data import dataclass


@dataclass(frozen=True)
class Accelerator:
    """One device by its maker's figures."""

    name: str
    words: tuple[str, ...]  # by which `device_kind` names it
    bf16: float  # FLOP/s
    f32: float
    link: float  # bytes per second that one device sends
    source: str


_NVIDIA = "NVIDIA's datasheet"
_GOOGLE = "Cloud TPU documentation"

ACCELERATORS: dict[str, Accelerator] = {
    "h100": Accelerator("NVIDIA H100 SXM", ("H100", "H200"), 989e12, 494e12, 450e9, _NVIDIA),
    "a100": Accelerator("NVIDIA A100 SXM", ("A100",), 312e12, 156e12, 300e9, _NVIDIA),
    "v4": Accelerator("TPU v4", ("TPU v4",), 275e12, 275e12, 90e9, _GOOGLE),
    "v5e": Accelerator("TPU v5e", ("TPU v5 lite", "TPU v5e"), 197e12, 197e12, 90e9, _GOOGLE),
    "v5p": Accelerator("TPU v5p", ("TPU v5p", "TPU v5"), 459e12, 459e12, 180e9, _GOOGLE),
    "v6e": Accelerator("TPU v6e", ("TPU v6 lite", "TPU v6e"), 918e12, 918e12, 180e9, _GOOGLE),
}
DEFAULT = "h100"


def accelerator(name: Optional[str], device_kind: str) -> Optional[Accelerator]:
    """By the name that the user gives, else the device at hand, else the default; None for an unknown name."""
    if name is not None:
        return ACCELERATORS.get(name.lower())
    for one in ACCELERATORS.values():
        if any(word in device_kind for word in one.words):
            return one
    return ACCELERATORS[DEFAULT]
