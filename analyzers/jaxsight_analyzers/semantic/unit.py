"""What rules ask: one chunk of a file, and the streams of what was seen in it."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from jaxsight_analyzers.diagnostic import Certainty, Span
from jaxsight_analyzers.knowledge.facts import release
from jaxsight_analyzers.project.x64 import mentions
from jaxsight_analyzers.semantic import (
    axis_streams,
    body_streams,
    callee_streams,
    compilation_streams,
    control_flow_streams,
    derivative_streams,
    donation_streams,
    dtype_streams,
    effect_streams,
    key_streams,
    loop_streams,
    mesh_streams,
    purity_streams,
    reverse_streams,
    said,
    streams,
    syncs,
    timings,
    transfer_streams,
)
from jaxsight_analyzers.semantic.events import (
    CallSeen,
    OutOfBoundsSeen,
    ScatterCastSeen,
    SpecComparedSeen,
    WrapSeen,
)
from jaxsight_analyzers.semantic.flows import Flow
from jaxsight_analyzers.semantic.module_answers import ModuleAnswers
from jaxsight_analyzers.semantic.optimiser_answers import OptimiserAnswers
from jaxsight_analyzers.semantic.program_answers import ProgramAnswers
from jaxsight_analyzers.semantic.roots import Root
from jaxsight_analyzers.semantic.shape_annotations import ContradictedSeen, ShapeAnnotationSeen
from jaxsight_analyzers.semantic.tasks import Activation, Task
from jaxsight_analyzers.syntax.parsed import ParsedModule

if TYPE_CHECKING:
    from jaxsight_analyzers.rule import Rule
    from jaxsight_analyzers.semantic.model import SemanticModel
    from jaxsight_analyzers.syntax.chunk import Question


_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class Unit(ModuleAnswers, OptimiserAnswers, ProgramAnswers):
    """What is analysed and reported as a whole: one chunk of the file.

    Its streams are made when they are asked for. `seen_by` are the tasks that ran code in it, each
    with the number of that run: where these are what they were, so are the streams.
    """

    def __init__(self, model: SemanticModel, number: int, tasks: tuple[Task, ...]) -> None:
        self.model = model
        self.number = number
        self._tasks = tasks
        self.asked_others = False
        self.asked_imports = False
        self.asked_texts: dict[Question, bool] = {}

    @property
    def seen_by(self) -> tuple[tuple[Task, int], ...]:
        """The tasks that ran code of the unit."""
        return tuple([(task, stamp_of(task)) for task in self._tasks])

    @property
    def others(self) -> tuple[Unit, ...]:
        """All units of the file; who asks depends on all of them."""
        self.asked_others = True
        return self.model.units

    @property
    def imports(self) -> list[streams.Reference]:
        """The libraries' names that the file imports; who asks depends on which they are."""
        self.asked_imports = True
        return self.model.imports

    @cached_property
    def own_imports(self) -> list[streams.Reference]:
        """Those of the libraries' names that are imported in the unit."""
        return streams.references(self._seen("imports"), self.model.places)

    @property
    def import_names(self) -> Mapping[str, str]:
        """The names that the module's own imports bind, by what they stand for; who asks depends on them."""
        self.asked_imports = True
        return self.model.import_names

    @property
    def whole(self) -> ParsedModule:
        """The whole file; who asks depends on all of it."""
        self.asked_others = True
        return self.model.module

    def says(self, question: Question) -> bool:
        """Whether a line of the file says something; who asks depends on the answer."""
        answer = self.asked_texts[question] = self.model.says(question)
        return answer

    @property
    def mentions_x64(self) -> bool:
        """Whether the file or another of the project speaks of 64 bits, or may do so; who asks depends on that."""
        return self.says(mentions) or self.model.interpretation.asks_x64()

    def version(self, library: str) -> str | None:
        """The project's version of a library; None where it is not known."""
        return self.model.versions.get(library)

    def is_being_typed(self, node: ast.AST) -> bool:
        """Whether a piece of code is not Python yet, and stands here as it was repaired."""
        module = self.model.module
        if module.number_of(node) != self.number:
            self.asked_others = True
        return not module.is_whole and module.to_source(module.span(node)) is None

    def is_at_least(self, library: str, version: str) -> bool:
        """Whether the project surely has this release of a library, or a later one."""
        known = self.version(library)
        return known is not None and release(known) >= release(version)

    def threshold(self, rule: Rule) -> float:
        """The number from which a rule reports: what the settings say, else the rule's own."""
        assert rule.threshold is not None
        return self.model.thresholds.get(rule.name, rule.threshold)

    @property
    def kinds(self) -> set[str]:
        """The kinds of events that the tasks which ran code of the unit have seen, in it or elsewhere."""
        return {kind for task in self._tasks for kind in task.events.kinds}

    @property
    def called(self) -> Iterable[str]:
        """The canonical names of the libraries' functions that are called."""
        return self._calls_by_name

    def _seen(self, kind: str) -> list[Any]:
        """The events of a kind whose nodes lie in the unit, in the order of the interpretation."""
        module, number = self.model.module, self.number
        number_of, owns = module.number_of, module.owns
        return [
            event
            for task in self._tasks
            for event in task.events.seen(kind)
            if number_of(event.node) == number and owns(event.node)
        ]

    @cached_property
    def branches(self) -> list[streams.Branch]:
        """Tests that Python decides although their value is a tracer."""
        return streams.branches(self._seen("branches"), self.model.places)

    @cached_property
    def truths(self) -> list[control_flow_streams.Asked]:
        """Operators and builtins that ask a tracer for its truth, outside of tests that fail as a whole."""
        seen, calls = self._seen("truths"), self._seen("calls")
        return control_flow_streams.truths(seen, calls, self.branches, self.model.places)

    @cached_property
    def indices(self) -> list[control_flow_streams.Asked]:
        """What takes a tracer as a number of steps, as the index of a list, or as a key."""
        seen, calls = self._seen("indices"), self._seen("calls")
        return control_flow_streams.indices(seen, calls, self.model.places)

    @cached_property
    def calls(self) -> list[streams.Call]:
        """Calls of libraries' functions."""
        return streams.calls(self._seen("calls"), self.model.places)

    @cached_property
    def _calls_by_name(self) -> Mapping[str, list[tuple[int, streams.Call]]]:
        found: dict[str, list[tuple[int, streams.Call]]] = {}
        for number, call in enumerate(self.calls):
            found.setdefault(call.canonical, []).append((number, call))
        return found

    def calls_of(self, names: Collection[str]) -> Iterator[tuple[int, streams.Call]]:
        """The calls of functions of these canonical names, each with its number in `calls`.

        So that many rules cost little: each looks only at what it is about.
        """
        for name, calls in self._calls_by_name.items():
            if name in names:
                yield from calls

    def calls_from(self, *libraries: str) -> Iterator[tuple[int, streams.Call]]:
        """The calls of functions of these libraries: `numpy`, `scipy`, `builtins`."""
        for name, calls in self._calls_by_name.items():
            if name.partition(".")[0] in libraries:
                yield from calls

    @cached_property
    def methods(self) -> list[transfer_streams.MethodCall]:
        """Methods called of arrays."""
        return transfer_streams.methods(self._seen("methods"), self.model.places)

    @cached_property
    def number_uses(self) -> list[transfer_streams.NumberUse]:
        """Uses that need the numbers in a tracer."""
        return transfer_streams.number_uses(self._seen("number_uses"), self.model.places)

    @cached_property
    def _calls_by_node(self) -> Mapping[ast.AST, streams.Call]:
        return {call.node: call for call in self.calls}

    def call_at(self, node: ast.AST) -> streams.Call | None:
        """The call of a library's function that an expression is."""
        return self._calls_by_node.get(node)

    @cached_property
    def slices(self) -> list[transfer_streams.TracedSlice]:
        """Slices with a bound that is a tracer."""
        return transfer_streams.slices(self._seen("slices"), self.model.places)

    @cached_property
    def host_syncs(self) -> list[syncs.HostSync]:
        """Where a loop waits for the device in each iteration."""
        if not (seen := self._seen("compiled_calls")):
            return []
        return syncs.host_syncs(seen, self.model.places, self._calls_by_node)

    @property
    def _asynchronous(self) -> dict[ast.AST, str]:
        seen = self._seen("compiled_calls")
        return {event.node: event.name for event in seen if not event.waits}

    @property
    def timings(self) -> list[timings.Timing]:
        """Clocks that are read before the device is done; at the top of a module who asks depends on all of it."""
        if not any(one.canonical.startswith(timings.CLOCKS) for one in self.calls):
            return []
        chunk = self.model.module.chunks[self.number]
        compiled = self._asynchronous
        found = list(timings.timings(chunk.body, self._calls_by_node, compiled))
        if chunk.header is None and not all(isinstance(one, _SCOPES) for one in chunk.body):
            calls = {node: one for unit in self.others for node, one in unit._calls_by_node.items()}
            for unit in self.others:
                compiled |= unit._asynchronous
            whole = timings.in_block(self.model.module.tree.body, calls, compiled)
            found = [one for one in whole if self._holds(one.clock)] + found
        return list({one.clock: one for one in found}.values())

    @cached_property
    def masks(self) -> list[transfer_streams.Mask]:
        """Indices that are arrays of booleans and tracers."""
        return transfer_streams.masks(self._seen("masks"), self.model.places)

    @cached_property
    def static_needs(self) -> list[transfer_streams.StaticNeed]:
        """Calls of `jnp` whose result is needed as a number while tracing, though no argument is a tracer."""
        return transfer_streams.static_needs(self._seen("static_needs"), self.model.places)

    @cached_property
    def item_assignments(self) -> list[streams.ItemAssignment]:
        """Item assignments to what may be a JAX array."""
        return streams.item_assignments(self._seen("item_assignments"), self.model.places)

    @cached_property
    def key_reuses(self) -> list[key_streams.KeyReuse]:
        """Keys that are used up again."""
        return key_streams.key_reuses(self._seen("key_reuses"), self.model.places)

    @cached_property
    def shape_annotations(self) -> list[ShapeAnnotationSeen]:
        """Annotations of arrays that are evaluated."""
        seen = [one for one in self._seen("shape_annotations") if not streams.is_meant(one.guards)]
        return list({one.node: one for one in seen}.values())

    @cached_property
    def compilations(self) -> list[compilation_streams.Compilation]:
        """Compiled functions that are made anew where they are called again and again."""
        return compilation_streams.compilations(self._seen("compilations"), self.model.places)

    @cached_property
    def dtype_identities(self) -> list[dtype_streams.DtypeIdentity]:
        """Tests whether the dtype of an array is the object that stands for one."""
        return dtype_streams.dtype_identities(self._seen("dtype_identities"), self.model.places)

    @cached_property
    def scatter_casts(self) -> list[ScatterCastSeen]:
        """Updates of arrays with what these cannot hold."""
        return dtype_streams.unexpected(self._seen("scatter_casts"))

    @cached_property
    def wraps(self) -> list[WrapSeen]:
        """Small integers that start again from the other end."""
        return dtype_streams.unexpected(self._seen("wraps"))

    @cached_property
    def out_of_bounds(self) -> list[OutOfBoundsSeen]:
        """Indices that lie outside of arrays, or are waited for to do so."""
        return dtype_streams.unexpected(self._seen("out_of_bounds"))

    @cached_property
    def specs_compared(self) -> list[SpecComparedSeen]:
        """Specifications that are compared with tuples."""
        return dtype_streams.unexpected(self._seen("specs_compared"))

    @cached_property
    def promotions(self) -> list[dtype_streams.Promotion]:
        """Where scalars of NumPy's make single precision of half."""
        return dtype_streams.promotions(self._seen("promotions"))

    @property
    def unbound_axes(self) -> list[axis_streams.Unbound]:
        """Collectives over axes that nothing binds; who asks depends on all that leads to them."""
        if not any(call.facts is not None and call.facts.collective for call in self.calls):
            return []
        self.asked_others = True
        return axis_streams.unbound(self._seen("calls"), self.model)

    @cached_property
    def axes_not_in_mesh(self) -> list[axis_streams.NotInMesh]:
        """Axes in specifications that the mesh does not have."""
        return axis_streams.not_in_mesh(self._seen("calls"), self.model.places)

    @cached_property
    def meshes_entered(self) -> list[mesh_streams.MeshEntered]:
        """Meshes that are entered with `with`."""
        return mesh_streams.meshes_entered(self._seen("meshes_entered"), self.model.places)

    @cached_property
    def contradicted(self) -> list[ContradictedSeen]:
        """Arguments that are not what the annotations of their parameters say."""
        seen = [one for one in self._seen("contradicted") if not streams.is_meant(one.guards)]
        return list({one.node: one for one in seen}.values())

    @cached_property
    def body_types(self) -> list[body_streams.BodyTypes]:
        """Loops and branches that fail because of the types that their bodies return."""
        return body_streams.body_types(self._seen("types"), self.model.places)

    @cached_property
    def unlike_trees(self) -> list[body_streams.UnlikeTrees]:
        """Calls of `jax.tree.map` with trees that are not built alike."""
        return body_streams.unlike_trees(self._seen("trees"), self.model.places)

    @cached_property
    def derivatives(self) -> list[derivative_streams.Derivative]:
        """Derivatives that are taken of functions of the file, wherever these run."""
        return derivative_streams.derivatives(self._seen("derivatives"), self.model.places)

    @cached_property
    def operations(self) -> list[ast.BinOp]:
        """Differences and quotients of JAX arrays whose first operand is a call."""
        return list(dict.fromkeys(event.node for event in self._seen("operations")))

    @cached_property
    def nan_comparisons(self) -> list[derivative_streams.NanComparison]:
        """Comparisons with `nan`."""
        return derivative_streams.nan_comparisons(self._seen("nan_comparisons"), self.model.places)

    @cached_property
    def loops(self) -> list[loop_streams.Loop]:
        """Loops over `range(...)` or an array."""
        if not (seen := self._seen("loops")):
            return []
        return loop_streams.loops(seen, self.model.places, self._calls_by_node)

    @cached_property
    def growths(self) -> list[loop_streams.Growth]:
        """Arrays that are longer after each iteration of a loop of host code."""
        if not (seen := self._seen("growths")):
            return []
        return loop_streams.growths(seen, self._seen("loops"), self.model.places)

    @cached_property
    def refusals(self) -> list[callee_streams.Refusal]:
        """What is given for functions and is none, or returns what JAX refuses."""
        return callee_streams.refusals(self._seen("refusals"), self.model.places)

    @property
    def undifferentiable(self) -> list[reverse_streams.Loop]:
        """Loops of JAX that are differentiated in reverse, which fails."""
        if not self._loops_of_jax:
            return []
        self.asked_others = True  # what leads to a loop may lie anywhere in the file
        return self._undifferentiable

    def is_differentiated(self, node: ast.Call) -> Certainty:
        """Whether a gradient goes through the first argument of a call; who asks depends on all that leads there."""
        self.asked_others = True
        seen = (event for event in self._seen("calls") if event.node is node)
        found = [reverse_streams.differentiated(event, self.model) for event in seen]
        return max(found, default=Certainty.NO)

    @cached_property
    def _loops_of_jax(self) -> list[CallSeen]:
        names = reverse_streams.LOOPS
        return [e for e in self._seen("calls") if e.facts is not None and e.facts.name in names]

    @cached_property
    def _undifferentiable(self) -> list[reverse_streams.Loop]:
        return reverse_streams.loops(self._loops_of_jax, self.model)

    @cached_property
    def effects(self) -> list[effect_streams.Effect]:
        """What its functions read and do that outlives them."""
        return effect_streams.effects(self._seen("effects"), self.model.places)

    @cached_property
    def constant_keys(self) -> list[key_streams.ConstantKey]:
        """Keys that are made from constants and used up where they are made."""
        return key_streams.constant_keys(self._seen("constant_keys"), self.model.places)

    @cached_property
    def dropped_results(self) -> list[purity_streams.Dropped]:
        """Statements that do nothing, because what they return is dropped."""
        return purity_streams.dropped(self._seen("dropped"), self.model.places)

    @cached_property
    def donated_reads(self) -> list[donation_streams.DonatedRead]:
        """Reads of what a call was given the memory of before."""
        seen = list(self._seen("donated_reads"))
        return donation_streams.donated_reads(seen, self.model.places, self._calls_by_node)

    @cached_property
    def references(self) -> list[streams.Reference]:
        """Names that stand for something of a library."""
        return streams.references(self._seen("references"), self.model.places)

    @cached_property
    def passed(self) -> list[compilation_streams.Passed]:
        """Arguments that compiled functions cannot take as they are."""
        return compilation_streams.passed(self._seen("passed"), self.model.places)

    @cached_property
    def varying(self) -> list[compilation_streams.Varying]:
        """Static arguments that are others in each iteration of a loop."""
        return compilation_streams.varying(self._seen("varying"), self.model.places)

    @cached_property
    def omitted(self) -> list[compilation_streams.Omitted]:
        """Calls that do not give a static argument by position where that has to be."""
        return compilation_streams.omitted(self._seen("omitted"), self.model.places)

    @cached_property
    def compiled_methods(self) -> list[compilation_streams.CompiledMethod]:
        """Methods whose object is an argument of the transformation that compiles them."""
        return compilation_streams.compiled_methods(self._seen("applied"), self.model.places)

    @cached_property
    def misnamed(self) -> list[compilation_streams.Misnamed]:
        """Static and donated arguments that the compiled function does not have, or that are both."""
        return compilation_streams.misnamed(self._seen("applied"), self.model.places)

    @property
    def registers_classes(self) -> bool:
        """Whether calls in the file register classes as pytrees, which may name any of them."""
        return self.says(said.registers_classes)

    @property
    def fails_on_purpose(self) -> tuple[Span, ...]:
        """Where a failure is expected."""
        nodes = [node for task in self._tasks for node in task.fails_on_purpose]
        return tuple(self.model.module.span(node) for node in nodes if self._holds(node))

    def _holds(self, node: ast.AST) -> bool:
        module = self.model.module
        return module.owns(node) and module.number_of(node) == self.number


def stamp_of(task: Task) -> int:
    """Which run of a task its results are of."""
    return task.stamp if isinstance(task, (Activation, Flow, Root)) else 0
