"""The answer book of one file: what its text means, unit by unit."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from functools import cached_property
from typing import NamedTuple

from jaxsight_analyzers.diagnostic import Span
from jaxsight_analyzers.knowledge.loader import load
from jaxsight_analyzers.semantic import (
    effect_words,
    streams,
)
from jaxsight_analyzers.semantic.contexts import Frame, Transformation
from jaxsight_analyzers.semantic.interpretation import Interpretation, Via
from jaxsight_analyzers.semantic.routes import chain
from jaxsight_analyzers.semantic.scopes import ClassScope, FunctionScope, Scope, lines_of_statements
from jaxsight_analyzers.semantic.streams import Places
from jaxsight_analyzers.semantic.tasks import Task
from jaxsight_analyzers.semantic.unit import Unit
from jaxsight_analyzers.syntax.chunk import Chunk, Question
from jaxsight_analyzers.syntax.parsed import ParsedModule


class TraceContext(NamedTuple):
    """One way in which a definition is traced."""

    transform: str  # qualified: `jax.jit`
    function: str  # qualified name of the definition
    static: tuple[str, ...]
    donated: tuple[str, ...]
    span: Span  # of the decorator or call that says so
    path: str | None = None  # where that is in another file


class Definition(NamedTuple):
    """A function, method or class, for lenses and hover."""

    name: str
    qualname: str
    span: Span
    name_span: Span
    kind: str  # "function", "method", "class", "lambda"
    contexts: tuple[TraceContext, ...]
    runnable: bool  # importable by its qualified name, so that the runner can run it


def _imports(chunk: Chunk) -> Iterator[ast.Import | ast.ImportFrom]:
    return (node for node in chunk.body if isinstance(node, (ast.Import, ast.ImportFrom)))


def _bound_by(statement: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
    if isinstance(statement, ast.ImportFrom):
        if statement.module and not statement.level:
            for alias in statement.names:
                yield f"{statement.module}.{alias.name}", alias.asname or alias.name
        return
    for alias in statement.names:
        top = alias.name.partition(".")[0]
        yield (alias.name, alias.asname) if alias.asname else (top, top)


class SemanticModel:
    """What a file's text means: the state of an interpretation, until it goes on to the next text."""

    def __init__(
        self,
        interpretation: Interpretation,
        versions: Mapping[str, str],
        thresholds: Mapping[str, float],
    ) -> None:
        self.interpretation = interpretation
        self.revision = interpretation.run.revision
        self.module = interpretation.module.parsed
        self.versions = versions
        self.thresholds = thresholds
        self.knowledge = load()
        self.places = Places(self.module, self.others)
        self.live: dict[Task, Via | None] = interpretation.live
        self._said: dict[Question, bool] = {}
        self.asked_vias: dict[Task, Via | None] = {}  # which of these routes led through
        self.crashes = tuple(
            f"{self.module.source.path}: {crash}" for crash in interpretation.crashes
        )

    @property
    def others(self) -> list[ParsedModule]:
        """The other files that were looked into."""
        modules = self.interpretation.run.modules.values()
        return [module.parsed for module in modules if module is not self.interpretation.module]

    def via(self, task: Task) -> Via | None:
        """How a task is come to, for routes."""
        found = self.asked_vias[task] = self.live.get(task)
        return found

    @property
    def is_current(self) -> bool:
        """Whether the interpretation still stands at this text."""
        return self.revision == self.interpretation.run.revision

    @cached_property
    def importing(self) -> tuple[Chunk, ...]:
        """The chunks with the module's own imports."""
        return tuple(
            [
                piece.chunk
                for piece in self.interpretation.module.pieces
                if piece.imports and piece.chunk.header is None and any(_imports(piece.chunk))
            ]
        )

    @cached_property
    def import_names(self) -> Mapping[str, str]:
        """Qualified name -> the name that stands for it: `jax.numpy` -> `jnp`."""
        found: dict[str, str] = {}
        for chunk in self.importing:
            for statement in _imports(chunk):
                for qualified, bound in _bound_by(statement):
                    found.setdefault(qualified, bound)
        return found

    @cached_property
    def numbers(self) -> Mapping[Chunk, int]:
        """The place of each chunk in the file."""
        return {chunk: number for number, chunk in enumerate(self.module.chunks)}

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        """The units, in the order of the text; there is always one."""
        return tuple([self._made(number) for number in range(max(1, len(self.module.chunks)))])

    def unit(self, number: int) -> Unit:
        """The unit of that number. The model does not hold it, so that it goes with who asked."""
        known = vars(self).get("units")
        return self._made(number) if known is None else known[number]

    def _made(self, number: int) -> Unit:
        tasks = self.interpretation.tasks_of
        return Unit(self, number, tasks[number] if number < len(tasks) else ())

    def imported_by(self, task: Task) -> tuple[object, ...]:
        """What of libraries a task imports, and whether it may be missing."""
        seen = task.events.seen("imports")
        return tuple([(s.qualified, s.guarded) for s in seen if self.module.owns(s.node)])

    @cached_property
    def imports(self) -> list[streams.Reference]:
        """The libraries' names that the file imports."""
        owns = self.module.owns
        seen = (
            event for task in self.live for event in task.events.seen("imports") if owns(event.node)
        )
        return streams.references(seen, self.places)

    def says(self, question: Question) -> bool:
        """Whether a line of the file answers a question with yes."""
        answer = self._said.get(question)
        if answer is None:
            answer = any(chunk.says(question) for chunk in self.module.chunks)
            self._said[question] = answer
        return answer

    def may_mention(self, statement: ast.stmt, names: AbstractSet[str]) -> bool:
        """Whether one of some names may be in a statement: in the chunk that it lies in, one is."""
        piece = self.interpretation.module.pieces[self.module.number_of(statement)]
        if piece.chunk.heads is not None or not piece.names.isdisjoint(names):
            return True  # the members of a big class are elsewhere
        return any(not mentions.isdisjoint(names) for mentions in piece.all_mentions())

    @property
    def reveals(self) -> list[tuple[int, int, str]]:
        """What the specifications of the model ask, by line and column: `reveal_value(x)` and its kin."""
        found: list[tuple[int, int, str]] = []
        for task in self.live:
            for seen in task.events.seen("reveals"):
                if not self.module.owns(seen.node):
                    continue
                text = seen.text
                if seen.what == "reveal_contexts":
                    text = self._stack_of(seen.frame)
                elif seen.what == "reveal_effects":
                    text = effect_words.answer(self.live, seen)
                found.append((self.module.line_of(seen.node), seen.node.col_offset, text))
        return found

    def _stack_of(self, frame: Frame) -> str:
        names = [
            streams.display(transformation.qualified)
            for inner, _, _ in chain(self, frame)
            for transformation in inner.transformations
        ]
        return " > ".join(reversed(names)) or "host"

    @cached_property
    def definitions(self) -> tuple[Definition, ...]:
        """The functions, methods and classes of the file, in the order of the text."""
        frames: dict[ast.AST, list[Frame]] = {}
        for task in self.live:
            for node, runs in task.events.contexts.items():
                frames.setdefault(node, []).extend(run.frame for run in runs)
        return tuple(
            self._definition(scope, frames.get(scope.node, ()))
            for piece in self.interpretation.module.pieces
            for scope in piece.scopes
            if not isinstance(scope.node, ast.Lambda)
        )

    def _definition(self, scope: Scope, frames: Iterable[Frame]) -> Definition:
        node = scope.node
        assert not isinstance(node, ast.Lambda)
        is_class = isinstance(scope, ClassScope)
        kind = "class" if is_class else "method" if scope.owner is not None else "function"
        return Definition(
            scope.name,
            scope.qualname,
            self.module.span(node),
            self.places.name_span(node),
            kind,
            () if is_class else self._contexts(scope, frames),
            runnable=not is_class and "<locals>" not in scope.qualname,
        )

    def _contexts(self, scope: FunctionScope, frames: Iterable[Frame]) -> tuple[TraceContext, ...]:
        found: dict[tuple[str, int], TraceContext] = {}
        for frame in frames:
            for transformation in self._tracing(frame):
                place = (transformation.qualified, id(transformation.node))
                found[place] = self._context(scope, transformation)
        return tuple(dict.fromkeys(found.values()))

    def _tracing(self, frame: Frame) -> list[Transformation]:
        for inner, _, _ in chain(self, frame):
            found = [t for t in inner.transformations if t.abstract or t.mode == "concrete"]
            if found:
                return found
        return []

    def _context(self, scope: FunctionScope, transformation: Transformation) -> TraceContext:
        arguments = scope.node.args
        names = [a.arg for a in (*arguments.posonlyargs, *arguments.args)]

        def named(chosen: Iterable[str | int]) -> tuple[str, ...]:
            found = (
                names[one] if isinstance(one, int) and -len(names) <= one < len(names) else str(one)
                for one in chosen
            )
            return tuple(sorted(found))

        place = self.places.related_at(transformation.node, "")
        return TraceContext(
            transformation.qualified,
            scope.qualname,
            named(transformation.static),
            named(transformation.donated),
            place.span,
            place.path,
        )

    def statement_start(self, line: int) -> int:
        """The zero-based first line of the simple statement, or block header, that a line is part of."""
        analysed, module = self.module.analysed, self.module
        number = module.chunk_at(analysed.line_starts[line])
        chunk = module.chunks[number]
        before = analysed.line_of(module.starts[number])
        lines = lines_of_statements(chunk.body)
        inside = line - before + chunk.base
        return lines.get(inside, inside) - chunk.base + before
