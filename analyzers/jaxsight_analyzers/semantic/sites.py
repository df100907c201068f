"""The sites of probabilistic programs: what a model names, and which names it uses again.

Inference looks at a model through its sites, and tells them by their names. A name is used up as a key is: a
token for it is entered into what is used up on a path, so that branches, loops and calls count as for keys.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.knowledge.facts import FunctionFacts
from jaxsight_analyzers.semantic import key_arrays
from jaxsight_analyzers.semantic.contexts import Frame
from jaxsight_analyzers.semantic.keys import Condition, Consumption, KeyToken
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.spelling import display
from jaxsight_analyzers.semantic.values import MISSING, FunctionData, Value, constant_of

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.arguments import Arguments
    from jaxsight_analyzers.semantic.scopes import FunctionScope

UNIQUE = ("sample", "deterministic", "factor")
"""The kinds of sites whose name nothing before them may have."""

_WRITTEN = (
    ast.Name,
    ast.Constant,
    ast.JoinedStr,
    ast.FormattedValue,
    ast.BinOp,
    ast.operator,
    ast.expr_context,
)
"""What a name is made of that says the same each time, as long as its names keep their values."""


class SiteSeen(NamedTuple):
    """A site, in one context."""

    node: ast.Call
    facts: FunctionFacts
    name: str | None  # where that is known
    distribution: Value | None
    size: int | None  # of a plate, where that is known
    conditions: tuple[Condition, ...]  # of the path it stands on
    given: dict[str, ast.expr | None]  # the parameters that it is given, and by which expressions
    observed: Certainty  # whether a value is given for it
    expected: bool  # whether something is expected to fail in the run
    frame: Frame
    guards: tuple[str, ...]


class RepeatedSiteSeen(NamedTuple):
    """A name that a site has though one before it has it."""

    node: ast.AST  # the site, or the call of what has it
    by: str
    name: str
    earlier: Consumption
    certainty: Certainty
    in_loop: bool
    expected: bool  # whether something is expected to fail in the run
    frame: Frame
    guards: tuple[str, ...]


class UnseededSeen(NamedTuple):
    """A site that draws without a key where no handler gives it one."""

    node: ast.AST  # the site, or the call of the function that has it
    function: str | None
    name: str | None
    frame: Frame
    guards: tuple[str, ...]


class DrawnSeen(NamedTuple):
    """A value that may be any number: of a real distribution, or a parameter without a constraint."""

    node: ast.Call
    value: Value
    name: str | None
    guards: tuple[str, ...]


class SiteToken(KeyToken):
    """The name of a site: equal to others by the name, or by how it is written in one run of a function."""

    __slots__ = ("draws", "place", "what")

    def __init__(
        self, what: object, name: str, node: ast.AST, owner: object, place: FunctionScope | None
    ) -> None:
        super().__init__(name, node, owner)
        self.what = what
        self.place = place  # the function that it stands in
        self.draws = False  # whether it needs a key

    def __hash__(self) -> int:
        return hash(self.what)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SiteToken) and self.what == other.what


_EVERYONE = object()
"""Owns the names that mean the same in every function."""


def note(run: Run, node: ast.expr, facts: FunctionFacts, arguments: Arguments) -> None:
    """A call that makes a site."""
    if run.frame.state.dead or not isinstance(node, ast.Call):
        return
    named = arguments.get(facts, "name")
    token = None if named is None or named[0] is None else _token(run, node, *named)
    given = {name: written for name, written, _ in arguments.named(facts) if name is not None}
    distribution = arguments.get(facts, "fn")
    size = arguments.get(facts, "size")
    passes = None if size is None else constant_of(size[1])
    name = token.name if token is not None and isinstance(token.what, str) else None
    observed = Certainty.MAYBE if arguments.open else _observed(facts, arguments)
    if arguments.open:
        given.setdefault("rng_key", None)
    seen = SiteSeen(
        node,
        facts,
        name,
        None if distribution is None else distribution[1],
        passes if isinstance(passes, int) else None,
        run.frame.state.conditions,
        given,
        observed,
        bool(run.task.fails_on_purpose),
        run.frame,
        run.guards,
    )
    run.events.sites.append(seen)
    if run.guarded("handler") or ("rng_key" in given and not run.guarded("model")):
        return  # one with a key draws outside of models, too
    draws = facts.site == "sample" and observed is Certainty.NO and "rng_key" not in given
    if draws and run.frame.scope is None:
        run.events.unseeded_sites.append(UnseededSeen(node, None, name, run.frame, run.guards))
    if token is not None:
        token.draws = draws
        conditions, loops = run.frame.state.conditions, run.frame.loops
        by = f"`{display(facts.name)}`"
        use = Consumption(node, by, Certainty.YES, conditions, loops, sampler=facts.site or "")
        _use(run, token, use)


def note_drawn(
    run: Run, node: ast.expr, facts: FunctionFacts, arguments: Arguments, value: Value
) -> None:
    """What a site gives the model, where nothing bounds it."""
    if run.frame.state.dead or arguments.open or not isinstance(node, ast.Call):
        return
    distribution = arguments.get(facts, "fn")
    of = None if distribution is None else distribution[1].data
    real = isinstance(of, FunctionFacts) and of.draws == "real"
    if facts.site == "param" and "constraint" not in arguments.keywords:
        real = True
    if real:
        named = arguments.get(facts, "name")
        known = None if named is None else constant_of(named[1])
        name = known if isinstance(known, str) else None
        run.events.drawn.append(DrawnSeen(node, value, name, run.guards))


def note_call(
    run: Run, node: ast.AST, data: FunctionData, token: SiteToken, use: Consumption
) -> None:
    """A call of a function that has a site: `use` says where, in the caller's terms."""
    if data.transformations or data.veiled or run.guarded("handler"):
        return  # what is made of it may rename its sites, or is run by an inference of its own
    draws = token.draws and token.place is data.scope and use.certainty is Certainty.YES
    if draws and run.frame.scope is None:
        seen = UnseededSeen(node, data.name, token.name, run.frame, run.guards)
        run.events.unseeded_sites.append(seen)
    _use(run, token, use)


