"""Answers for the specifications of the model: `reveal_value(x)`, `reveal_key(k)`, `reveal_contexts()` and its kin."""

from __future__ import annotations

import ast

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.semantic import avals
from jaxsight_analyzers.semantic.described import Described
from jaxsight_analyzers.semantic.events import RevealSeen
from jaxsight_analyzers.semantic.keys import Consumed, KeyToken, earlier_use
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.structures import entries_of, items_of
from jaxsight_analyzers.semantic.values import (
    MISSING,
    NEVER,
    UNKNOWN,
    Kind,
    OptionalValue,
    Value,
    function_of,
)

NAMES = ("reveal_value", "reveal_array", "reveal_key", "reveal_contexts", "reveal_effects")


def reveal(run: Run, node: ast.Call, what: str) -> Value:
    """Note what the model knows of the argument, and hand it on: a question may stand in an expression.

    What contexts and effects there are is told when all is known.
    """
    text, value, frame, asked = "", UNKNOWN, run.frame, None
    if node.args:
        value = run.evaluate(node.args[0])
        asked = function_of(value)
        if what == "reveal_array":
            text = avals.described(value)
        else:
            text = describe(value) if what == "reveal_value" else _describe_key(run, value)
    effects = tuple(frame.effects.seen.values())
    callees = tuple(frame.effects.callees.items())
    run.events.reveals.append(RevealSeen(node, what, text, frame, effects, callees, asked))
    return value


def describe(value: Value) -> str:
    """A value in words, for the specifications of the model."""
    if isinstance(value, OptionalValue):
        return f"{describe(value.some)} or None"
    words: list[str] = []
    if value.traced is not Certainty.NO:
        words.append("traced" if value.traced is Certainty.YES else "maybe traced")
        if value.concrete:
            words.append("with a concrete value")
    name = value.kind.value
    if value.kind is Kind.STATIC and value.data is not MISSING:
        name = f"static {value.data!r}"
    elif value.kind is Kind.IMPORTED:
        name = f"imported {value.data}"
    elif value.kind is Kind.MODULE:
        name = f"module {value.data.name}"  # type: ignore[attr-defined]
    elif value.kind is Kind.SEQUENCE:
        name = f"({', '.join(describe(item) for item in items_of(value) or ())})"
    elif value.kind is Kind.SERIES:
        name = "[]" if value.data is NEVER else f"[{describe(value.data)}, ...]"  # type: ignore[arg-type]
    elif value.kind is Kind.MAPPING:
        entries = entries_of(value) or {}
        name = "{" + ", ".join(f"{key!r}: {describe(item)}" for key, item in entries.items()) + "}"
    elif (number := value.given) is not None:
        name = f"array given as {number}"
    elif (function := function_of(value)) is not None:
        names = [function.qualname, *(t.qualified for t in function.transformations)]
        name = " < ".join(names)
    is_object = isinstance(value.data, Described) and value.kind is not Kind.TREE
    words.append(value.data.words if is_object else name)  # type: ignore[union-attr]
    return " ".join(words)


def _describe_key(run: Run, value: Value) -> str:
    """What a value is as a key, and whether it is used up: "fresh", "used up by ...", "maybe ..."."""
    tokens = run.ordered(value.tokens)
    if not tokens:
        followed = value.kind not in (Kind.KEY, Kind.KEYS)
        return "not a key" if followed else "a key that is not followed"
    what = "array of keys, " if value.kind is Kind.KEYS else ""
    if value.kind not in (Kind.KEY, Kind.KEYS):
        what = "perhaps a key, "
    state = run.frame.state
    states = [_state(token, state.consumed, value.kind) for token in tokens]
    used = next((text for text in states if text != "fresh"), "fresh")
    if used != "fresh" and "fresh" in states and not used.startswith("maybe "):
        used = f"maybe {used}"
    return what + used


def _state(token: KeyToken, consumed: Consumed, kind: Kind) -> str:
    use = earlier_use(token, consumed)
    if use is None:
        return "fresh"
    whole = any(ancestor in consumed for ancestor in token.lineage())
    maybe = "" if use.certainty is Certainty.YES else "maybe "
    partly = "partly " if kind is Kind.KEYS and not whole else ""
    return f"{maybe}{partly}used up by {use.by}"
