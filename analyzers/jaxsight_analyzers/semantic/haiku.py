"""How functions under Haiku's `transform` are applied: with a key and a state, or without."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from jaxsight_analyzers.semantic import qualified_names
from jaxsight_analyzers.semantic.structures import sequence
from jaxsight_analyzers.semantic.trees import walk
from jaxsight_analyzers.semantic.values import FunctionData, Kind, Value, constant_of

if TYPE_CHECKING:
    from jaxsight_analyzers.knowledge.facts import FunctionFacts
    from jaxsight_analyzers.semantic.arguments import Arguments
    from jaxsight_analyzers.semantic.contexts import Frame
    from jaxsight_analyzers.semantic.run import Run

_KEY, _STATE = "rng", "state"
_DRAWS = frozenset(("haiku.next_rng_key", "haiku.next_rng_keys"))
_KEEPS = frozenset(("haiku.get_state", "haiku.set_state"))
_KEEPERS = frozenset(("haiku.BatchNorm", "haiku.ExponentialMovingAverage"))
_WITHOUT_STATE = ("haiku.transform", "haiku.without_apply_rng")


class HaikuAppliedSeen(NamedTuple):
    """A call of `init` or `apply` that fails."""

    node: ast.Call
    kind: str  # "key" or "state" that is missing, "extra" key, "draws" without a key, "keeps" state where none may be
    method: str
    function: str
    at: ast.expr | None  # what stands where the missing one goes; the one too many
    used: ast.expr | None  # of the function: what draws, or keeps state
    frame: Frame
    guards: tuple[str, ...]


def note(
    run: Run, node: ast.AST, facts: FunctionFacts, data: FunctionData, arguments: Arguments
) -> None:
    """`net.apply(params, key, x)` of a function that `hk.transform` made `net` of."""
    if not isinstance(node, ast.Call) or not facts.name.startswith("haiku."):
        return
    if arguments.open or data.veiled or run.frame.state.dead:
        return
    method = facts.name.rpartition(".")[2]
    lead = _lead(facts, data, method)
    if method not in ("init", "apply") or not set(lead).isdisjoint(arguments.keywords):
        return
    found = _mistake(run, lead, method, data, arguments)
    if found is not None:
        kind, at, used = found
        seen = HaikuAppliedSeen(node, kind, method, data.name, at, used, run.frame, run.guards)
        run.events.haiku_applied.append(seen)


def returned(facts: FunctionFacts, value: Value, made: Value) -> Value:
    """What `init` and `apply` return: with a state, pairs."""
    if not facts.name.startswith("haiku.transform_with_state"):
        return made
    is_init = facts.name.endswith(".init")
    return sequence((made, made) if is_init else (value, made))


def _lead(facts: FunctionFacts, data: FunctionData, method: str) -> tuple[str, ...]:
    """The parameters before those of the function."""
    names = [one.qualified for one in data.transformations]
    stateful = "haiku.transform_with_state" in names
    if method == "apply" and stateful and _STATE not in facts.positional:
        return (facts.positional[0], _STATE, *facts.positional[1:])
    return tuple(facts.positional)


_Found = tuple[str, "ast.expr | None", "ast.expr | None"]


def _mistake(
    run: Run, lead: tuple[str, ...], method: str, data: FunctionData, arguments: Arguments
) -> _Found | None:
    needs, takes = _arity(data, arguments)
    values, nodes = arguments.positional, arguments.nodes
    given = len(values) - len(lead)
    if needs - given == 1 and _KEY in lead:
        return _missing(lead, arguments)
    if takes is not None and given - takes == 1 and _KEY not in lead and method == "apply":
        extra = values[len(lead)]
        is_key = extra.kind is Kind.KEY or constant_of(extra) is None
        return ("extra", nodes[len(lead)], None) if is_key else None
    if given < needs or (takes is not None and given > takes):
        return None
    if method == "apply" and _has_no_key(lead, arguments):
        used = next(_surely_called(run, data, _DRAWS, frozenset()), None)
        if used is not None:
            return "draws", None if _KEY not in lead else nodes[lead.index(_KEY)], used
    if all(one.qualified in _WITHOUT_STATE for one in data.transformations):
        used = next(_surely_called(run, data, _KEEPS, _KEEPERS), None)
        return None if used is None else ("keeps", None, used)
    return None


def _missing(lead: tuple[str, ...], arguments: Arguments) -> _Found | None:
    """Which of them is not given, though one more is there than there are."""
    values, nodes = arguments.positional, arguments.nodes
    for place, name in enumerate(lead):
        if place >= len(values):
            return None
        is_key = values[place].kind is Kind.KEY
        if name == _STATE and is_key:
            return "state", nodes[place], None
        if name == _KEY:
            return None if is_key else ("key", nodes[place], None)
    return None


def _has_no_key(lead: tuple[str, ...], arguments: Arguments) -> bool:
    if _KEY not in lead:
        return True
    place = lead.index(_KEY)
    return place < len(arguments.positional) and constant_of(arguments.positional[place]) is None


def _arity(data: FunctionData, arguments: Arguments) -> tuple[int, int | None]:
    """How many arguments a function needs by position, and takes; None: as many as one likes."""
    signature = data.node.args
    names = [one.arg for one in (*signature.posonlyargs, *signature.args)]
    first = len(data.bound) + (data.self_value is not None)
    given = {*arguments.keywords, *(name for name, _ in data.bound_names)}
    needed = names[first : len(names) - len(signature.defaults)]
    needs = sum(name not in given for name in needed)
    takes = sum(name not in given for name in names[first:])
    return needs, None if signature.vararg is not None else takes


def _surely_called(
    run: Run, data: FunctionData, functions: frozenset[str], makers: frozenset[str]
) -> Iterator[ast.expr]:
    """Calls of these functions, and of what these classes make, that a function always comes to."""
    body = data.node.body
    for expression in [body] if isinstance(body, ast.expr) else _straight(body):
        for inner in _evaluated(expression):
            if not isinstance(inner, ast.Call):
                continue
            maker = inner.func.func if isinstance(inner.func, ast.Call) else None
            if qualified_names.at(run, data.scope.home, inner.func) in functions or (
                maker is not None and qualified_names.at(run, data.scope.home, maker) in makers
            ):
                yield inner


def _straight(body: list[ast.stmt]) -> Iterator[ast.expr]:
    """The expressions of a body up to where it may end before."""
    for statement in body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        if isinstance(statement, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr, ast.Return)):
            if statement.value is not None:
                yield statement.value
        elif any(isinstance(inner, (ast.Return, ast.Raise)) for inner in walk(statement)):
            return


_SKIPPED = (
    ast.Lambda,
    ast.IfExp,
    ast.BoolOp,
    ast.ListComp,
    ast.GeneratorExp,
    ast.DictComp,
    ast.SetComp,
)


def _evaluated(node: ast.expr) -> Iterator[ast.AST]:
    """The parts of an expression that are evaluated whenever it is."""
    waiting: list[ast.AST] = [node]
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, _SKIPPED):
            continue
        yield inner
        waiting += ast.iter_child_nodes(inner)
