"""Definitions across an edit: the cells that stay, the nodes that they hold now, and what changed."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from jaxsight_analyzers.semantic.evidence import evidence_in, sets_by_name_in
from jaxsight_analyzers.semantic.parameters import FunctionNode
from jaxsight_analyzers.semantic.scopes import (
    ClassScope,
    Definitions,
    FunctionScope,
    Piece,
    Scope,
    decorators_of,
)
from jaxsight_analyzers.semantic.survey import Survey
from jaxsight_analyzers.semantic.tasks import Dependency
from jaxsight_analyzers.semantic.trees import are_same
from jaxsight_analyzers.syntax import deep
from jaxsight_analyzers.syntax.ends import same_ends

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.module import Module
    from jaxsight_analyzers.syntax.chunks import Chunk
    from jaxsight_analyzers.syntax.parsed import ParsedModule

_Pool = dict[object, list[Scope]]


def redefine(
    module: Module,
    parsed: ParsedModule,
    definitions: Definitions,
    is_library: Callable[[str, int], bool],
) -> set[Dependency]:
    """Give a module a new text. What of its definitions and names is not what it was.

    Definitions that are still there keep their cells, which then hold the new nodes.
    """
    before, chunks = module.pieces, parsed.chunks
    start, end = same_ends([piece.chunk for piece in before], chunks)
    replaced, texts = before[start : len(before) - end], chunks[start : len(chunks) - end]
    if not replaced and not texts:
        module.parsed = parsed
        return set()
    known = {piece.chunk: piece for piece in replaced}
    _keep_trees(known, texts)
    staying = set(texts)
    gone = [piece for chunk, piece in known.items() if chunk not in staying]
    for scope in module.gone:
        scope.methods = {}  # whose owner it is
    pool = _pool(gone, definitions)
    interfaces = {scope: _interface(scope) for scope in _classes_of(gone)}
    changed: set[Dependency] = set()
    new: list[Piece] = []

    def survey(chunk: Chunk, owner: ClassScope | None) -> Piece:
        piece = _surveyed(chunk, definitions, module, is_library, owner)
        changed.update(_adopt(pool, piece, definitions))
        new.append(piece)
        return piece

    stands = _pieces_of(texts, known, _owner_of_members(before[:start]), survey)
    pieces = [*before[:start], *stands, *before[len(before) - end :]]
    _collect_members(pieces, new)
    for scope, interface in interfaces.items():
        if not interface.is_same(_interface(scope)):
            changed.add(scope)
    changed.update(_left_in(pool, module))
    changed.update(module.adopt(parsed, pieces, gone, new))
    changed.update(module.changed_elsewhere(before, definitions))
    for piece in gone:  # they speak of what holds it: functions that are gone
        piece.scopes, piece.changes = [], None
    return changed


def _pieces_of(
    texts: tuple[Chunk, ...],
    known: dict[Chunk, Piece],
    owner: ClassScope | None,
    survey: Callable[[Chunk, ClassScope | None], Piece],
) -> list[Piece]:
    """A piece for each chunk, surveyed where it is not known; members go to the big class whose head came last."""
    found: list[Piece] = []
    for chunk in texts:
        if chunk.header is None:
            owner = None
        piece = known.get(chunk)
        if piece is None:
            piece = survey(chunk, owner)
        if chunk.heads is not None:
            owner = _class_of_head(piece)
        found.append(piece)
    return found


def _left_in(pool: _Pool, module: Module) -> Iterator[Dependency]:
    """The cells that no definition of the new text has taken: they are gone."""
    left = [scope for cells in pool.values() for scope in cells]
    module.gone = [scope for scope in left if isinstance(scope, ClassScope)]
    for scope in left:
        yield scope
        if isinstance(scope, FunctionScope):
            yield from (scope.head, scope.telling)


def _keep_trees(known: dict[Chunk, Piece], texts: tuple[Chunk, ...]) -> None:
    """Let the pieces of chunks of which only blank lines, comments or docstrings changed stand for the new ones."""
    staying = set(texts)
    gone = {id(chunk.body): chunk for chunk in known if chunk not in staying and chunk.is_whole}
    for chunk in texts if gone else ():
        if chunk not in known and chunk.is_whole:
            old = gone.pop(id(chunk.body), None)
            if old is not None:
                piece = known[chunk] = known.pop(old)
                piece.chunk = chunk


def _owner_of_members(before: list[Piece]) -> ClassScope | None:
    """The big class whose members come after some pieces, if members do."""
    for piece in reversed(before):
        if piece.chunk.heads is not None:
            return _class_of_head(piece)
        if piece.chunk.header is None:
            return None
    return None


def _class_of_head(piece: Piece) -> ClassScope:
    return next(scope for scope in piece.scopes if isinstance(scope, ClassScope))


def _surveyed(
    chunk: Chunk,
    definitions: Definitions,
    module: Module,
    is_library: Callable[[str, int], bool],
    owner: ClassScope | None,
) -> Piece:
    """What a new chunk defines. Its tree is cut first where it is deeper than Python's stack."""
    header = chunk.heads is not None
    piece = Piece(chunk)
    try:
        Survey(piece, definitions, module, is_library).run(owner, header)
    except RecursionError:
        _pool([piece], definitions)  # which forgets what was found so far
        piece = Piece(chunk)
        deep.cut(chunk.body)
        Survey(piece, definitions, module, is_library).run(owner, header)
    return piece


def _pool(gone: list[Piece], definitions: Definitions) -> _Pool:
    """The cells of what the edit took away, by what they are called."""
    pool: _Pool = {}
    for piece in gone:
        for scope in piece.scopes:
            table = (
                definitions.functions if isinstance(scope, FunctionScope) else definitions.classes
            )
            table.pop(scope.node, None)
            pool.setdefault(_title(scope), []).append(scope)
    return pool


