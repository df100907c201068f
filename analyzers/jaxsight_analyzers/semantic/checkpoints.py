"""Checkpointers and managers of Orbax as values, and what is done with them.

A checkpointer says whether it saves in the background, how it writes a tree, and, of a manager, how its items are
named and handled. What is called of it is seen with where it was made, so that its saves and
what waits for them can be told to belong together.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from jaxsight_analyzers.data import dataclass
from jaxsight_analyzers.knowledge.facts import FunctionFacts
from jaxsight_analyzers.semantic.contexts import Frame, place
from jaxsight_analyzers.semantic.described import Described
from jaxsight_analyzers.semantic.structures import entries_of, items_of
from jaxsight_analyzers.semantic.values import (
    STATIC,
    Kind,
    Value,
    constant_of,
    qualified_of,
    record_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jaxsight_analyzers.semantic.arguments import Arguments
    from jaxsight_analyzers.semantic.run import Run

_MODES = ("async", "sync", "manager")
_FORMATS = ("standard", "pytree", "composite")
_TREES = (Kind.TREE, Kind.MAPPING, Kind.SEQUENCE, Kind.SERIES, Kind.ARRAY)


@dataclass(frozen=True, slots=True, eq=False)
class Checkpointer(Described):
    """What is known of a checkpointer, or of a manager of checkpoints."""

    name: str
    mode: str  # "async", "sync", "manager"
    node: ast.AST  # that makes it
    format: str | None  # "standard", "pytree"
    waits: bool | None = None  # whether `save` returns when all is written; None: not known
    is_plain: bool = False  # a manager that is told nothing of its items
    is_named: bool = False  # a manager whose items have names
    has_best: bool = False  # a manager that keeps the best by their metrics

    @property
    def words(self) -> str:
        """It in words, for the specifications of the model."""
        said = [self.mode, *([self.format] if self.format else [])]
        said += ["waits" if self.waits else "does not wait"] if self.waits is not None else []
        for is_so, word in ((self.is_plain, "plain"), (self.is_named, "named")):
            said += [word] if is_so else []
        return f"checkpointer {self.name.rpartition('.')[2]}: {', '.join(said)}"

    @property
    def signature(self) -> object:
        """What tells it from others."""
        return self.name, place(self.node), self.format, self.waits, self.is_plain, self.is_named


@dataclass(frozen=True, slots=True, eq=False)
class Settings(Described):
    """Options of a manager, a handler, or the `args` of a save."""

    what: str  # "options", "handler", "args"
    format: str | None = None
    waits: bool | None = False
    has_best: bool = False
    leaf: Leaf | None = None  # what in the tree that is to be saved cannot be
    owner: str = ""  # the class of the tree that is to be saved

    @property
    def words(self) -> str:
        """It in words, for the specifications of the model."""
        return f"{self.what} {self.format}" if self.format else self.what

    @property
    def signature(self) -> object:
        """What tells it from others."""
        return self.what, self.format, self.waits, self.has_best, self.leaf, self.owner


class Leaf(NamedTuple):
    """Something in a tree that is no array."""

    key: str
    kind: str  # "text", "function"


class CheckpointCallSeen(NamedTuple):
    """A method that is called of a checkpointer, or a `with` statement of one."""

    node: ast.AST
    checkpointer: Checkpointer
    method: str  # "with" for the statement
    mistake: str  # why it fails, see `_mistake`; empty where it does not
    leaf: Leaf | None  # what in the tree cannot be saved
    path: RelativePath | None
    lacks_metrics: bool
    owner: str  # of a save: the class of what is saved, which a dict takes the place of in the file
    is_bare: bool  # a restore that is not told what it is to make
    frame: Frame
    guards: tuple[str, ...]


class ManagerSeen(NamedTuple):
    """A manager that is made."""

    node: ast.Call
    path: RelativePath | None
    misplaced: ast.expr | None  # options that are given for checkpointers
    guards: tuple[str, ...]


class RelativePath(NamedTuple):
    """A path that depends on the working directory."""

    node: ast.expr
    is_object: bool  # a `Path`, no text


# How they are made


def made(run: Run, node: ast.expr, facts: FunctionFacts, arguments: Arguments) -> Value:
    """What a class of Orbax makes."""
    said = (facts.checkpointer or "").split()
    form = next((word for word in said if word in _FORMATS), None)
    if said[0] == "options":
        return _value(_options(arguments))
    if said[0] in ("handler", "args"):
        if said[0] == "args" and arguments.positional:
            tree = arguments.positional[0]
            return _value(Settings("args", form, leaf=_leaf(tree, form), owner=_owner(tree)))
        return _value(Settings(said[0], form))
    if said[0] == "manager":
        return _value(_manager(run, node, facts, arguments))
    handler = arguments.positional[0].data if arguments.positional else None
    if form is None and isinstance(handler, Settings):
        form = handler.format
    return _value(Checkpointer(facts.name, said[0], node, form, said[0] == "sync"))


def of_annotation(run: Run, node: ast.expr, names: Iterable[str]) -> Value | None:
    """What is annotated as a checkpointer or a manager: how it was made is not known."""
    for name in names:
        facts = run.facts(name)
        said = [] if facts is None else (facts.checkpointer or "").split()
        if facts is not None and said and said[0] in _MODES:
            form = next((word for word in said if word in _FORMATS), None)
            return _value(Checkpointer(facts.name, said[0], node, form))
    return None


def _value(data: Described) -> Value:
    return Value(Kind.UNKNOWN, data=data)


def _options(arguments: Arguments) -> Settings:
    background = arguments.keywords.get("enable_async_checkpointing")
    waits: bool | None = False
    if background is not None:
        known = constant_of(background)
        waits = not known if isinstance(known, bool) else None
    best = arguments.keywords.get("best_fn")
    is_open = arguments.open or bool(arguments.positional)
    has_best = best is not None and constant_of(best) is not None
    return Settings("options", waits=None if is_open else waits, has_best=has_best)


def _manager(run: Run, node: ast.expr, facts: FunctionFacts, arguments: Arguments) -> Checkpointer:
    given = {name: value for name, _, value in arguments.named(facts) if name is not None}
    nodes = {name: one for name, one, _ in arguments.named(facts) if name is not None}
    options = given.get("options")
    known = options.data if options is not None else None
    waits: bool | None = False
    if options is not None and constant_of(options) is not None:
        waits = known.waits if isinstance(known, Settings) else None
    told = ("checkpointers", "item_names", "item_handlers", "handler_registry")
    silent = [name for name in told if constant_of(given.get(name, _NONE)) is not None]
    checkpointers = given.get("checkpointers")
    inner = checkpointers.data if checkpointers is not None else None
    misplaced = None
    if isinstance(inner, Settings) and inner.what == "options":
        misplaced, known, waits = nodes.get("checkpointers"), inner, inner.waits
        silent.remove("checkpointers")
    is_legacy = "checkpointers" in silent
    if isinstance(node, ast.Call) and not run.frame.state.dead:
        directory, written = given.get("directory"), nodes.get("directory")
        path = None if directory is None or written is None else relative(run, written, directory)
        run.events.managers.append(ManagerSeen(node, path, misplaced, run.guards))
    if is_legacy:
        waits = inner.waits if isinstance(inner, Checkpointer) else None
    return Checkpointer(
        facts.name,
        "manager",
        node,
        inner.format if isinstance(inner, Checkpointer) else None,
        waits,
        is_plain=not silent and not arguments.open,
        is_named="item_names" in silent and not is_legacy and not arguments.open,
        has_best=isinstance(known, Settings) and known.has_best,
    )


_NONE = Value(Kind.STATIC, data=None)


# What is done with them


def method(run: Run, node: ast.Call, base: Checkpointer, name: str, given: Arguments) -> Value:
    """A method of a checkpointer."""
    if not run.frame.state.dead:
        is_save = name == "save"
        path = None
        if base.mode != "manager" and name in ("save", "restore") and given.nodes:
            path = relative(run, given.nodes[0], given.positional[0])
        lacks = is_save and base.has_best and not given.open and "metrics" not in given.keywords
        run.events.checkpoint_calls.append(
            CheckpointCallSeen(
                node,
                base,
                name,
                _mistake(base, name, given),
                _unsaved(base, given) if is_save else None,
                path,
                lacks,
                _saved_class(given) if is_save else "",
                name == "restore" and not given.open and _count(given) == 1,
                run.frame,
                run.guards,
            )
        )
    return STATIC if name in ("save", "all_steps", "should_save") else Value(Kind.UNKNOWN)


def note_with(run: Run, node: ast.expr, value: Value) -> None:
    """`with checkpointer:` waits for what it saves."""
    if isinstance(value.data, Checkpointer) and not run.frame.state.dead:
        run.events.checkpoint_calls.append(
            CheckpointCallSeen(
                node, value.data, "with", "", None, None, False, "", False, run.frame, run.guards
            )
        )


def _mistake(base: Checkpointer, name: str, given: Arguments) -> str:
    """Why a save or a restore fails: "items" that a manager has not been told how to handle, and so on."""
    if name not in ("save", "restore") or given.open:
        return ""
    args = given.keywords.get("args")
    if base.mode != "manager":
        is_standard = base.name.endswith("StandardCheckpointer")
        return "no args" if args is not None and is_standard else ""
    if args is None:
        old = "items" in given.keywords or len(given.positional) > 1
        return "items" if base.is_plain and old else ""
    if args.kind in _TREES and not args.optional:
        return "tree"
    is_one = isinstance(args.data, Settings) and args.data.format != "composite"
    if base.is_named and is_one and isinstance(args.data, Settings) and args.data.what == "args":
        return "one"
    return ""


def _unsaved(base: Checkpointer, given: Arguments) -> Leaf | None:
    args = given.keywords.get("args")
    if args is not None:
        return args.data.leaf if isinstance(args.data, Settings) else None
    if base.mode == "manager" or len(given.positional) < 2:
        return None
    return _leaf(given.positional[1], base.format)


def _count(given: Arguments) -> int:
    return len(given.positional) + len(given.keywords)


def _saved_class(given: Arguments) -> str:
    """The class of what is saved; empty where it is none, or not known."""
    args = given.keywords.get("args")
    if args is not None:
        return args.data.owner if isinstance(args.data, Settings) else ""
    return _owner(given.positional[1]) if len(given.positional) > 1 else ""


def _owner(tree: Value) -> str:
    """The class of a training state or a pytree of the project, which a file does not know."""
    record = record_of(tree)
    if tree.kind is not Kind.INSTANCE or record is None or tree.optional or not record.is_pytree:
        return ""
    return "TrainState" if record.owner is None else record.owner.name


def _leaf(tree: Value, form: str | None) -> Leaf | None:
    if form not in ("standard", "pytree"):
        return None
    for key, value in _leaves(tree, "", 4):
        if value.kind is Kind.FUNCTION and not value.optional:
            return Leaf(key, "function")
        if form == "standard" and isinstance(constant_of(value), str):
            return Leaf(key, "text")
    return None


def _leaves(value: Value, key: str, levels: int) -> Iterator[tuple[str, Value]]:
    entries, items = entries_of(value), items_of(value)
    if value.optional or not levels or (entries is None and items is None):
        yield key, value
    elif entries is not None:
        for name, inner in entries.items():
            yield from _leaves(inner, f"{key}[{name!r}]", levels - 1)
    elif value.kind is Kind.SEQUENCE:
        for number, inner in enumerate(items or ()):
            yield from _leaves(inner, f"{key}[{number}]", levels - 1)


# Paths


def relative(run: Run, node: ast.expr, value: Value) -> RelativePath | None:
    """The path that an argument surely is, if it depends on the working directory."""
    text = constant_of(value)
    if isinstance(text, str):
        return RelativePath(node, False) if _is_relative(text) else None
    if isinstance(node, ast.JoinedStr):
        first = node.values[0] if node.values else None
        known = isinstance(first, ast.Constant) and _is_relative(str(first.value))
        return RelativePath(node, False) if known else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        inner = relative(run, node.left, run.evaluate(node.left))
        return RelativePath(node, True) if inner is not None and inner.is_object else None
    if not isinstance(node, ast.Call) or not node.args or node.keywords:
        return None
    name = qualified_of(run.evaluate(node.func)) if _is_dotted(node.func) else None
    if name not in _PATHS:
        return None
    first, *others = node.args
    if relative(run, first, run.evaluate(first)) is None or not all(map(_is_text, others)):
        return None
    return RelativePath(node, name != "os.path.join")


_PATHS = ("os.path.join", "pathlib.Path", "etils.epath.Path")


def _is_dotted(node: ast.expr) -> bool:
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name)


def _is_text(node: ast.expr) -> bool:
    """Whether it is written as a part of a path that does not begin at the root."""
    if isinstance(node, ast.Constant):
        return not str(node.value).startswith("/")
    if isinstance(node, ast.JoinedStr):
        first = node.values[0] if node.values else None
        return isinstance(first, ast.Constant) and not str(first.value).startswith("/")
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") == "str"


def _is_relative(text: str) -> bool:
    return bool(text) and not text.startswith(("/", "\\")) and ":" not in text.partition("/")[0]
