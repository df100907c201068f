"""PRNG keys as owned values: which key a name holds, and which were used up on this path.

The words are JAX's own (`jax.experimental.key_reuse`): a function is a *source*, a *sink* or a
*forward* of keys. A key is followed by a token that travels with the value through assignments,
containers and calls; using it up is recorded in the flow state, per path.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator
from typing import NamedTuple, cast

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.semantic import claims
from jaxsight_analyzers.semantic.trees import walk

Index = tuple[object, ...]
"""Where a key lies in an array of keys, or what was folded into it:

`("at", n)`, `("range", start, stop)`, `("text", source, versions)` of an index that is not a number,
`("pass", loops)` and `("body", node)` of an iteration, `("fold", ...)` and `("derive", by)` of a forward,
`("call", ...)` of an index that a call computed.
"""


class KeyToken:
    """One key, or one array of keys."""

    __slots__ = ("forwarded", "index", "length", "name", "node", "owner", "parameter", "parent")

    def __init__(self, name: str, node: ast.AST, owner: object, length: int | None = None) -> None:
        self.name = name
        self.node = node
        # The mark of the frame that made it: the frame itself would hold its keys.
        self.owner = owner
        self.parameter = False  # stands for an argument of that frame
        self.length = length  # of an array of keys, where that is known
        self.parent: KeyToken | None = None
        self.index: Index = ()
        self.forwarded = False

    @property
    def root(self) -> KeyToken:
        """The key or array of keys that this one comes from."""
        return self

    def lineage(self) -> Iterator[KeyToken]:
        """The token and the arrays of keys it lies in, from the inside out."""
        token: KeyToken | None = self
        while token is not None:
            yield token
            token = None if token.forwarded else token.parent

    def __repr__(self) -> str:
        return f"<key {self.name}>"


def made_in(owner: object, tokens: frozenset[KeyToken] | None) -> bool:
    """Whether these are keys that a frame made: neither an argument's, nor those of an iteration."""
    return bool(tokens) and all(
        one.owner is owner and not one.parameter and one.index[:1] in ((), ("range",))
        for token in tokens or ()
        for one in token.lineage()
    )


def constant_source(token: KeyToken) -> ast.Call | None:
    """The call that makes a key from nothing but constants: `jax.random.key(0)`."""
    node = token.node
    if token.parent is not None or token.parameter or not isinstance(node, ast.Call):
        return None
    named = token.name.rpartition(".")[2] in ("PRNGKey", "key")
    constant = all(isinstance(argument, ast.Constant) for argument in node.args)
    return node if named and node.args and constant and not node.keywords else None


_MOST_TOKENS = 16

MANY = frozenset((KeyToken("", ast.Module([], []), None), KeyToken("", ast.Module([], []), None)))
"""Stands for more keys than are told apart: nobody owns it, so that using it up says nothing."""


def any_of(tokens: frozenset[KeyToken]) -> frozenset[KeyToken]:
    """What may be any of some keys, as long as these are few."""
    return tokens if len(tokens) <= _MOST_TOKENS and MANY.isdisjoint(tokens) else MANY


class Loop:
    """One run of a loop, from its first iteration to its last."""

    __slots__ = ("node",)

    def __init__(self, node: ast.AST) -> None:
        self.node = node

    @property
    def iterated(self) -> ast.AST | None:
        """What it runs over."""
        return getattr(self.node, "iter", None)


Passes = tuple[tuple[Loop, int], ...]
"""The iterations that something is in: (loop, number of the iteration), the outermost loop first."""


class DerivedToken(KeyToken):
    """An element or a slice of an array of keys, or a key that was forwarded from another.

    Two of them are the same key where they come from the same key in the same way.
    """

    __slots__ = ("_hash", "_root")

    def __init__(
        self,
        name: str,
        node: ast.AST,
        parent: KeyToken,
        index: Index,
        *,
        length: int | None = None,
        forwarded: bool = False,
    ) -> None:
        super().__init__(name, node, parent.owner, length)
        self.parent = parent
        self.index = index
        self.forwarded = forwarded
        self._root = parent.root
        self._hash = hash((parent, index, forwarded))

    @property
    def root(self) -> KeyToken:
        """The key or array of keys that this one comes from."""
        return self._root

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, DerivedToken)
            and self.index == other.index
            and self.forwarded is other.forwarded
            and self.parent == other.parent
        )