def _title(scope: Scope) -> object:
    """What a definition is known by from one text to the next.

    That is its name; of a big class what its members hang on, of what is inside functions the very node.
    """
    name = scope.qualname
    if isinstance(scope, ClassScope) and scope.piece.chunk.heads is not None:
        return scope.piece.chunk.heads
    return scope.node if "<locals>" in name or scope.name == "<lambda>" else (type(scope), name)


def _classes_of(gone: list[Piece]) -> list[ClassScope]:
    found: dict[ClassScope, None] = {}
    for piece in gone:
        for scope in piece.scopes:
            if isinstance(scope, ClassScope):
                found[scope] = None
            elif scope.owner is not None:
                found[scope.owner] = None
    return list(found)


def _adopt(pool: _Pool, piece: Piece, definitions: Definitions) -> Iterator[Dependency]:
    """Let old cells stand for the definitions of a piece that are still the same ones."""
    cells: dict[ast.AST, Scope] = {}
    for position, scope in enumerate(piece.scopes):
        same = pool.get(_title(scope))
        if same:
            cell = same.pop(0)
            if isinstance(cell, FunctionScope) and isinstance(scope, FunctionScope):
                yield from _take_function(cell, scope, definitions)
            elif isinstance(cell, ClassScope) and isinstance(scope, ClassScope):
                _take_class(cell, scope, definitions)
            piece.scopes[position] = cell
        cells[scope.node] = piece.scopes[position]
    for scope in piece.scopes:
        if isinstance(scope, ClassScope):
            for name, method in scope.methods.items():
                cell = cells[method.node]
                assert isinstance(cell, FunctionScope)
                scope.methods[name] = cell
        elif scope.owner is not None and scope.owner.node in cells:
            owner = cells[scope.owner.node]
            assert isinstance(owner, ClassScope)
            scope.owner = owner


def _take_function(
    cell: FunctionScope, scope: FunctionScope, definitions: Definitions
) -> Iterator[Dependency]:
    definitions.functions[scope.node] = cell
    if cell.node is scope.node:  # an edit beside it
        cell.owner, cell.nested, cell.piece = scope.owner, scope.nested, scope.piece
        return
    yield cell
    if not _is_same_head(cell.node, scope.node):
        yield cell.head
    if cell.evidence is not None:
        evidence = evidence_in(scope.node)
        if evidence != cell.evidence:
            cell.evidence = evidence
            yield cell.telling
    cell.node, cell.owner, cell.nested = scope.node, scope.owner, scope.nested
    cell.local_names, cell.stores, cell.piece = scope.local_names, scope.stores, scope.piece
    cell.mentions, cell.keeps = scope.mentions, scope.keeps
    cell.declared, cell.parameter_homes = scope.declared, None


def _take_class(cell: ClassScope, scope: ClassScope, definitions: Definitions) -> None:
    cell.node, cell.nested, cell.fields = scope.node, scope.nested, scope.fields
    cell.methods, cell.assigned, cell.piece = scope.methods, scope.assigned, scope.piece
    definitions.classes[scope.node] = cell


def _collect_members(pieces: list[Piece], new: list[Piece]) -> None:
    """Give big classes, of which something is new, the methods and fields of all their members."""
    headers = {piece.chunk.piece for piece in new if piece.chunk.piece is not None}
    if not headers:
        return
    owner: ClassScope | None = None
    for piece in pieces:
        if piece.chunk.piece not in headers:
            continue
        if piece.chunk.heads is not None:
            owner = _class_of_head(piece)
            owner.methods, owner.fields, owner.assigned = {}, {}, {}
        elif owner is not None:
            owner.fields.update(piece.fields)
            for name, expression in piece.assigns:
                owner.assign(name, expression)
            for scope in piece.scopes:
                if isinstance(scope, FunctionScope) and _is_method_of(scope, owner):
                    owner.methods.setdefault(scope.name, scope)


def _is_method_of(scope: FunctionScope, owner: ClassScope) -> bool:
    return scope.owner is owner and scope.name != "<lambda>" and "<locals>" not in scope.qualname


def _is_same_head(one: FunctionNode, other: FunctionNode) -> bool:
    """Whether binding arguments to a function finds the same text in the same place."""
    return are_same(
        [one.args, *decorators_of(one)], [other.args, *decorators_of(other)], placed=True
    )


class _Interface(NamedTuple):
    """What those who use a class ask of its text, apart from the bodies and signatures of methods."""

    expressions: list[ast.AST]
    names: tuple[object, ...]

    def is_same(self, other: _Interface) -> bool:
        """Whether the texts say the same, wherever they stand."""
        return self.names == other.names and are_same(
            self.expressions, other.expressions, placed=False
        )


def _interface(scope: ClassScope) -> _Interface:
    node = scope.node
    assigned = [value for value in scope.assigned.values() if value is not None]
    outer = [*node.bases, *node.keywords, *node.decorator_list, *scope.fields.values(), *assigned]
    decorators = [decorators_of(method.node) for method in scope.methods.values()]
    methods = [
        (
            name,
            frozenset(method.stores),
            frozenset(method.keeps),
            sets_by_name_in(method),
            len(applied),
        )
        for (name, method), applied in zip(scope.methods.items(), decorators)
    ]
    counts = len(node.bases), len(node.keywords), len(node.decorator_list)
    names = (*counts, tuple(scope.fields), tuple(scope.assigned), *methods)
    return _Interface([*outer, *(one for applied in decorators for one in applied)], names)
