"""One interpretation of a module: its knowledge, its definitions, and what it has seen so far."""

from __future__ import annotations

import ast
from collections.abc import Callable

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.knowledge.loader import FunctionFacts, Knowledge
from jaxsight_analyzers.semantic.contexts import Environment, Frame, State, Summary
from jaxsight_analyzers.semantic.events import Events, KeyReuseSeen
from jaxsight_analyzers.semantic.evidence import Evidence, evidence_in
from jaxsight_analyzers.semantic.keys import Consumption, KeyToken, Test, earlier_use
from jaxsight_analyzers.semantic.scopes import ClassScope, FunctionNode, Scopes
from jaxsight_analyzers.semantic.values import UNKNOWN, FunctionData, Kind, Value

MAX_DEPTH = 8
"""Calls deeper than this return something unknown."""

MAX_SUMMARIES = 12
"""A function called in more different ways than this is unknown in the others."""


class Run:
    """The state of one interpretation. It is used once and then read."""

    def __init__(
        self,
        tree: ast.Module,
        scopes: Scopes,
        knowledge: Knowledge,
        evaluate: Callable[[Run, ast.expr], Value],
    ) -> None:
        self._evaluate = evaluate
        self.tree = tree
        self.scopes = scopes
        self.knowledge = knowledge
        self.events = Events()
        self.module = Environment(None, State({}, {}))
        self.frame = Frame(tree, "<module>", self.module, None, None)
        self.globals: dict[str, Value] = {}
        self.summaries: dict[object, Summary | None] = {}
        self.summary_counts: dict[ast.AST, int] = {}
        self.ran: set[ast.AST] = set()
        self.transformed: dict[Frame, list[FunctionData]] = {}
        self.called: set[tuple[ast.AST, ast.AST]] = set()
        self.methods: dict[tuple[ClassScope, str], Value] = {}
        self.class_environments: dict[ClassScope, Environment] = {}
        self.loop_nodes: dict[int, ast.AST] = {}
        self.branch_end = self.frame.state
        self.postponed_annotations = False
        self._tests: dict[ast.AST, Test] = {}
        self._evidence: dict[ast.AST, Evidence] = {}
        self._free_names: dict[ast.AST, tuple[str, ...]] = {}
        self.attributes: dict[ClassScope, dict[str, Value]] = {}
        self.loop_count = 0
        self.pending: dict[ast.AST, tuple[FunctionData, Frame]] = {}
        self.fails_on_purpose: list[ast.AST] = []
        self.budget = 400 + 60 * len(scopes.functions)

    # Names

    def lookup(self, name: str) -> Value:
        """What a name stands for here: in this function, around it, in the module, in Python."""
        environment: Environment | None = self.frame.environment
        while environment is not None:
            value = environment.state.names.get(name)
            if value is not None:
                return value
            environment = environment.parent
        value = self.globals.get(name)
        if value is not None:
            return value
        if name in self.scopes.module_names:
            return UNKNOWN
        return self.builtin(name)

    def builtin(self, name: str) -> Value:
        """A builtin of Python by its qualified name."""
        facts = self.knowledge.function(f"builtins.{name}")
        return Value(Kind.IMPORTED, data=f"builtins.{name}") if facts is not None else UNKNOWN

    # Guards

    def guarded(self, *kinds: str) -> bool:
        """Whether a failure here is expected for one of these reasons."""
        return any(guard in kinds for frame in self.frame.chain() for guard in frame.guards)

    # Keys

    def new_key(self, name: str, node: ast.AST, length: int | None = None) -> frozenset[KeyToken]:
        """A key, or array of keys, that this frame owns."""
        return frozenset((KeyToken(name, node, self.frame, length),))

    def consume(
        self,
        tokens: frozenset[KeyToken] | None,
        use: Consumption,
        argument: ast.expr | None,
        repeated_by: str | None = None,
    ) -> None:
        """Use up a key here, and note where it was used up before."""
        if not tokens:
            return
        state = self.frame.state
        owners = set(self.frame.chain())
        tokens = frozenset(token for token in tokens if token.owner in owners)
        certainty = use.certainty if len(tokens) == 1 else Certainty.MAYBE
        for token in self.ordered(tokens):
            earlier = earlier_use(token, state.consumed)
            if earlier is None:
                state.consumed[token] = use._replace(certainty=certainty, on_path=certainty)
            elif not earlier.excludes(use.conditions) and not state.dead:
                before = earlier.certainty_under(use.conditions)
                self._note_reuse(token, use, argument, earlier, min(certainty, before))

    @staticmethod
    def ordered(tokens: frozenset[KeyToken] | None) -> list[KeyToken]:
        """Keys in the order in which the text makes them."""
        return sorted(tokens or (), key=_position)

    def note_repeated(self, token: KeyToken, use: Consumption, by: FunctionFacts) -> None:
        """A key that a body uses up, and that is the same in each run of that body."""
        if use.sampler in _REORDERING and by.name == "jax.tree.map":
            return  # one order for all leaves, which belong together
        certainty = use.certainty
        if by.when == "later" or self._in_test():
            certainty = min(certainty, Certainty.MAYBE)  # one draw for all rows may be meant
        self.events.key_reuses.append(
            KeyReuseSeen(use.node, None, token, use.by, use, certainty, True, by.name, self.frame)
        )

    def _in_test(self) -> bool:
        """Whether this runs in a test, which often draws the same numbers to compare what is made of them."""
        return any(frame.name.startswith("test") for frame in self.frame.chain())

    def _note_reuse(
        self,
        token: KeyToken,
        use: Consumption,
        argument: ast.expr | None,
        earlier: Consumption,
        certainty: Certainty,
    ) -> None:
        before = dict(earlier.passes)
        in_loop = any(before.get(loop, count) != count for loop, count in use.passes)
        if earlier.node is use.node and not in_loop:
            return  # seen twice in one place: two paths, or two contexts
        if not in_loop and _pairs(earlier, use):
            return
        if self._in_test():
            certainty = min(certainty, Certainty.MAYBE)
        self.events.key_reuses.append(
            KeyReuseSeen(
                use.node, argument, token, use.by, earlier, certainty, in_loop, None, self.frame
            )
        )

    # Functions

    def evaluate(self, node: ast.expr) -> Value:
        """The value of an expression; records what its evaluation does."""
        return self._evaluate(self, node)

    def note_transformed(self, data: FunctionData, frame: Frame) -> None:
        """Remember a transformed function, in case nobody calls it."""
        self.transformed.setdefault(frame, []).append(data)

    def transformed_in(self, frame: Frame) -> list[FunctionData]:
        """The functions that were transformed in a frame, and forget them."""
        return self.transformed.pop(frame, [])

    def iterated(self, loop: int) -> ast.AST | None:
        """What a loop runs over."""
        return getattr(self.loop_nodes.get(loop), "iter", None)

    def forget_what_was_seen(self) -> None:
        """Start over with the module's names known and nothing seen."""
        self.events = Events()
        self.module.state = State({}, {})
        for table in (self.summaries, self.summary_counts, self.transformed, self.pending):
            table.clear()
        self.ran.clear()
        self.called.clear()
        self.fails_on_purpose.clear()
        self.budget = 400 + 60 * len(self.scopes.functions)

    def test(self, node: ast.expr) -> Test:
        """What the test of a branch reads and looks at."""
        known = self._tests.get(node)
        if known is None:
            known = self._tests[node] = Test(node, *_read_by(node))
        return known

    def evidence(self, node: FunctionNode) -> Evidence:
        """What a function's text says of its parameters."""
        known = self._evidence.get(node)
        if known is None:
            known = self._evidence[node] = evidence_in(node)
        return known

    def free_names(self, node: ast.AST) -> tuple[str, ...]:
        """The names that a function reads from around it."""
        known = self._free_names.get(node)
        if known is None:
            local = self.scopes.functions[node].local_names
            names = {n.id: None for n in ast.walk(node) if isinstance(n, ast.Name)}
            known = self._free_names[node] = tuple(n for n in names if n not in local)
        return known

    def facts(self, qualified: str | None) -> FunctionFacts | None:
        """What is known of a library's function."""
        return None if qualified is None else self.knowledge.function(qualified)