def element(parent: KeyToken, index: Index, node: ast.AST, name: str) -> KeyToken:
    """The keys at an index of an array of keys; those of a slice are those of the array."""
    length = None
    if index[0] == "range":
        start, stop = cast("tuple[int, int | None]", index[1:])
        length = None if stop is None else stop - start
    if parent.parent is not None and parent.index[0] == "range" and not parent.forwarded:
        offset = cast("int", parent.index[1])
        if index[0] == "at":
            index = ("at", offset + cast("int", index[1]))
            return DerivedToken(name, node, parent.parent, index)
        if index[0] == "range":
            start, stop = cast("tuple[int, int | None]", index[1:])
            end = cast("int | None", parent.index[2]) if stop is None else offset + stop
            return DerivedToken(
                name, node, parent.parent, ("range", offset + start, end), length=length
            )
    return DerivedToken(name, node, parent, index, length=length)


def forward(parent: KeyToken, index: Index, node: ast.AST, name: str) -> KeyToken:
    """A key that is derived from another without using that up: the same data give the same key."""
    return DerivedToken(name, node, parent, index, forwarded=True)


def constant_index(length: int | None, number: int) -> Index | None:
    """The place of a constant index; None where it counts from an end that is not known."""
    if number < 0:
        if length is None:
            return None
        number += length
    return ("at", number)


def constant_slice(length: int | None, lower: int | None, upper: int | None) -> Index | None:
    """The places of a slice with constant bounds."""
    if length is not None:
        start, stop, _ = slice(lower, upper).indices(max(length, 0))
        return ("range", start, max(start, stop))
    start = lower or 0
    if start < 0 or (upper is not None and upper < 0):
        return None
    return ("range", start, None if upper is None else max(start, upper))


def _overlap(one: Index, other: Index) -> bool:
    """Whether two places in one array of keys have a key in common: a slice with a slice or an element."""
    first, second = _places(one), _places(other)
    if first is None or second is None:
        return False
    return max(first[0], second[0]) < min(first[1], second[1])


def _places(index: Index) -> tuple[float, float] | None:
    if index[0] == "at":
        place = cast("int", index[1])
        return place, place + 1
    if index[0] == "range":
        start, stop = cast("tuple[int, int | None]", index[1:])
        return start, math.inf if stop is None else stop
    return None


_STEADY = (
    ast.Name,
    ast.Constant,
    ast.Compare,
    ast.BoolOp,
    ast.UnaryOp,
    ast.BinOp,
    ast.cmpop,
    ast.boolop,
    ast.unaryop,
    ast.operator,
    ast.expr_context,
)


class Test:
    """The test of a branch: what it reads, and its text for telling whether two are the same."""

    __slots__ = ("_claims", "_steady", "_text", "guards", "names", "node")

    def __init__(self, node: ast.expr, names: tuple[str, ...], guards: tuple[str, ...]) -> None:
        self.node = node
        self.names = names
        self.guards = guards
        self._text: str | None = None
        self._steady: bool | None = None
        self._claims: dict[bool, claims.Claims] = {}

    def claims(self, truth: bool) -> claims.Claims:
        """Which constants its names may be where it is true, or false."""
        known = self._claims.get(truth)
        if known is None:
            known = self._claims[truth] = claims.claims(self.node, truth)
        return known

    @property
    def steady(self) -> bool:
        """Whether it says the same each time it is asked, as long as its names keep their values."""
        if self._steady is None:
            self._steady = all(isinstance(node, _STEADY) for node in walk(self.node))
        return self._steady

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

    def is_of(self, other: Condition) -> bool:
        """Whether the two are one and the same test of the same values, with whatever outcome."""
        return self.versions == other.versions and (
            self.test is other.test or self.test.text == other.test.text
        )

    def implied_by(self, conditions: tuple[Condition, ...]) -> bool:
        """Whether it holds on a path, because the same was asked there."""
        return self.test.steady and any(
            self.truth is other.truth and self.is_of(other) for other in conditions
        )

    def contradicts(self, other: Condition) -> bool:
        """Whether the two are one test with different outcomes, or want a name to be different constants."""
        if self.test is other.test or self.is_of(other):
            return (self.truth != other.truth and self.is_of(other)) or (
                # `if i == 0` in a loop holds in one iteration, and `i` is another in the next
                self.truth
                and other.truth
                and self.test is other.test
                and self.test.counts
                and self.versions != other.versions
            )
        mine = self.test.claims(self.truth)
        theirs = other.test.claims(other.truth) if mine else mine
        return any(self._sees(name, other) for name in claims.excluded(mine, theirs))

    def _sees(self, place: str, other: Condition) -> bool:
        """Whether the name of a place has one and the same value in both tests."""
        name = place.partition(".")[0]
        held, before = self._version(name), other._version(name)
        return held is not None and held == before

    def _version(self, name: str) -> object:
        return next((v for n, v in zip(self.test.names, self.versions) if n == name), None)


