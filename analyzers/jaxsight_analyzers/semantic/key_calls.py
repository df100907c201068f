"""Keys across calls: what stands for an argument's keys, and what a call does to them.

A summary speaks of stand-ins for the arguments. Each call of the function translates it: arguments' keys
for stand-ins, new keys for those that the function makes and returns.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.semantic import expressions, key_arrays, keys, sites
from jaxsight_analyzers.semantic.contexts import Frame, Summary, Transformation
from jaxsight_analyzers.semantic.keys import Consumption, KeyToken
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.sites import SiteToken
from jaxsight_analyzers.semantic.structures import (
    entries_of,
    items_of,
    parts_of,
    rebuilt,
    tokens_in,
)
from jaxsight_analyzers.semantic.values import (
    MISSING,
    FunctionData,
    Kind,
    Value,
    given,
    or_none,
    record_of,
    some_of,
)

_NEVER_KEYS = (
    Kind.FUNCTION,
    Kind.CLASS,
    Kind.INSTANCE,
    Kind.IMPORTED,
    Kind.MODULE,
    Kind.CALLABLE,
    Kind.HOST,
    Kind.REFERENCE,
)


def outliving(frame: Frame, returned: Value) -> Iterator[tuple[KeyToken, Consumption]]:
    """What a call used up of what its caller has: arguments' keys, the caller's own, those it is given."""
    consumed = frame.returned_consumed
    if not consumed:
        return
    handed = {token.root for token in tokens_in(returned)}
    for token, use in consumed.items():
        root = token.root
        if root.owner is not frame.mark or root.parameter or root in handed:
            yield token, use


def stand_in(run: Run, node: ast.AST, name: str, value: Value) -> Value:
    """A parameter's value with keys of its own, which stand for those of the argument."""
    if value.kind is Kind.SERIES:
        return value  # its keys are not followed
    if value.optional:
        return or_none(stand_in(run, node, name, some_of(value)))
    paths = iter(_paths(value, name))
    made = rebuilt(value, lambda part: stand_in(run, node, next(paths), part))
    if made is not None:
        return made
    if value.kind in _NEVER_KEYS or (value.kind is Kind.STATIC and value.data is not MISSING):
        return value
    if isinstance(value.data, tuple):
        return value
    tokens = run.new_key(name, node)
    for token in tokens:
        token.parameter = True
    made = Value(
        value.kind,
        value.traced,
        value.origin,
        concrete=value.concrete,
        data=value.data,
        tokens=tokens,
    )
    return given(made, value.given)


def _paths(value: Value, name: str) -> Iterator[str]:
    """How the text reaches the parts of a container, one by one."""
    found, entries = record_of(value), entries_of(value)
    if found is not None:
        yield from (f"{name}.{field}" for field in found.names)
    elif entries is not None:
        yield from (f"{name}[{key!r}]" for key in entries)
    else:
        yield from (f"{name}[{i}]" for i in range(len(items_of(value) or ())))


def _pairs(stand_in: Value, original: Value) -> Iterable[tuple[KeyToken, frozenset[KeyToken]]]:
    """Each key of a parameter with the keys of the argument it stands for."""
    inner, outer = parts_of(stand_in), parts_of(original)
    if inner is not None and outer is not None and stand_in.kind is not Kind.MAPPING:
        for one, other in zip(inner, outer):
            yield from _pairs(one, other)
        return
    first, second = entries_of(stand_in), entries_of(original)
    if first is not None and second is not None:
        for key, one in first.items():
            if key in second:
                yield from _pairs(one, second[key])
        return
    if original.tokens:
        for token in stand_in.tokens or ():
            yield token, original.tokens


class _Renaming:
    """Keys of a summary in the terms of one call of it: arguments' keys, and new ones for its own."""

    def __init__(self, run: Run, summary: Summary, originals: Mapping[str, Value]) -> None:
        self._run = run
        self._callee = summary.mark
        self._names: dict[KeyToken, frozenset[KeyToken]] = {}
        for name, stand_in in summary.parameters.items():
            if name in originals:
                self._names.update(_pairs(stand_in, originals[name]))

    def of(self, token: KeyToken) -> frozenset[KeyToken]:
        """What a key of the summary stands for; nothing where the argument is not a key."""
        known = self._names.get(token)
        if known is None:
            known = self._names[token] = self._found(token)
        return known

    def _found(self, token: KeyToken) -> frozenset[KeyToken]:
        parent = token.parent
        if parent is None:
            if token.owner is not self._callee:
                return frozenset((token,))
            if token.parameter:
                return frozenset()
            return self._run.new_key(token.name, token.node, token.length)
        index = _in_call(token.index)
        make = keys.forward if token.forwarded else keys.element
        return frozenset(make(one, index, token.node, token.name) for one in self.of(parent))


