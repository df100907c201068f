"""What is known of one function, method, layer or change: the answers of `Knowledge`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Literal, NamedTuple

from jaxsight_analyzers.data import dataclass, field

Tracing = Literal["abstract", "concrete", "inherit", "host", "model", "kernel", "closed"]
When = Literal["now", "later"]
KeyUse = Literal["sink", "split", "forward", "derive", "clone", "source-seed", "inspect"]
Returns = Literal[
    "array",
    "host-array",
    "key",
    "keys",
    "static",
    "callable",
    "same",
    "pytree",
    "none",
    "unknown",
]
Tracers = Literal["ok", "dispatch", "static", "fails", "chexified"]
Effect = Literal[
    "io",
    "time",
    "random",
    "draw",
    "environment",
    "settings",
    "iterate",
    "runtime",
    "state",
    "variable",
]
Plain = Literal["derivative", "value", "axis", "unchanged"]
Within = Literal["evaluated", "untraced", "handled"]
Site = Literal["sample", "param", "deterministic", "factor", "plate"]
Mark = Literal["model", "gibbs", "chains", "handled", "chexified"]
Draws = Literal["discrete", "enumerable", "real"]
Mutator = Literal["sure", "alone", "result"]
Kind = Literal["function", "type", "dtype", "constant"]
AnnotationKind = Literal[
    "array", "key", "static", "host-array", "pytree", "static-field", "unknown"
]
RecordKind = Literal["tuple", "pytree", "plain", "registers", "static", "factory", "copies"]
BaseKind = Literal[
    "linen-module", "nnx-module", "nnx-variable", "equinox-module", "haiku-module", "pytree"
]


class Naming(NamedTuple):
    """The parameters through which a transformation is told which arguments are meant."""

    argnums: str | None = None
    argnames: str | None = None
    checked: bool = True
    """Whether it refuses names and numbers that the function does not have."""


_NOBODY = Naming()


class Counterpart(NamedTuple):
    """The function of JAX that does the same as one of NumPy or SciPy.

    `positional` are the leading parameters both have in the same places, `keywords` those both
    understand by name. An array result has JAX's dtype, and values agree up to rounding, unless
    `is_same` is False.
    """

    name: str
    positional: tuple[str, ...]
    keywords: frozenset[str]
    variadic: bool = False
    is_same: bool = True

    def accepts(self, positional: int, keywords: frozenset[str]) -> bool:
        """Whether a call with so many positional arguments and these keywords means the same."""
        fits = self.variadic or positional <= len(self.positional)
        return fits and keywords <= self.keywords


@dataclass(frozen=True, slots=True)
class FunctionFacts:
    """What a public function does with its arguments and what it gives back."""

    name: str
    """Its canonical qualified name."""
    kind: Kind = "function"
    positional: tuple[str, ...] = ()
    variadic: str | None = None
    keyword_only: tuple[str, ...] = ()
    open_keywords: bool = False
    traces: Mapping[str, Tracing] = field(default_factory=dict[str, Tracing])
    """How the callables run that it is given, by parameter."""
    when: When = "now"
    repeats: bool = False
    body: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """What the parameters of these callables receive, by position; the last role repeats."""
    static: Naming = _NOBODY
    donate: Naming = _NOBODY
    differentiated: str | None = None
    mapped: str | None = None
    returns: Returns = "unknown"
    calls_as: str | None = None
    """The entry that describes the callable which it returns; in the tables `()` is its own name with parentheses."""
    keys: Mapping[str, KeyUse] = field(default_factory=dict[str, KeyUse])
    static_parameters: tuple[str, ...] = ()
    """Those whose values must be known while tracing."""
    sized_by: str | None = None
    """The parameter that makes a shape static which depends on data, empty where nothing does; None where no shape depends on data."""
    sized_from: tuple[str, ...] = ()
    """The parameters whose values decide on the shape, where these are not all."""
    sized_unless: str | None = None
    """Another parameter that makes such a shape static."""
    collective: str | None = None
    """The parameter that takes the name of an axis: of a mesh, or a mapped one."""
    blocks: bool = False
    wraps: bool = False
    effect: Effect | None = None
    """What a call does besides returning.

    `io`, reading the `time`, drawing from the `random` state of the process or of the object it is a method
    of (`draw`), reading the `environment`, changing `settings` of the process, taking an item of what it is
    given (`iterate`). `runtime` is I/O when compiled code runs, `state` what a library threads through a
    transformation, `variable` a change of the variables of the object that is called.
    """
    mutates: str | None = None
    """The parameter whose object it changes."""
    tracers: Tracers = "ok"
    counterpart: Counterpart | None = None
    specific: bool = True
    """Whether it has an entry of its own: False where only a wildcard knows the name."""
    runs: str | None = None
    """The method of the same object whose result it returns, given the arguments that it does not name itself."""
    discards: bool = False
    """Whether it runs that method and returns something else."""
    lifts: bool = False
    """Whether a class that is given to it gets a `__call__` that runs transformed."""
    returns_like: str | None = None
    """A module whose functions its result has as methods: a logger has those of `logging`."""
    instance_of: str | None = None
    """The class that has the methods of what a constructor makes, where that is not the class itself."""
    only_traces: bool = False
    """Whether the callable is traced and never run."""
    traces_if: str | None = None
    """The parameter without which, or with True for which, it traces the callable; anything else is not known."""
    plain: Plain | None = None
    """When its result is an array and no tracer where one would expect that.

    It has no `derivative` (under plain `grad`), only the shape of an argument and not its `value` counts (under
    `vmap`, too), it reduces the mapped `axis`, or an array that needs no change is handed back `unchanged`
    (under `jit`, too).
    """
    own_derivative: bool = False
    """Whether the callable comes with rules for its derivative, which run instead of it."""
    within: Within | None = None
    """What is otherwise in a `with` statement of what is made.

    Operations on what is no tracer are `evaluated` at once, compiled functions run `untraced`, or the sites of a
    model are `handled` by what a handler of NumPyro does to them.
    """
    samples: Literal["abstract", "concrete"] | None = None
    """How an inference traces what the models that are given to it draw."""
    observed: str | None = None
    """The parameter of what draws that takes the value where that is known already; empty where none does."""
    replaces: str | None = None
    """The parameter (`self` of a method) that stays as it is and that the result is to take the place of: to drop the result is to do nothing."""
    joins: str | None = None
    """The parameter that takes the array, or the list of arrays, which the result is longer than."""
    reverse: bool = False
    """Whether a transformation differentiates in reverse mode."""
    site: Site | None = None
    """The kind of site that it makes in a model."""
    marks: Mark | None = None
    """What a transformation of functions says of all that runs in them: an inference runs them as a `model`, ..."""
    draws: Draws | None = None
    """What a distribution draws: `discrete` numbers, those whose values are `enumerable`, too, or any `real` numbers."""
    role: str | None = None
    """What a method of a module does there.

    It applies the module or makes its variables (`apply`, `init`), gives a variable or writes one (`variable`,
    `put`), draws a key of a stream (`draw`), or says whether the variables are being made or are there
    (`initializing`, `initialized`).
    """
    provides: bool = False
    """Whether what runs in it may find other collections of variables there than its caller has."""
    axes: frozenset[str] | None = None
    """The names of the axes of a mesh that was made."""
    optimiser: str | None = None
    """What the optimiser is that it makes, in the words of `knowledge/optax.toml`."""
    loss: str | None = None
    """What the predictions are that it takes: `logits` or `log probabilities`, and after a space its labels: `distributions`, `integers` or `any`."""
    requires: tuple[str, ...] = ()
    """Keyword arguments without which it raises."""
    holds: str | None = None
    """`functions` where instances of the class hold some among their leaves."""
    checkpointer: str | None = None
    """What the checkpointer is that it makes, in the words of `knowledge/orbax.toml`."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """All parameters that have a name of their own, positional ones first."""
        return self.positional + self.keyword_only

    @property
    def transforms(self) -> bool:
        """Whether it returns a transformed version of the callable it is given."""
        return self.when == "later" and bool(self.traces)

    def parameter_at(self, index: int) -> str | None:
        """The parameter that the positional argument number `index` binds to."""
        return self.positional[index] if index < len(self.positional) else self.variadic


class LayerFacts(NamedTuple):
    """What a layer of a library needs of who applies the module it is in: the words are explained in linen.toml."""

    name: str
    fields: tuple[str, ...] = ()
    call: tuple[str, ...] = ()
    off: str | None = None
    writes: str | None = None
    draws: str | None = None
    named_by: str | None = None
    rate: str | None = None
    instead: str | None = None
    reads: str | None = None
    usual: tuple[tuple[str, object], ...] = ()


class MethodFacts(NamedTuple):
    """What a method or attribute of an array value does. Its parameters are said where one of them counts."""

    name: str
    returns: Returns = "array"
    positional: tuple[str, ...] = ()
    variadic: str | None = None
    static_parameters: tuple[str, ...] = ()
    sized_from: tuple[str, ...] = ()
    attribute: bool = False
    blocks: bool = False
    tracers: Tracers = "ok"
    sized_by: str | None = None
    mutates: bool = False
    plain: Plain | None = None

    def parameter_at(self, index: int) -> str | None:
        """The parameter that the positional argument number `index` binds to."""
        return self.positional[index] if index < len(self.positional) else self.variadic


class ApiChange(NamedTuple):
    """A public name that a release removed or renamed.

    `removed_in` is the first release known to lack it; None while it is only deprecated.
    `new` is an expression that replaces it, None where nothing does; `imports` is the module that
    has to be imported for it where importing its library is not enough. `applicability` is the
    table's word on swapping the names: "safe", "unsafe", or "none".
    """

    old: str
    new: str | None
    imports: str | None
    library: str
    kind: str
    deprecated_in: str | None
    removed_in: str | None
    applicability: str
    note: str
    named: tuple[str, ...] = ()
    """Parameters after the first, which `new` takes by keyword only."""
    keywords: Mapping[str, str] = MappingProxyType({})
    """Keyword arguments with another name in `new`, or with none: ""."""
    since: str | None = None
    """The first release with `new`, where that is later than `deprecated_in`."""

    def new_at(self, version: str | None) -> str | None:
        """What replaces the name in the release `version`; None where nothing does yet."""
        if version is None or self.since is None:
            return self.new
        return self.new if release(version) >= release(self.since) else None

    def removed_at(self, version: str | None) -> bool:
        """Whether the release `version` lacks the name; None stands for the newest known one."""
        if self.removed_in is None:
            return False
        return version is None or release(version) >= release(self.removed_in)

    def deprecated_at(self, version: str | None) -> bool:
        """Whether the release `version` still has the name and warns of it."""
        if self.deprecated_in is None or self.removed_at(version):
            return False
        return version is None or release(version) >= release(self.deprecated_in)


class KeywordChange(NamedTuple):
    """A keyword argument that a release of the function's library removed or renamed."""

    function: str
    old: str
    new: str  # empty where nothing takes its place
    deprecated_in: str | None
    removed_in: str | None
    applicability: str
    note: str

    @property
    def library(self) -> str:
        """Whose release it is."""
        return self.function.partition(".")[0]

    def removed_at(self, version: str | None) -> bool:
        """Whether the release `version` refuses it; None stands for the newest known one."""
        if self.removed_in is None:
            return False
        return version is None or release(version) >= release(self.removed_in)

    def deprecated_at(self, version: str | None) -> bool:
        """Whether the release `version` takes it and warns."""
        if self.deprecated_in is None or self.removed_at(version):
            return False
        return version is None or release(version) >= release(self.deprecated_in)


@cache
def release(version: str) -> tuple[int, ...]:
    """The numbers of a version, for comparing: what follows them (rc1, .dev0, +local) is left out."""
    numbers: list[int] = []
    for part in version.split("+")[0].split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits))
        if digits != part:
            break
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