class Consumption(NamedTuple):
    """Where a key was used up, by what, and on which path."""

    node: ast.AST
    by: str
    certainty: Certainty
    conditions: tuple[Condition, ...]
    passes: Passes
    replaced: bool = False  # the path that used it up then gave its name another key
    sampler: str = ""  # the library's function that used it up in the end
    on_path: Certainty = Certainty.MAYBE  # how sure it is where its conditions hold

    def excludes(self, conditions: tuple[Condition, ...]) -> bool:
        """Whether no run takes both that path and this one: they differ about one and the same test."""
        return any(mine.contradicts(other) for mine in self.conditions for other in conditions)

    def certainty_under(self, conditions: tuple[Condition, ...]) -> Certainty:
        """How sure it is on a path: `if flag: ...` twice runs both or none."""
        if self.certainty is Certainty.YES or self.on_path is not Certainty.YES:
            return self.certainty
        held = all(mine.implied_by(conditions) for mine in self.conditions)
        return Certainty.YES if held else self.certainty


Consumed = dict[KeyToken, Consumption]


def common_conditions(
    one: tuple[Condition, ...], other: tuple[Condition, ...]
) -> tuple[Condition, ...]:
    """What holds on both of two paths, most often what held where they parted."""
    if one is other:
        return one
    same = 0
    for mine, theirs in zip(one, other):
        if mine is not theirs:
            break
        same += 1
    rest = other[same:]
    return (*one[:same], *(condition for condition in one[same:] if condition in rest))


def earlier_use(token: KeyToken, consumed: Consumed) -> Consumption | None:
    """How a key, an array of keys it lies in, or an element of it was used up before."""
    lineage = list(token.lineage())
    for ancestor in lineage:
        use = consumed.get(ancestor)
        if use is not None and not use.replaced:
            return use
    for other, use in consumed.items():
        if use.replaced or other.parent is None or other.forwarded:
            continue
        if token in other.lineage() or _shares(lineage, other):
            return use
    return None


def _shares(lineage: list[KeyToken], other: KeyToken) -> bool:
    """Whether a key lies in a part of an array that has keys in common with another part."""
    return any(
        token.parent is not None
        and not token.forwarded
        and token.parent == other.parent
        and _overlap(token.index, other.index)
        for token in lineage
    )


def join_consumed(
    one: Consumed,
    other: Consumed,
    here: tuple[Condition, ...] = (),
    there: tuple[Condition, ...] = (),
) -> Consumed:
    """What is used up after two paths meet, on which `here` and `there` hold: certainly what both used up."""
    if one is other:
        return one
    joined: Consumed = {}
    for token, first in one.items():
        second = other.get(token)
        joined[token] = _on_one(first, there) if second is None else _both(first, second)
    for token, second in other.items():
        if token not in one:
            joined[token] = _on_one(second, here)
    return joined


def _on_one(use: Consumption, elsewhere: tuple[Condition, ...]) -> Consumption:
    """Used up on one of two paths. Where its conditions hold again it still is, if they tell the paths apart."""
    on_path = use.on_path if use.excludes(elsewhere) else Certainty.MAYBE
    if use.certainty is Certainty.MAYBE and on_path is use.on_path:
        return use
    return use._replace(certainty=Certainty.MAYBE, on_path=on_path)


def _both(first: Consumption, second: Consumption) -> Consumption:
    """Used up on both paths: certain if certain on both, and under what both have in common."""
    if first is second:
        return first
    common = common_conditions(first.conditions, second.conditions)
    certainty = min(first.certainty, second.certainty)
    return first._replace(
        certainty=certainty,
        conditions=common,
        replaced=first.replaced and second.replaced,
        sampler=first.sampler if first.sampler == second.sampler else "",
        on_path=certainty,
    )
