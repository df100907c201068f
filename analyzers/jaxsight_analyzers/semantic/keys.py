"""PRNG keys as owned values: which key a name holds, and which were used up on this path.

The words are JAX's own (`jax.experimental.key_reuse`): a function is a *source*, a *sink* or a
*forward* of keys. A key is followed by a token that travels with the value through assignments,
containers and calls; using it up is recorded in the flow state, per path.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from jaxsight_analyzers.diagnostic import Certainty


class KeyToken:
    """One key, or one array of keys. `parent` is the array of keys that it is an element of."""

    __slots__ = ("index", "name", "node", "owner", "parameter", "parent")

    def __init__(
        self,
        name: str,
        node: ast.AST,
        owner: object,
        parent: KeyToken | None = None,
        index: object = None,
    ) -> None:
        self.name = name
        self.node = node
        self.owner = owner  # the frame that made it
        self.parameter = False  # stands for an argument of that frame
        self.parent = parent
        self.index = index

    def lineage(self) -> Iterator[KeyToken]:
        """The token and the arrays of keys it lies in, from the inside out."""
        token: KeyToken | None = self
        while token is not None:
            yield token
            token = token.parent

    def __repr__(self) -> str:
        return f"<key {self.name}>"


class Test:
    """The test of a branch: what it reads, and its text for telling whether two are the same."""

    __slots__ = ("_text", "guards", "names", "node")

    def __init__(self, node: ast.expr, names: tuple[str, ...], guards: tuple[str, ...]) -> None:
        self.node = node
        self.names = names
        self.guards = guards
        self._text: str | None = None

    @property
    def counts(self) -> bool:
        """Whether it compares a name with a number, as in `i == 0`."""
        node = self.node
        return (
            isinstance(node, ast.Compare)
            and isinstance(node.left, ast.Name)
            and isinstance(node.ops[0], ast.Eq)
            and isinstance(node.comparators[0], ast.Constant)
            and isinstance(node.comparators[0].value, int)
        )

    @property
    def text(self) -> str:
        """The same for two tests that are written the same."""
        if self._text is None:
            self._text = ast.dump(self.node)
        return self._text


class Condition(NamedTuple):
    """A test that was true or false on the way here. `versions` are the values its names had then."""

    test: Test
    versions: tuple[object, ...]
    truth: bool

    def contradicts(self, other: Condition) -> bool:
        """Whether the two are one and the same test with different outcomes."""
        return (
            self.truth != other.truth
            and self.versions == other.versions
            and (self.test is other.test or self.test.text == other.test.text)
        ) or (
            # `if i == 0` in a loop holds in one iteration, and `i` is another in the next
            self.truth
            and other.truth
            and self.test is other.test
            and self.test.counts
            and self.versions != other.versions
        )


class Consumption(NamedTuple):
    """Where a key was used up, by what, and on which path."""

    node: ast.AST
    by: str
    certainty: Certainty
    conditions: tuple[Condition, ...]
    passes: tuple[
        tuple[int, int], ...
    ]  # (loop, iteration) for each loop around it, outermost first
    replaced: bool = False  # the path that used it up then gave its name another key

    def excludes(self, conditions: tuple[Condition, ...]) -> bool:
        """Whether no run takes both that path and this one: they differ about one and the same test."""
        return any(mine.contradicts(other) for mine in self.conditions for other in conditions)


Consumed = dict[KeyToken, Consumption]


def earlier_use(token: KeyToken, consumed: Consumed) -> Consumption | None:
    """How a key, an array of keys it lies in, or an element of it was used up before."""
    for ancestor in token.lineage():
        if ancestor in consumed and not consumed[ancestor].replaced:
            return consumed[ancestor]
    for other, use in consumed.items():
        if other.parent is not None and not use.replaced and token in other.lineage():
            return use
    return None


def join_consumed(one: Consumed, other: Consumed) -> Consumed:
    """What is used up after two paths meet: certainly only what both used up."""
    if one is other:
        return one
    joined: Consumed = {}
    for token in (*one, *(token for token in other if token not in one)):
        first, second = one.get(token), other.get(token)
        if first is not None and second is not None:
            joined[token] = _both(first, second)
        else:
            use = first or second
            assert use is not None
            joined[token] = Consumption(
                use.node, use.by, Certainty.MAYBE, use.conditions, use.passes, use.replaced
            )
    return joined


def _both(first: Consumption, second: Consumption) -> Consumption:
    """Used up on both paths: certain if certain on both, and under what both have in common."""
    common = tuple(condition for condition in first.conditions if condition in second.conditions)
    certainty = min(first.certainty, second.certainty)
    replaced = first.replaced and second.replaced
    return Consumption(first.node, first.by, certainty, common, first.passes, replaced)
