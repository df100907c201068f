"""What holds at a point of a path: names, keys that are used up, where objects live; and where paths meet."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from typing import TYPE_CHECKING, NamedTuple

from jaxsight_analyzers.data import dataclass, field, replace
from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.semantic.joins import join
from jaxsight_analyzers.semantic.keys import (
    Condition,
    Consumed,
    KeyToken,
    common_conditions,
    forward,
    join_consumed,
)
from jaxsight_analyzers.semantic.structures import tokens_in
from jaxsight_analyzers.semantic.values import (
    UNKNOWN,
    Value,
    function_of,
    or_none,
    some_of,
    with_data,
)

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.scopes import FunctionScope


def root_of(place: str) -> str:
    """The name that a place begins with: `state` of `state.rng["a"]`."""
    return place.partition(".")[0].partition("[")[0]


class Home(NamedTuple):
    """Where an object lives that outlives the call which uses it."""

    category: str  # "global", "nonlocal", "self", "argument", "default", "module container", "environment"
    name: str  # of the name that holds it there
    certainty: Certainty = Certainty.YES
    environment: Environment | None = None  # of the enclosing function that holds it


OF_THE_CALLER = ("argument", "self", "default")
"""The categories of homes that are the caller's, unless an enclosing function holds them."""


@dataclass(slots=True)
class State:
    """What holds at one point of one path through a function. Copied where paths part."""

    names: dict[str, Value]
    consumed: Consumed
    conditions: tuple[Condition, ...] = ()
    dead: bool = False
    parts: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """The attributes and elements of each name that are among the names."""
    homes: dict[str, Home] = field(default_factory=dict[str, Home])
    """Where the objects live that names of the function stand for, if it did not make them."""

    def hold(self, place: str, value: Value) -> None:
        """Give a value to a name, or to `self.key` and the like."""
        self.names[place] = value
        if "." in place or "[" in place:
            root = root_of(place)
            known = self.parts.get(root, ())
            if place not in known:
                self.parts[root] = (*known, place)

    def forget_parts(self, place: str) -> None:
        """Forget what the attributes and elements of a name or place hold."""
        root = root_of(place)
        known = self.parts.get(root)
        if known is None:
            return
        below = f"{place}.", f"{place}["
        gone = [part for part in known if part.startswith(below)]
        if not gone:
            return
        for part in gone:
            self.names.pop(part, None)
        if len(gone) < len(known):
            self.parts[root] = tuple([part for part in known if not part.startswith(below)])
        else:
            del self.parts[root]

    def copy(self) -> State:
        """The same for a path of its own."""
        return State(
            dict(self.names),
            dict(self.consumed),
            self.conditions,
            self.dead,
            dict(self.parts) if self.parts else {},
            dict(self.homes) if self.homes else {},
        )


def join_states(one: State, other: State) -> State:
    """What holds where two paths meet; a path that ended has no say."""
    if one.dead:
        return other
    if other.dead or one is other:
        return one
    names: dict[str, Value] = {}
    fresh, other_fresh = renewed(one, other), renewed(other, one)
    renewals, elsewhere = bool(fresh or other_fresh), other.names
    for name, value in one.names.items():
        there = elsewhere.get(name)
        if there is value and not renewals:
            names[name] = value
            continue
        if renewals and (name in fresh or name in other_fresh):
            value, there = fresh.get(name, value), other_fresh.get(name, there)
        if there is not None:
            names[name] = value if there is value else join(value, there)
        elif "." not in name and "[" not in name:
            names[name] = join(value, UNKNOWN)  # bound on one path only
    for name, value in elsewhere.items():
        if name not in names and "." not in name and "[" not in name:
            names[name] = join(value, UNKNOWN)
    conditions = common_conditions(one.conditions, other.conditions)
    consumed = join_consumed(one.consumed, other.consumed, one.conditions, other.conditions)
    if consumed:
        mark_replaced(consumed, (*replaced_keys(one, other), *replaced_keys(other, one)))
    parts = _join_parts(one.parts, other.parts)
    homes = join_homes(one.homes, other.homes)
    return State(names, consumed, conditions, parts=parts, homes=homes)