_REORDERING = ("jax.random.permutation", "jax.random.choice")


def _pairs(one: Consumption, other: Consumption) -> bool:
    """`permutation(key, x)` and `permutation(key, y)`: one order for two arrays that belong together."""
    if one.sampler != other.sampler or one.sampler not in _REORDERING:
        return False
    first, second = one.node, other.node
    if not (isinstance(first, ast.Call) and isinstance(second, ast.Call)):
        return False
    direct = f"`{one.sampler}`"
    if one.by != direct or other.by != direct:
        return ast.dump(first) != ast.dump(second)  # a helper reorders: not the same array
    arrays = [call.args[1] for call in (first, second) if len(call.args) > 1]
    return len(arrays) == 2 and ast.dump(arrays[0]) != ast.dump(arrays[1])


def _position(token: KeyToken) -> tuple[int, int, str]:
    return getattr(token.node, "lineno", 0), getattr(token.node, "col_offset", 0), token.name


def _read_by(test: ast.expr) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names in a test, and what it guards against: a version, or a value that is a tracer."""
    names: list[str] = []
    guards: list[str] = []
    for node in ast.walk(test):
        if isinstance(node, ast.Name):
            names.append(node.id)
            name = node.id
        elif isinstance(node, ast.Attribute):
            name = node.attr
        else:
            continue
        lowered = name.lower()
        if "version" in lowered or name == "hasattr":
            guards.append("version")
        elif "tracer" in lowered or "concrete" in lowered:
            guards.append("tracer")
    return tuple(names), tuple(guards)
