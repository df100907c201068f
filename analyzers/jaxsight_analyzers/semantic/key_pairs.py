"""Two uses of one key that are meant: the same numbers again, or one order for what belongs together."""

from __future__ import annotations

import ast

from jaxsight_analyzers.semantic.keys import Consumption
from jaxsight_analyzers.semantic.trees import are_same

REORDERING = ("jax.random.permutation", "jax.random.choice")
"""What puts its argument into another order, drawn from a key."""


def begins_anew(one: Consumption, other: Consumption) -> bool:
    """Whether a test draws the same again: `state = init(key)` twice, or `layer(x, key)` in another mode.

    Two draws of the library itself are the same only if they are written the same.
    """
    first, second = one.node, other.node
    if not (isinstance(first, ast.Call) and isinstance(second, ast.Call)):
        return False
    if other.sampler and other.sampler in other.by:
        return are_same([first], [second], placed=False)
    return are_same([first.func], [second.func], placed=False)


def pairs(one: Consumption, other: Consumption) -> bool:
    """`permutation(key, x)` and `permutation(key, y)`: one order for two arrays that belong together."""
    if one.sampler != other.sampler or one.sampler not in REORDERING:
        return False
    first, second = one.node, other.node
    if not (isinstance(first, ast.Call) and isinstance(second, ast.Call)):
        return False
    direct = f"`{one.sampler}`"
    if one.by != direct or other.by != direct:
        return ast.dump(first) != ast.dump(second)  # a helper reorders: not the same array
    arrays = [call.args[1] for call in (first, second) if len(call.args) > 1]
    return len(arrays) == 2 and ast.dump(arrays[0]) != ast.dump(arrays[1])
