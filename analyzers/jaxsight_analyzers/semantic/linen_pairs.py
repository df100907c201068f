"""What `apply` of a module of Flax Linen returns with `mutable=`: the output beside the updated collections."""

from __future__ import annotations

import ast

from jaxsight_analyzers.semantic.linen_events import PairUsedSeen
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.structures import items_of, sequence
from jaxsight_analyzers.semantic.values import Kind, Value, with_data


class Pair(tuple["Value", ...]):
    """The output of a module and its updated collections: what `apply` returns with `mutable=`."""

    call: ast.Call


def pair_of(call: ast.Call, output: Value | None, made: Value) -> Value:
    """What `apply` returns where it says which collections it changed."""
    value = sequence((made if output is None else output, made))
    if value.kind is not Kind.SEQUENCE:
        return value
    pair = Pair(items_of(value) or ())
    pair.call = call
    return with_data(value, pair)


def used(run: Run, node: ast.expr, value: Value, how: str) -> None:
    """Something is used as an array: perhaps such a pair, which is none."""
    if isinstance(value.data, Pair) and not run.frame.state.dead:
        seen = PairUsedSeen(node, value.data.call, how, run.guards)
        run.events.linen_pairs.append(seen)