def _join_parts(
    one: dict[str, tuple[str, ...]], other: dict[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    joined = dict(one)
    for root, parts in other.items():
        mine = one.get(root)
        if mine is None:
            joined[root] = parts
        elif mine != parts:
            joined[root] = tuple(dict.fromkeys((*mine, *parts)))
    return joined


def join_homes(one: dict[str, Home], other: dict[str, Home]) -> dict[str, Home]:
    """Where objects live that names stand for on two paths; on one path only: maybe."""
    if one == other:
        return dict(one)
    joined: dict[str, Home] = {}
    for name in (*one, *(n for n in other if n not in one)):
        first, second = one.get(name), other.get(name)
        home = first or second
        assert home is not None
        joined[name] = home if first == second else home._replace(certainty=Certainty.MAYBE)
    return joined


def replaced_keys(one: State, other: State) -> set[KeyToken]:
    """Keys that only the other path used up, and that no name holds there any more.

    Where the paths meet, a name that may hold such a key holds it from the path that did not use it up.
    """
    used = _used_only(other.consumed, one.consumed)
    return _held_elsewhere(used, one.names.values(), other.names.values()) if used else set()


def renewed(here: State, there: State) -> dict[str, Value]:
    """Names whose key the other path used up and replaced, though something else holds that key there.

    Where the paths meet, such a name holds a key that is as good as another one.
    """
    used = _used_only(there.consumed, here.consumed)
    found: dict[str, Value] = {}
    for name, value in here.names.items() if used else ():
        tokens = value.tokens
        if not tokens or tokens.isdisjoint(used):
            continue
        other = there.names.get(name)
        if other is None or not other.tokens or not tokens.isdisjoint(other.tokens):
            continue
        apart = [_apart(t, there.consumed) if t in used else t for t in tokens]
        known = some_of(value)
        made = Value(
            known.kind,
            known.traced,
            known.origin,
            concrete=known.concrete,
            data=known.data,
            tokens=frozenset(apart),
        )
        found[name] = or_none(made) if value.optional else made
    return found


def _apart(token: KeyToken, consumed: Consumed) -> KeyToken:
    """A key that stands for one as good as new: none that stood for one before, and is used up by now."""
    made = forward(token, ("apart",), token.node, token.name)
    while made in consumed:
        made = forward(made, ("apart",), token.node, token.name)
    return made


def _used_only(there: Consumed, here: Consumed) -> list[KeyToken]:
    """The keys that are used up on one path and not on the other, as far as those who hold them know."""
    if there is here:
        return []
    found: list[KeyToken] = []
    for token, use in there.items():
        if not use.replaced:
            other = here.get(token)
            if other is None or other.replaced:
                found.append(token)
    return found


def _held_elsewhere(
    used: list[KeyToken], here: Iterable[Value], there: Iterable[Value]
) -> set[KeyToken]:
    """Of keys that are used up on the other path those that only the values on this one hold."""
    mine = {token for value in here for token in tokens_in(value)}
    others = {token for value in there for token in tokens_in(value)}
    return {
        token
        for token in used
        if not mine.isdisjoint(token.lineage()) and others.isdisjoint(token.lineage())
    }


def mark_replaced(consumed: Consumed, tokens: Iterable[KeyToken]) -> None:
    """Note that the paths that used these keys up go on with other ones."""
    for token in tokens:
        use = consumed.get(token)
        if use is not None:
            consumed[token] = use._replace(replaced=True)


def join_results(one: Consumed, first: Value, other: Consumed, second: Value) -> Consumed:
    """What is used up after two ways to a result: a key that one used up and replaced in it is renewed."""
    consumed = join_consumed(one, other)
    for mine, here, others, there in ((one, first, other, second), (other, second, one, first)):
        used = _used_only(others, mine)
        if used:
            mark_replaced(consumed, _held_elsewhere(used, (here,), (there,)))
    return consumed


class Environment:
    """The names of one running function, and where else to look; a closure keeps it."""

    __slots__ = ("is_closed_over", "own", "parent", "scope", "state")

    def __init__(
        self, parent: Environment | None, state: State, scope: FunctionScope | None = None
    ) -> None:
        self.parent = parent
        self.state = state
        self.scope = scope  # of the function; None for the module and the body of a class
        self.is_closed_over = False  # whether a function was made in it
        self.own: frozenset[str] = frozenset()  # names of such functions, which do not hold it

    def with_this(self, value: Value) -> Value:
        """One of its own functions, as who looks it up gets it."""
        data = function_of(value)
        assert data is not None
        return with_data(value, replace(data, environment=self))

    def forget(self, free: Callable[[], Container[str]]) -> None:
        """The function has run: drop all names but those that are free in functions made in it.

        So values that close over this are held by it only where Python holds them too.
        """
        state = self.state
        if not self.is_closed_over:
            self.state = State({}, {})
            return
        kept = free()
        names = {name: value for name, value in state.names.items() if root_of(name) in kept}
        for name in tuple(names):
            home = state.homes.get(name)
            if home is not None and home.name in state.names:
                names.setdefault(home.name, state.names[home.name])
        self.state = State(names, {}, homes=state.homes)
        self._let_go(names)

    def _let_go(self, names: dict[str, Value]) -> None:
        """Hold functions that were made here, and call themselves or each other, without this."""
        own: list[str] = []
        for name, value in names.items():
            data = function_of(value)
            if data is not None and data.environment is self:
                own.append(name)
                names[name] = with_data(value, replace(data, environment=None))
        self.own = frozenset(own)
