"""Where a module's text binds a name again, or changes the object that a name stands for.

What a traced function read stays as it was: these are the places that it does not notice. They follow
from the text alone, and are looked for when someone asks what else happens to a name.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, cast

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.knowledge.loader import load
from jaxsight_analyzers.semantic.scopes import (
    Definitions,
    FunctionScope,
    Piece,
    statements_below,
)
from jaxsight_analyzers.semantic.trees import TRIES
from jaxsight_analyzers.syntax.ends import same_ends

if TYPE_CHECKING:
    from jaxsight_analyzers.syntax.chunks import Chunk

REGISTERED = ".register()"
"""What stands behind the name of a class for the calls that register it as a pytree."""

Owner = FunctionScope | None
"""The function whose name it is; None for the module."""


class Change(NamedTuple):
    """One binding of a name, or one change of its object."""

    node: ast.AST
    piece: Piece  # that it lies in
    binds: bool  # it binds the name; else it changes the object
    made: bool  # it binds the name to a list, dict or set that it makes
    inside: bool  # in a function that is not the owner of the name
    certain: bool  # it happens whenever its function, or the module, runs
    again: bool  # in a loop, or by `+=`: it happens after another binding

    @property
    def chunk(self) -> Chunk:
        """The chunk that it lies in now: another one after an edit of blank lines or comments."""
        return self.piece.chunk

    @property
    def line(self) -> int:
        """The line in its chunk."""
        return self.node.lineno  # type: ignore[attr-defined]


Changes = dict[tuple[Owner, str], list[Change]]
"""The bindings and changes in a chunk, by the owner of the name and the name; of an attribute: `name.attribute`."""


class _Place(NamedTuple):
    functions: tuple[FunctionScope, ...]
    in_class: bool
    certain: bool
    again: bool


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_LOOPS = (ast.For, ast.AsyncFor, ast.While, ast.AugAssign)
_BRANCHES = (ast.If, *TRIES, ast.Match, ast.ExceptHandler)
_LEFT_OUT = frozenset(("annotation", "ctx", "op", "ops", "returns", "type_comment", "type_params"))
_NOTED = frozenset((ast.Assign, ast.AnnAssign, ast.Subscript, ast.Attribute, ast.Call, ast.Expr))
_PARTS: dict[type[ast.AST], tuple[str, ...]] = {
    ast.comprehension: ("iter", "ifs")  # its names are its own
}
_MAKERS = ("list", "dict", "set", "defaultdict", "deque", "OrderedDict", "Counter", "bytearray")
_DISPLAYS = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)


def is_display(node: ast.expr | None) -> bool:
    """Whether an expression makes a list, dict or set."""
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func
        return (name.id if isinstance(name, ast.Name) else name) in _MAKERS
    return isinstance(node, _DISPLAYS)


def of_piece(piece: Piece, definitions: Definitions) -> Changes:
    """What the text of a chunk says of names."""
    if piece.changes is None:
        piece.changes = _Walk(piece, definitions).run()
    return piece.changes


class _Walk:
    """One walk over a chunk. It is made to be quick."""

    def __init__(self, piece: Piece, definitions: Definitions) -> None:
        self._piece = piece
        self._definitions = definitions
        self._knowledge = load()
        self._found: Changes = {}
        self._made: set[ast.AST] = set()  # names that an assignment binds to what it makes

    def run(self) -> Changes:
        """The changes, those of one name in the order of the text."""
        in_class = self._piece.chunk.header is not None
        start = _Place((), in_class, True, False)
        waiting = [(node, start) for node in _outermost(self._piece)]
        while waiting:
            node, place = waiting.pop()
            kind = type(node)
            if kind is ast.Constant:
                continue
            if kind is ast.Name:
                if type(node.ctx) is not ast.Load:  # type: ignore[attr-defined]
                    self._add(node.id, "", node, place, binds=True)  # type: ignore[attr-defined]
                continue
            if kind in _NOTED:
                self._note(node, place)
            elif isinstance(node, _FUNCTIONS):
                scope = self._definitions.functions[node]
                if _puts_back(node):
                    continue
                place = _Place((*place.functions, scope), False, True, False)
            elif kind is ast.ClassDef:
                place = place._replace(in_class=True)
            elif isinstance(node, _LOOPS):
                place = place._replace(again=True)
            elif isinstance(node, _BRANCHES):
                place = place._replace(certain=False)
            for name in _PARTS.get(kind) or _parts(kind):
                part: ast.AST | list[ast.AST | None] | None = getattr(node, name, None)
                if isinstance(part, list):
                    waiting += [(item, place) for item in part if isinstance(item, ast.AST)]
                elif isinstance(part, ast.AST):
                    waiting.append((part, place))
        for changes in self._found.values():
            changes.sort(key=_position)
        return self._found

    def _note(self, node: ast.AST, place: _Place) -> None:
        target: ast.expr | None = None
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if is_display(node.value):
                self._made.update(targets)
        elif isinstance(node, (ast.Subscript, ast.Attribute)):
            target = None if isinstance(node.ctx, ast.Load) else node.value
        elif isinstance(node, ast.Call) and (name := _registered_by(node)) is not None:
            self._add(name, REGISTERED, node, place, binds=False)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            mutator = self._knowledge.mutator(node.func.attr)
            target = node.func.value if mutator == "result" else None
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            function = node.value.func
            if isinstance(function, ast.Attribute) and self._knowledge.mutator(function.attr):
                node, target = node.value, function.value
        attribute = f".{node.attr}" if isinstance(node, ast.Attribute) else ""
        while isinstance(target, (ast.Subscript, ast.Attribute)):
            attribute = f".{target.attr}" if isinstance(target, ast.Attribute) else ""
            target = target.value
        if isinstance(target, ast.Name):
            self._add(target.id, attribute, node, place, binds=False)

    def _add(self, name: str, attribute: str, node: ast.AST, place: _Place, *, binds: bool) -> None:
        if binds and place.in_class:
            return
        owner: Owner = None
        for scope in reversed(place.functions):
            if scope.declared.get(name) == "global":
                break
            if name in scope.local_names:
                owner = scope
                break
        inside = (place.functions[-1] if place.functions else None) is not owner
        made = binds and node in self._made
        change = Change(node, self._piece, binds, made, inside, place.certain, place.again)
        self._found.setdefault((owner, name + attribute), []).append(change)


def _registered_by(call: ast.Call) -> str | None:
    """The class in `register_dataclass(State, ...)`, `jax.tree_util.register_pytree_node(State, ...)`."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    first = call.args[0] if call.args and name in load().registrars else None
    return first.id if isinstance(first, ast.Name) else None


