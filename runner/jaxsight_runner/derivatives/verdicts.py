"""The verdict on a gradient, in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from jaxsight_runner.derivatives.checking import Checked
from jaxsight_runner.protocol import GradientFinding

Verdict = Literal["right", "wrong", "unsure"]


def judged(checked: Checked, findings: Sequence[GradientFinding]) -> tuple[Verdict, str]:
    """Right, wrong or unsure, and why."""
    errors = [finding for finding in findings if finding.level == "error"]
    if errors:
        return "wrong", errors[0].message
    leaves = (*checked.leaves, *checked.second_order)
    by = {
        name: [leaf for leaf in leaves if leaf.verdict == name]
        for name in ("unsure", "intended", "kink")
    }
    if by["unsure"]:
        paths = ", ".join(f"`{leaf.path}`" for leaf in by["unsure"][:4])
        return "unsure", f"no reliable numerical reference for {paths}"
    errors_seen = [
        leaf.error for leaf in leaves if leaf.error is not None and leaf.verdict == "right"
    ]
    alone = next((finding for finding in findings if finding.kind == "no-reverse"), None)
    text = f"{'forward' if alone else 'reverse'} mode agrees with differences"
    if errors_seen:
        text += f" to {max(errors_seen):.1g}, relative"
    if by["intended"]:
        text += "; mismatches are declared intended"
    if by["kink"]:
        text += "; not smooth at this point"
    if any(finding.kind == "trap" for finding in findings):
        text += "; but there is a trap"
    if alone is not None:
        text += "; it has no reverse mode"
    return "right", text
