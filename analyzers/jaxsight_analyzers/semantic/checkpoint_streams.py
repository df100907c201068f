"""Answers for rules about checkpoints."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from jaxsight_analyzers.diagnostic import Span
from jaxsight_analyzers.semantic.blocks import Blocks, around, loops_in, statement_of
from jaxsight_analyzers.semantic.checkpoints import (
    CheckpointCallSeen,
    Leaf,
    ManagerSeen,
    RelativePath,
)
from jaxsight_analyzers.semantic.contexts import Frame
from jaxsight_analyzers.semantic.liveness import names_of
from jaxsight_analyzers.semantic.streams import Places
from jaxsight_analyzers.semantic.trees import walk

_EXPECTED = ("try", "raises", "version")
_WAITING = ("wait_until_finished", "close", "with", "restore")
_REMOVING = ("rmtree", "unlink", "rename", "remove", "move", "replace", "delete", "rmdir")


class Unawaited(NamedTuple):
    """A save that may not be done when nothing waits for it."""

    node: ast.Call
    span: Span
    text: str  # of the function: `checkpointer.save`
    name: str | None  # of the checkpointer
    after: ast.stmt | None  # the statement after which to wait


class WrongCall(NamedTuple):
    """A save or restore that fails, or saves nothing."""

    node: ast.Call
    span: Span
    text: str
    mistake: str  # "items", "tree", "one", "no args", "again", "step again", "no step"
    leaf: Leaf | None
    path: ast.expr | None  # that is the same again
    lacks_metrics: bool


class Relative(NamedTuple):
    """A path that depends on the working directory."""

    path: RelativePath
    span: Span
    text: str


class Misplaced(NamedTuple):
    """Options of a manager that are given for its checkpointers."""

    node: ast.expr
    span: Span
    text: str


class Bare(NamedTuple):
    """A restore that is not told what to make, in a file that saves instances of a class."""

    span: Span
    text: str  # of the function: `checkpointer.restore`
    owner: str  # the class


def bare(
    seen: Iterable[CheckpointCallSeen], everywhere: Iterable[CheckpointCallSeen], places: Places
) -> list[Bare]:
    """Each restore once by what saves such instances: a manager, or a checkpointer."""
    saved: dict[bool, str] = {}
    for event in everywhere:
        if event.owner:
            saved.setdefault(event.checkpointer.mode == "manager", event.owner)
    found: dict[ast.AST, Bare] = {}
    for event in seen:
        owner = saved.get(event.checkpointer.mode == "manager")
        is_meant = _is_expected(event.guards) or event.frame.is_test
        if event.is_bare and owner and not is_meant and isinstance(event.node, ast.Call):
            text = places.text(event.node.func)
            found[event.node] = Bare(places.span(event.node), text, owner)
    return list(found.values())


def calls(seen: Iterable[CheckpointCallSeen], places: Places) -> list[WrongCall]:
    """What fails, each call once."""
    found: dict[ast.AST, WrongCall] = {}
    for event in seen:
        if not isinstance(event.node, ast.Call) or _is_expected(event.guards):
            continue
        mistake, path = event.mistake, None
        if not mistake:
            mistake, path = _again(event, event.node, places)
        if not mistake and _may_find_none(event, event.node):
            mistake, path = "no step", event.node.args[0]
        if mistake or event.leaf is not None or event.lacks_metrics:
            found.setdefault(
                event.node,
                WrongCall(
                    event.node,
                    places.span(event.node),
                    places.text(event.node.func),
                    mistake,
                    event.leaf,
                    path,
                    event.lacks_metrics,
                ),
            )
    return list(found.values())


def _is_expected(guards: Sequence[str]) -> bool:
    return any(guard in _EXPECTED for guard in guards)


def _again(
    event: CheckpointCallSeen, node: ast.Call, places: Places
) -> tuple[str, ast.expr | None]:
    """Whether a loop saves to the same path, or under the same step, in each pass."""
    if event.method != "save" or not node.args or isinstance(node.args[0], ast.Starred):
        return "", None
    if any(keyword.arg in ("force", None) for keyword in node.keywords) or len(node.args) > 2:
        return "", None
    blocks = around(event.frame, node, places)
    loops = [] if blocks is None else loops_in(blocks)
    if blocks is None or not loops or not _is_fixed(node.args[0]):
        return "", None
    loop = loops[-1]
    if _may_end_or_clear(loop) or _is_made_in(loop, event):
        return "", None
    read = {name.id for name in ast.walk(node.args[0]) if isinstance(name, ast.Name)}
    if read & set(names_of([loop]).bound):
        return "", None
    return ("step again" if event.checkpointer.mode == "manager" else "again"), node.args[0]


_ASKING = ("latest_step", "best_step", "all_steps", "save")


def _may_find_none(event: CheckpointCallSeen, node: ast.Call) -> bool:
    """`manager.restore(manager.latest_step())` in a function that neither asks whether there is one nor saves."""
    if event.method != "restore" or event.checkpointer.mode != "manager" or not node.args:
        return False
    step, scope = node.args[0], event.frame.scope
    function = step.func if isinstance(step, ast.Call) else None
    name = function.attr if isinstance(function, ast.Attribute) else ""
    if name not in ("latest_step", "best_step") or scope is None:
        return False
    asked = [n for n in walk(scope.node) if isinstance(n, ast.Attribute) and n.attr in _ASKING]
    return len(asked) == 1


def _is_fixed(node: ast.expr) -> bool:
    """Whether an expression is the same again where its names are."""
    if isinstance(node, (ast.Constant, ast.Name)):
        return True
    if isinstance(node, ast.BinOp):
        return _is_fixed(node.left) and _is_fixed(node.right)
    if isinstance(node, ast.JoinedStr):
        return all(
            _is_fixed(part.value) if isinstance(part, ast.FormattedValue) else True
            for part in node.values
        )
    name = getattr(node.func, "attr", "") if isinstance(node, ast.Call) else ""
    is_path = isinstance(node, ast.Call) and name in ("join", "abspath", "Path")
    return is_path and isinstance(node, ast.Call) and all(map(_is_fixed, node.args))


def _may_end_or_clear(loop: ast.AST) -> bool:
    """Whether a loop may end after the save, or removes what is there."""
    for inner in walk(loop):
        if isinstance(inner, (ast.Break, ast.Return, ast.Raise)):
            return True
        called = inner.func if isinstance(inner, ast.Call) else None
        name = getattr(called, "attr", getattr(called, "id", ""))
        if any(word in name for word in _REMOVING):
            return True
    return False


def _is_made_in(loop: ast.AST, event: CheckpointCallSeen) -> bool:
    is_manager = event.checkpointer.mode == "manager"
    return is_manager and any(inner is event.checkpointer.node for inner in walk(loop))


def relatives(
    seen: Iterable[CheckpointCallSeen], managers: Iterable[ManagerSeen], places: Places
) -> list[Relative]:
    """Each path once."""
    found: dict[ast.AST, Relative] = {}
    for event in (*seen, *managers):
        path = event.path
        if path is None or _is_expected(event.guards) or not places.module.owns(path.node):
            continue
        found[path.node] = Relative(path, places.span(path.node), places.text(path.node))
    return list(found.values())


def misplaced(managers: Iterable[ManagerSeen], places: Places) -> list[Misplaced]:
    """Each once."""
    found: dict[ast.AST, Misplaced] = {}
    for event in managers:
        node = event.misplaced
        if node is not None and not _is_expected(event.guards):
            found[node] = Misplaced(node, places.span(node), places.text(node))
    return list(found.values())


def unawaited(
    seen: Iterable[CheckpointCallSeen],
    everywhere: Sequence[CheckpointCallSeen],
    places: Places,
) -> list[Unawaited]:
    """The last save of each checkpointer that nothing in the file waits for."""
    awaited = {event.checkpointer.node for event in everywhere if event.method in _WAITING}
    last: dict[ast.AST, CheckpointCallSeen] = {}
    for event in everywhere:
        if event.method == "save" and event.checkpointer.waits is False:
            before = last.get(event.checkpointer.node)
            if before is None or _position(event.node) >= _position(before.node):
                last[event.checkpointer.node] = event
    own = {event.node for event in seen}
    found: list[Unawaited] = []
    for made_by, event in last.items():
        if made_by in awaited or event.node not in own or _is_expected(event.guards):
            continue
        one = _unawaited(made_by, event, places)
        if one is not None:
            found.append(one)
    return found


def _position(node: ast.AST) -> tuple[int, int]:
    return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)


def _unawaited(made_by: ast.AST, event: CheckpointCallSeen, places: Places) -> Unawaited | None:
    node = event.node
    if event.frame.is_test or not isinstance(node, ast.Call) or not places.module.owns(made_by):
        return None
    span, text = places.span(node), places.text(node.func)
    if isinstance(node.func, ast.Attribute) and node.func.value is made_by:
        return Unawaited(node, span, text, None, None)
    blocks = around(event.frame, made_by, places)
    name = None if blocks is None else _name_of(statement_of(blocks), made_by)
    if name is None or blocks is None or _escapes(event.frame, name, places):
        return None
    return Unawaited(node, span, text, name, _end_of_saves(event.frame, node, made_by, places))


def _name_of(statement: ast.stmt, made_by: ast.AST) -> str | None:
    """The one name that a checkpointer is given where it is made."""
    if not isinstance(statement, ast.Assign) or statement.value is not made_by:
        return None
    target = statement.targets[0]
    return target.id if isinstance(target, ast.Name) and len(statement.targets) == 1 else None


def _escapes(frame: Frame, name: str, places: Places) -> bool:
    """Whether a name is read for more than to call methods of it: someone else may wait."""
    scope = frame.scope
    if scope is not None and name in scope.declared:
        return True
    whole = places.module.tree if scope is None else scope.node
    bases = {
        inner.value
        for inner in walk(whole)
        if isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Name)
    }
    return any(
        isinstance(inner, ast.Name)
        and inner.id == name
        and isinstance(inner.ctx, ast.Load)
        and inner not in bases
        for inner in walk(whole)
    )


def _end_of_saves(frame: Frame, node: ast.AST, made_by: ast.AST, places: Places) -> ast.stmt | None:
    """The statement in the block where the checkpointer is made that holds its last save."""
    saves: Blocks | None = around(frame, node, places)
    makes: Blocks | None = around(frame, made_by, places)
    if saves is None or makes is None:
        return None
    if frame.scope is None:
        return saves[0][0][saves[0][1]]
    block = makes[-1][0]
    return next((body[number] for body, number in saves if body is block), None)