def _puts_back(node: ast.AST) -> bool:
    """Whether a function changes things for the time of a `with` only."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    for one in decorators:
        name = one.attr if isinstance(one, ast.Attribute) else getattr(one, "id", "")
        if name in ("contextmanager", "asynccontextmanager"):
            return True
    return False


def _outermost(piece: Piece) -> list[ast.AST]:
    """The statements of a chunk; of a big class, whose members are chunks of their own, its header."""
    head = piece.chunk.body[0] if piece.chunk.heads is not None else None
    if isinstance(head, ast.ClassDef):
        return [*head.decorator_list, *head.bases, *head.keywords]
    return list(piece.chunk.body)


def _parts(kind: type[ast.AST]) -> tuple[str, ...]:
    parts = _PARTS[kind] = tuple(name for name in kind._fields if name not in _LEFT_OUT)
    return parts


def _position(change: Change) -> tuple[int, int]:
    return change.line, change.node.col_offset  # type: ignore[attr-defined]


def of_name(
    pieces: Iterable[Piece], definitions: Definitions, name: str
) -> dict[str, list[Change]]:
    """What happens to a name of the module and to its attributes, in the order of the text."""
    speaking = [piece for piece in pieces if any(name in m for m in piece.all_mentions())]
    found = _joined(speaking, definitions)
    return {place: changes for place, changes in found.items() if _root(place) == name}


def _root(place: str) -> str:
    return place.partition(".")[0]


def _joined(pieces: Iterable[Piece], definitions: Definitions) -> dict[str, list[Change]]:
    joined: dict[str, list[Change]] = {}
    for piece in pieces:
        for (owner, place), changes in of_piece(piece, definitions).items():
            if owner is None:
                joined.setdefault(place, []).extend(changes)
    return joined


class Difference(NamedTuple):
    """What an edit does to the names that were asked for."""

    names: set[str]  # the chunks that were replaced speak of them
    others: set[str]  # of these, something else may happen to them, as a reader sees it


def difference(
    old: Sequence[Piece], new: Sequence[Piece], definitions: Definitions, asked: Collection[str]
) -> Difference:
    """The names of the module to which something else may happen after an edit.

    What speaks of a name that was asked for has been looked at, before the edit and after it.
    """
    first, last = same_ends(old, new)
    before, after = old[first : len(old) - last], new[first : len(new) - last]
    one = _joined([piece for piece in before if piece.changes is not None], definitions)
    speaking = [
        piece for piece in after if not all(m.isdisjoint(asked) for m in piece.all_mentions())
    ]
    other = _joined(speaking, definitions)
    staying = {id(piece) for piece in before}
    moved = any(id(piece) in staying for piece in after)  # what stays may lie elsewhere
    names = {_root(place) for place in one.keys() | other.keys()}.intersection(asked)
    others = {
        _root(place)
        for place in one.keys() | other.keys()
        if moved or _stable(one.get(place, ())) != _stable(other.get(place, ()))
    }
    return Difference(names, others.intersection(asked))


def _stable(changes: Sequence[Change]) -> list[object]:
    """What readers see of changes, whichever nodes they are."""
    chunks: dict[int, int] = {}
    return [
        (
            chunks.setdefault(id(change.chunk), len(chunks)),
            change[2:],
            type(change.node),
            *(getattr(change.node, place) for place in _ATTRIBUTES),
            _told_by(change.node) if isinstance(change.node, ast.Call) else "",
        )
        for change in changes
    ]


def _told_by(call: ast.Call) -> str:
    return ast.dump(call.func if _registered_by(call) is None else call)


_ATTRIBUTES = ("lineno", "col_offset", "end_lineno", "end_col_offset")


def after(
    changes: Sequence[Change], reader: FunctionScope, owner: Owner, *, is_parameter: bool = False
) -> tuple[Certainty, tuple[ast.AST, ...]]:
    """The changes that can come after a function was traced, and whether one of them surely does.

    A parameter is bound before all of them. What the function itself changes it does while it is traced.
    """
    start, end = reader.node.lineno, getattr(reader.node, "end_lineno", 0)
    order = reader.home.order if owner is None else {}
    here = order.get(reader.piece.chunk, 0)
    sure = Certainty.MAYBE
    later: list[ast.AST] = []
    bound: tuple[int, int] | None = (0, 0) if is_parameter else None
    for change in changes:
        place = (order.get(change.chunk, 0), change.line if owner is not None else 0)
        first, bound = bound is None and change.binds, bound or (place if change.binds else None)
        if change.inside:
            if not (change.chunk is reader.piece.chunk and start <= change.line <= end):
                later.append(change.node)
            continue
        follows = change.line > end if owner is not None else place[0] > here
        if follows and owner is not None and _excludes(owner, reader.node, change.node):
            continue
        again = not change.binds or change.again or (not first and bound != place)
        if follows and again:
            later.append(change.node)
            if change.certain and change.binds:
                sure = Certainty.YES
    return sure, tuple(later)


def _excludes(owner: FunctionScope, reader: ast.AST, change: ast.AST) -> bool:
    """Whether the two stand in different branches of one `if`."""
    body = owner.node.body
    if not isinstance(body, list):
        return False
    return any(
        _holds(statement.body, reader) and _holds(statement.orelse, change)
        for statement in statements_below(body)
        if isinstance(statement, ast.If)
    )


def _holds(block: list[ast.stmt], node: ast.AST) -> bool:
    if not block:
        return False
    line = cast("ast.stmt", node).lineno
    return block[0].lineno <= line <= (block[-1].end_lineno or 0)