def _use(run: Run, token: SiteToken, use: Consumption) -> None:
    state = run.frame.state
    if run.frame.scope is None:
        return  # the module is no model
    earlier = state.consumed.get(token)
    if earlier is None or use.certainty > earlier.certainty:
        state.consumed[token] = use._replace(on_path=use.certainty)
    if earlier is None or use.sampler not in UNIQUE or earlier.excludes(use.conditions):
        return
    before = dict(earlier.passes)
    in_loop = any(before.get(loop, count) != count for loop, count in use.passes)
    if earlier.node is use.node and not in_loop:
        return  # seen twice in one place
    certainty = min(earlier.certainty_under(use.conditions), use.certainty)
    expected = bool(run.task.fails_on_purpose)
    seen = RepeatedSiteSeen(
        use.node, use.by, token.name, earlier, certainty, in_loop, expected, run.frame, run.guards
    )
    run.events.repeated_sites.append(seen)


def _observed(facts: FunctionFacts, arguments: Arguments) -> Certainty:
    """Whether a value is given for what is drawn: one that may be None may be none."""
    found = None if facts.observed is None else arguments.get(facts, facts.observed)
    if found is None:
        return Certainty.NO
    known = constant_of(found[1])
    if known is None:
        return Certainty.NO
    is_sure = known is not MISSING or not (found[1].optional or _is_parameter(found[0]))
    return Certainty.YES if is_sure else Certainty.MAYBE


def _is_parameter(node: ast.expr | None) -> bool:
    return isinstance(node, (ast.Name, ast.Attribute, ast.Subscript))


def _token(run: Run, call: ast.Call, node: ast.expr | None, value: Value) -> SiteToken | None:
    """What stands for the name of a site; None where it may be another one each time."""
    known = constant_of(value)
    if not isinstance(known, str) and isinstance(node, ast.JoinedStr):
        known = _joined(run, node)
    scope = run.frame.scope
    if isinstance(known, str):
        return SiteToken(known, known, call, _EVERYONE, scope)
    if node is None or not all(isinstance(part, _WRITTEN) for part in ast.walk(node)):
        return None
    text = ast.unparse(node)
    what = (run.frame.mark, text, key_arrays.names_now(run, node))
    return SiteToken(what, text, call, run.frame.mark, scope)


def _joined(run: Run, node: ast.JoinedStr) -> str | None:
    """The text of an f-string whose parts are known."""
    parts: list[str] = []
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            if part.format_spec is not None or part.conversion != -1:
                return None
            if not isinstance(part.value, ast.Name):
                return None
            known = constant_of(run.lookup(part.value.id))
            if not isinstance(known, (str, int)):
                return None
            parts.append(str(known))
        elif isinstance(part, ast.Constant):
            parts.append(str(part.value))
    return "".join(parts)
