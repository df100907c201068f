"""One function of the table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """A module that defines `f`, and what is to be said of the gradient of `f`."""

    name: str
    kind: str  # the kind of mistake, or of what looks like one and is none
    source: str  # the whole module
    inputs: str  # a spec: `x: f32[5]`, `x = jnp.zeros(3)`
    wrong: bool
    culprit: (
        str  # the text, stripped, of the line that a user has to look at; "" where nothing is wrong
    )