def _in_call(index: keys.Index) -> keys.Index:
    """An index in terms of the caller: one that a call computes from its arguments is another each time."""
    if index[0] not in ("text", "fold") or not any(
        isinstance(version, Value) for version in _versions(index)
    ):
        return index
    return ("call", object())


def _versions(index: keys.Index) -> tuple[object, ...]:
    last = index[-1]
    return cast("tuple[object, ...]", last) if isinstance(last, tuple) else ()


def apply(
    run: Run,
    node: ast.AST,
    data: FunctionData,
    summary: Summary,
    originals: Mapping[str, Value],
) -> Value:
    """Use up the keys that the call uses up, and give back what it returns."""
    renaming = _Renaming(run, summary, originals)
    returned = _returned(summary.returned, renaming)
    if summary.consumed and not any(t.facts.only_traces for t in data.transformations):
        repeated = next((t for t in reversed(data.transformations) if t.facts.repeats), None)
        for token, use in summary.consumed:
            _consume(run, node, data, summary, renaming, token, use, repeated)
    return returned


def _consume(
    run: Run,
    node: ast.AST,
    data: FunctionData,
    summary: Summary,
    renaming: _Renaming,
    token: KeyToken,
    use: Consumption,
    repeated: Transformation | None,
) -> None:
    """Use up one of the keys, or names of sites, that a call uses up."""
    state, loops = run.frame.state, run.frame.loops
    here = use._replace(node=node, by=f"`{data.name}`", conditions=state.conditions, passes=loops)
    if isinstance(token, SiteToken):
        sites.note_call(run, node, data, token, here)
        return
    root = token.root
    tokens = renaming.of(token)
    if root.owner is not summary.mark:
        run.depend(data.scope)
        if repeated is not None and not key_arrays.varies(token, data.scope.local_names):
            run.note_repeated(token, use, repeated.facts)
            here = use
        run.consume(tokens, here, None)
    elif tokens and root.parameter:
        certainty = min(use.certainty, _meant(run, data, root))
        argument = _argument_with(run, node, renaming.of(root))
        run.consume(tokens, here._replace(certainty=certainty), argument)
    elif not root.parameter:
        run.consume(tokens, here, None)


def _meant(run: Run, data: FunctionData, token: KeyToken) -> Certainty:
    """How sure it is that a second use is a mistake: one key bound for all calls may be meant.

    What generates items is called again to get the same ones again: the batches of a data set.
    """
    run.depend(data.scope)
    if data.scope.is_generator:
        return Certainty.MAYBE
    signature = data.node.args
    positional = [a.arg for a in (*signature.posonlyargs, *signature.args)]
    first = int(data.self_value is not None)
    bound = {*positional[first : first + len(data.bound)], *(name for name, _ in data.bound_names)}
    return Certainty.MAYBE if token.name in bound else Certainty.YES


def _argument_with(run: Run, node: ast.AST, tokens: frozenset[KeyToken]) -> ast.expr | None:
    """The argument of a call that holds one of these keys."""
    if not isinstance(node, ast.Call):
        return None
    for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
        place = expressions.place_of(argument)
        if place is None:
            continue
        value = run.frame.state.names.get(place) or (
            run.lookup(place) if isinstance(argument, ast.Name) else None
        )
        if value is not None and value.tokens and value.tokens & tokens:
            return argument
    return None


def _returned(value: Value, renaming: _Renaming) -> Value:
    """A returned value in the caller's terms: arguments' keys again, and new keys of its own."""
    made = rebuilt(value, lambda part: _returned(part, renaming))
    if made is not None:
        return made
    if not value.tokens:
        return value
    tokens = frozenset([one for token in value.tokens for one in renaming.of(token)])
    return key_arrays.like(value, value.kind, keys.any_of(tokens), value.data)
