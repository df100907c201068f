"""`match`: which case a value takes, and what its pattern binds."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.semantic import assignments, expressions, flow, records
from jaxsight_analyzers.semantic.joins import join
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.states import State, join_states
from jaxsight_analyzers.semantic.structures import (
    entries_of,
    item_of_series,
    items_of,
    mapping,
    sequence,
    series,
)
from jaxsight_analyzers.semantic.values import (
    MISSING,
    UNKNOWN,
    Kind,
    Value,
    class_of,
    constant_of,
    qualified_of,
    record_of,
    some_of,
)


def match_statement(run: Run, node: ast.Match) -> None:
    """Run a `match` statement."""
    subject = run.evaluate(node.subject)
    result: State | None = None
    exhaustive = False
    for case in node.cases:
        if any(isinstance(p, ast.MatchValue) for p in ast.walk(case.pattern)):
            expressions.note_branch(run, node, node.subject, "match", subject)
        known = _matches(case.pattern, subject)
        if known is False:
            continue
        with flow.branch(run, node.subject, True):
            run.frame.state.conditions = run.frame.state.conditions[:-1]
            for name, value in _bound(run, case.pattern, subject):
                assignments.bind_name(run, name, value)
            if case.guard is not None:
                guard = run.evaluate(case.guard)
                expressions.note_branch(run, case.guard, case.guard, "match", guard)
            flow.run_body(run, case.body)
        end = run.branch_end
        result = end if result is None else join_states(result, end)
        if known and case.guard is None:
            exhaustive = True
            break
        if _is_none(case.pattern) and case.guard is None:
            subject = some_of(subject)
    if result is not None:
        run.frame.state = result if exhaustive else join_states(result, run.frame.state)


def _is_none(pattern: ast.pattern) -> bool:
    return isinstance(pattern, ast.MatchSingleton) and pattern.value is None


def _matches(pattern: ast.pattern, value: Value) -> bool | None:
    """Whether a value surely takes a case, or surely does not; None where it may."""
    if isinstance(pattern, ast.MatchAs):
        return True if pattern.pattern is None else _matches(pattern.pattern, value)
    if isinstance(pattern, ast.MatchOr):
        return _any(_matches(one, value) for one in pattern.patterns)
    known = constant_of(value)
    if isinstance(pattern, ast.MatchSingleton):
        return None if known is MISSING else known is pattern.value
    if isinstance(pattern, ast.MatchValue) and isinstance(pattern.value, ast.Constant):
        return None if known is MISSING else known == pattern.value.value
    items = items_of(value)
    if isinstance(pattern, ast.MatchSequence) and items is not None and not value.optional:
        if not _takes(pattern, len(items)):
            return False
        parts = _items_by_pattern(pattern, value)
        return _negated(_any(_negated(_matches(one, part)) for one, part in parts))
    return True if isinstance(pattern, ast.MatchStar) else None


def _any(answers: Iterable[bool | None]) -> bool | None:
    found = list(answers)
    return True if True in found else None if None in found else False


def _negated(answer: bool | None) -> bool | None:
    return None if answer is None else not answer


def _takes(pattern: ast.MatchSequence, length: int) -> bool:
    """Whether a sequence pattern takes so many items."""
    count = len(pattern.patterns)
    starred = any(isinstance(one, ast.MatchStar) for one in pattern.patterns)
    return length >= count - 1 if starred else length == count


def _bound(run: Run, pattern: ast.pattern, value: Value) -> Iterator[tuple[str, Value]]:
    """The names that a pattern binds, and what it binds them to."""
    if isinstance(pattern, ast.MatchAs):
        if pattern.pattern is not None:
            yield from _bound(run, pattern.pattern, value)
        if pattern.name is not None:
            yield pattern.name, value
    elif isinstance(pattern, ast.MatchStar):
        if pattern.name is not None:
            yield pattern.name, value
    elif isinstance(pattern, ast.MatchOr):
        names: dict[str, Value] = {}
        for one in pattern.patterns:
            for name, part in _bound(run, one, value):
                names[name] = join(names[name], part) if name in names else part
        yield from names.items()
    else:
        for one, part in _parts(run, pattern, some_of(value)):
            yield from _bound(run, one, part)
        if isinstance(pattern, ast.MatchMapping) and pattern.rest is not None:
            yield pattern.rest, _rest(pattern, value)


def _parts(run: Run, pattern: ast.pattern, value: Value) -> Iterator[tuple[ast.pattern, Value]]:
    """The patterns in a pattern, with the parts of the value that they are held against."""
    if isinstance(pattern, ast.MatchSequence):
        items = items_of(value)
        if items is not None and _takes(pattern, len(items)):
            yield from _items_by_pattern(pattern, value)
        else:
            inside = item_of_series(value) or _part_of_unknown(value)
            for one in pattern.patterns:
                yield one, series(inside) if isinstance(one, ast.MatchStar) else inside
    elif isinstance(pattern, ast.MatchMapping):
        entries = entries_of(value)
        for key, one in zip(pattern.keys, pattern.patterns):
            name = key.value if isinstance(key, ast.Constant) else MISSING
            known = UNKNOWN if entries is None else entries.get(name, UNKNOWN)
            yield one, _part_of_unknown(value) if entries is None else known
    elif isinstance(pattern, ast.MatchClass):
        yield from _parts_of_object(run, pattern, value)


def _items_by_pattern(
    pattern: ast.MatchSequence, value: Value
) -> Iterator[tuple[ast.pattern, Value]]:
    """The patterns of a sequence pattern with the items of a sequence of a fitting length."""
    items = items_of(value) or ()
    for position, one in enumerate(pattern.patterns):
        after = len(pattern.patterns) - 1 - position
        if isinstance(one, ast.MatchStar):
            yield one, sequence(items[position : len(items) - after])
        elif any(isinstance(left, ast.MatchStar) for left in pattern.patterns[:position]):
            yield one, items[len(items) - 1 - after] if len(items) > after else UNKNOWN
        else:
            yield one, items[position] if position < len(items) else UNKNOWN


def _parts_of_object(
    run: Run, pattern: ast.MatchClass, value: Value
) -> Iterator[tuple[ast.pattern, Value]]:
    named = run.evaluate(pattern.cls)
    found = record_of(value)
    is_own = found is not None and not found.is_partial and class_of(named) is found.owner
    is_scalar = (qualified_of(named) or "").startswith("builtins.")
    for position, one in enumerate(pattern.patterns):
        if is_own and found is not None and position < len(found.values):
            yield one, found.values[position]
        else:  # `int(n)` binds the number itself
            yield one, value if is_scalar and not position else UNKNOWN
    for name, one in zip(pattern.kwd_attrs, pattern.kwd_patterns):
        yield one, records.field_of(value, name) or UNKNOWN


def _part_of_unknown(value: Value) -> Value:
    if value.kind is Kind.TREE and value.traced is not Certainty.NO:
        return Value(Kind.TREE, value.traced, value.origin, concrete=value.concrete)
    return UNKNOWN


def _rest(pattern: ast.MatchMapping, value: Value) -> Value:
    """What `**rest` takes: the entries that the pattern does not name."""
    entries = entries_of(value)
    if entries is None:
        return _part_of_unknown(value)
    taken = {key.value for key in pattern.keys if isinstance(key, ast.Constant)}
    if len(taken) < len(pattern.keys):
        return UNKNOWN
    return mapping({key: held for key, held in entries.items() if key not in taken})
