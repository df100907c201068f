"""What the libraries do, as data: tables written as TOML, read from the JSON made of them.

The tables are plain dictionaries until someone asks for a name; then its facts are built once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, cast

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

_FOLDER = Path(__file__).parent
_NO_CALL: Mapping[Kind, Mapping[str, Any]] = {
    "constant": {"returns": "static", "tracers": "static"},
    "type": {"returns": "unknown", "tracers": "ok"},
}


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
    """What a public function does with its arguments and what it gives back.

    `name` is the canonical qualified name. `traces` says, for each parameter that takes a callable,
    how that callable runs; `body` says what its own parameters then receive, by position (the last
    role repeats). `static_parameters` must be known while tracing. `sized_by` names the parameter
    that makes a shape that depends on data static, and is empty where nothing does; it is None
    for functions whose shape does not depend on data. `sized_from` names the parameters whose values
    decide on the shape, where these are not all, and `sized_unless` one that makes it static, too. `calls_as` names the entry that
    describes the callable this function returns; in the tables `()` stands for its own name with parentheses. `collective` names the parameter that takes the
    name of a mesh axis or mapped axis. `runs` names the method of the same object whose result
    this method returns, given the arguments that this one does not name itself; `discards` says that it runs
    this method returns, given the arguments that this one does not name itself; `discards` says that it runs
    it and returns something else. `lifts` says that a class given to it gets a `__call__` that runs
    transformed. `returns_like` names a module whose functions the
    result has as methods: a logger has those of `logging`. `instance_of` names the class that has the
    methods of what a constructor makes, where that is not the class itself. `only_traces` says that
    the callable is traced and never run. `effect` is what a call does besides returning: `io`, reading the `time`, drawing from the `random` state of the process or of the object it is a method of (`draw`), reading the `environment`, changing `settings` of the process, taking an item of what it is given (`iterate`); `runtime` stands for I/O when compiled code runs, `state` for what a library threads through a transformation, `variable` for changes of the variables of the object that is called. `mutates` names the parameter whose object it changes. `plain` says when its result is an array and no tracer where one would expect that: it has no `derivative` (under plain `grad`), only the shape of an argument and not its `value` counts (under `vmap`, too), it reduces the mapped `axis`, or an array that needs no change is handed back `unchanged` (under `jit`, too). `own_derivative` says that the callable comes with rules for its derivative, which run instead of it. `samples` says how inference traces what the models given to it draw, and `observed` names the parameter of what draws that takes the value where that is known already; it is empty where none does. `replaces` names the parameter that stays as it is and that the result is to take the place of (`self` of a method), so that to drop the result is to do nothing. `within` says what is otherwise in a `with` statement of what is made: operations on what is no tracer are `evaluated` at once, compiled functions run `untraced`, or the sites of a model are `handled` by what a handler of NumPyro does to them. `site` is the kind of site that it makes in a model, `marks` what a transformation of functions says of all that runs in them (an inference runs them as a `model`, ...), `draws` that a distribution draws `discrete` numbers, that their values are `enumerable`, too, or that they may be any `real` numbers. `joins` names the parameter that takes the array, or the list of arrays, which the result is longer than. `reverse` says that a transformation differentiates in reverse mode. `role` is what a method of a module does there: it applies the module or makes its variables (`apply`, `init`), gives a variable or writes one (`variable`, `put`), draws a key of a stream (`draw`), or says whether its variables are being made or are there (`initializing`, `initialized`). `provides` says that what runs in it may find other collections of variables there than its caller has. `axes` are the names of the axes of a mesh that was made. `specific` is False where only a wildcard knows the name.
    """

    name: str
    kind: Kind = "function"
    positional: tuple[str, ...] = ()
    variadic: str | None = None
    keyword_only: tuple[str, ...] = ()
    open_keywords: bool = False
    traces: Mapping[str, Tracing] = field(default_factory=dict[str, Tracing])
    when: When = "now"
    repeats: bool = False
    body: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    static: Naming = _NOBODY
    donate: Naming = _NOBODY
    differentiated: str | None = None
    mapped: str | None = None
    returns: Returns = "unknown"
    calls_as: str | None = None
    keys: Mapping[str, KeyUse] = field(default_factory=dict[str, KeyUse])
    static_parameters: tuple[str, ...] = ()
    sized_by: str | None = None
    sized_from: tuple[str, ...] = ()
    sized_unless: str | None = None
    collective: str | None = None
    blocks: bool = False
    wraps: bool = False
    effect: Effect | None = None
    mutates: str | None = None
    tracers: Tracers = "ok"
    counterpart: Counterpart | None = None
    specific: bool = True
    runs: str | None = None
    discards: bool = False
    lifts: bool = False
    returns_like: str | None = None
    instance_of: str | None = None
    only_traces: bool = False
    plain: Plain | None = None
    own_derivative: bool = False
    within: Within | None = None
    samples: Literal["abstract", "concrete"] | None = None
    observed: str | None = None
    replaces: str | None = None
    joins: str | None = None
    reverse: bool = False
    site: Site | None = None
    marks: Mark | None = None
    draws: Draws | None = None
    role: str | None = None
    provides: bool = False
    axes: frozenset[str] | None = None
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


class Knowledge:
    """The tables. Its answers are immutable and built at most once."""

    def __init__(self, folder: Path = _FOLDER) -> None:
        self._folder = folder
        tables = _read(folder / "knowledge.json")
        self._functions: dict[str, dict[str, Any]] = tables["functions"]
        self._signatures: dict[str, dict[str, str]] = tables["signatures"]
        self._counterparts: dict[str, dict[str, str]] = tables["counterparts"]
        self._kinds: dict[str, Kind] = tables["kinds"]
        self._plain: dict[str, Plain] = tables["plain"]
        self._results: dict[str, str] = tables["results"]
        self._made: dict[str, str] = tables["made"]
        self._takes: dict[str, dict[str, str]] = tables["takes"]
        self._keywords: dict[str, dict[str, dict[str, str]]] = tables["keywords"]
        self._arrays_only: dict[str, list[str]] = tables["arrays_only"]
        self._aliases: dict[str, str] = tables["aliases"]
        self._annotations: dict[str, AnnotationKind] = tables["annotations"]
        self._methods: dict[str, dict[str, Any]] = tables["methods"]
        self._mutators: dict[str, Mutator] = tables["mutators"]
        self._bases: dict[str, BaseKind] = tables["bases"]
        self._records: dict[str, RecordKind] = tables["records"]
        self._frozen: dict[str, str] = tables["frozen"]
        self._layers: dict[str, dict[str, Any]] = tables["layers"]
        self.registrars = frozenset(
            name.rpartition(".")[2]
            for name, kind in self._records.items()
            if kind in ("registers", "static")
        )
        """The last names of the functions that register a class as a pytree."""
        self._libraries = frozenset(tables["libraries"])
        self._modules = {name.rpartition(".")[0] for name in self._functions if name[-1] == "*"}
        self._built: dict[str, FunctionFacts | None] = {}
        self._built_methods: dict[str, MethodFacts | None] = {}
        self._built_layers: dict[str, LayerFacts] = {}

    def canonical(self, qualified: str) -> str:
        """The name the tables use for what may be one of several spellings."""
        alias = self._aliases.get(qualified)
        if alias is not None:
            return alias
        module, _, name = qualified.rpartition(".")
        module_alias = self._aliases.get(f"{module}.*")
        return f"{module_alias}.{name}" if module_alias else qualified

    def function(self, qualified: str) -> FunctionFacts | None:
        """What is known of a name: its own entry, else that of the wildcard nearest to it."""
        try:
            return self._built[qualified]
        except KeyError:
            facts = self._built[qualified] = self._find(self.canonical(qualified))
            return facts

    def made(self, canonical: str) -> str | None:
        """What a result is, whatever it is made of: `softmax` for probabilities that sum to one."""
        return self._made.get(canonical)

    def takes(self, canonical: str) -> Mapping[str, str]:
        """Which numbers the parameters of a distribution may be: `positive`, `nonnegative`, `fraction`, `open-fraction`."""
        return self._takes.get(canonical, {})

    def result(self, canonical: str) -> tuple[str, str] | None:
        """How the dtype and the shape of what a function returns follow from its arguments.

        The words are explained in jax_results.toml.
        """
        found = self._results.get(canonical)
        if found is None:
            return None
        dtype, _, shape = found.partition(" ")
        return dtype, shape

    @cached_property
    def keyword_changes(self) -> Mapping[str, Mapping[str, KeywordChange]]:
        """For each function that has some: the keyword arguments that were removed or renamed."""
        return {
            function: {old: _keyword(function, old, entry) for old, entry in entries.items()}
            for function, entries in self._keywords.items()
        }

    @property
    def result_names(self) -> tuple[str, ...]:
        """The functions whose results' dtypes and shapes are known."""
        return tuple(self._results)

    def annotation(self, qualified: str) -> AnnotationKind | None:
        """What a value so annotated is."""
        found = self._annotations.get(qualified)
        if found is None:
            found = self._annotations.get(f"{qualified.rpartition('.')[0]}.*")
        return found

    def base(self, qualified: str) -> BaseKind | None:
        """What kind of class derives from this one, or is decorated with it."""
        return self._bases.get(qualified)

    def record(self, qualified: str) -> RecordKind | None:
        """What a class with fields is that derives from this one, or is decorated with it."""
        return self._records.get(qualified)

    def frozen(self, qualified: str) -> str | None:
        """Whether what derives from a class, or is decorated with it, is frozen: `if told` so, or `unless told` otherwise."""
        return self._frozen.get(qualified)

    def layer(self, canonical: str) -> LayerFacts | None:
        """What a layer of a library needs; None for what is no layer."""
        found = self._built_layers.get(canonical)
        entry = self._layers.get(canonical) if found is None else None
        if entry is not None:
            found = self._built_layers[canonical] = _layer(canonical, entry)
        return found

    def refuses_lists(self, name: str) -> bool:
        """Whether a function, by its canonical name, fails on a list or tuple where an array is meant."""
        module, _, last = name.rpartition(".")
        return last in self._arrays_only.get(module, ())

    def mutator(self, name: str) -> Mutator | None:
        """What a method of a container, so named, does to it."""
        return self._mutators.get(name)

    def method(self, name: str) -> MethodFacts | None:
        """What a method or attribute of an array does."""
        try:
            return self._built_methods[name]
        except KeyError:
            entry = self._methods.get(name)
            facts = (
                None if entry is None else _method(name, entry, self._plain.get(f"methods.{name}"))
            )
            self._built_methods[name] = facts
            return facts

    def api(self, qualified: str, version: str | None = None) -> ApiChange | None:
        """How a name changed by the release `version`; None where it lives and warns of nothing.

        For `pkg.removed.name` the entry of `pkg.removed` answers if the name has none.
        """
        name = qualified
        while name:
            if name in self._api:
                change = self.api_changes[name]
                known = change.removed_at(version) or change.deprecated_at(version)
                return change if known else None
            name = name.rpartition(".")[0]
        return None

    @cached_property
    def api_changes(self) -> Mapping[str, ApiChange]:
        """Every removed or deprecated name, in the order of the table."""
        return {name: _change(name, entry) for name, entry in self._api.items()}

    def is_traced_library(self, module: str) -> bool:
        """Whether a module is of a library whose functions make or take tracers or keys, and is public."""
        return module.partition(".")[0] in self._libraries and "._" not in module

    def has_library(self, module: str) -> bool:
        """Whether a module is of a library that anything is known of."""
        return module.partition(".")[0] in self._tops

    @cached_property
    def _tops(self) -> frozenset[str]:
        names = (*self._functions, *self._signatures, *self._kinds, *self._modules)
        return self._libraries | {name.partition(".")[0] for name in names}

    @property
    def function_names(self) -> tuple[str, ...]:
        """Every name with an entry of its own; wildcards end in `*`."""
        names = dict.fromkeys(self._functions)
        for module, members in self._signatures.items():
            names.update(dict.fromkeys(f"{module}.{name}" for name in members))
        names.update(dict.fromkeys(self._kinds))
        return tuple(names)

    @property
    def alias_names(self) -> Mapping[str, str]:
        """Other spellings, and the name the tables use for each."""
        return self._aliases

    @cached_property
    def _api(self) -> dict[str, dict[str, Any]]:
        return _read(self._folder / "api.json")

    def _find(self, name: str) -> FunctionFacts | None:
        if name in self._modules:
            return None
        module, _, last = name.rpartition(".")
        entry = self._functions.get(name)
        kind = self._kinds.get(name)
        signature = self._signatures.get(module, {}).get(last)
        specific = entry is not None or kind is not None or signature is not None
        merged = dict(self._wildcard(name) or {}) if entry is None else dict(entry)
        if not specific and not merged:
            return None
        if signature is not None:
            merged["parameters"] = signature
        if kind is not None:
            merged["kind"] = kind
            merged.update(_NO_CALL.get(kind, {}))
        if name in self._plain:
            merged["plain"] = self._plain[name]
        return _function(name, merged, self._counterpart(module, last), specific)

    def _wildcard(self, name: str) -> dict[str, Any] | None:
        module = name.rpartition(".")[0]
        entry = self._functions.get(f"{module}.*")
        while entry is None and module:
            entry = self._functions.get(f"{module}.**")
            module = module.rpartition(".")[0]
        return entry

    def _counterpart(self, module: str, name: str) -> Counterpart | None:
        table = self._counterparts.get(module)
        if table is None or name not in table:
            return None
        other, _, parameters = table[name].rpartition(": ")
        shared = _signature(parameters)
        renamed = other.removesuffix("?") or name
        return Counterpart(
            name=renamed if "." in renamed else f"{table['*']}.{renamed}",
            positional=tuple(name.rstrip("/") for name in shared.positional),
            variadic=shared.variadic is not None,
            keywords=frozenset(
                name for name in shared.positional + shared.keyword_only if not name.endswith("/")
            ),
            is_same=not other.endswith("?"),
        )


class _Signature(NamedTuple):
    positional: tuple[str, ...]
    variadic: str | None
    keyword_only: tuple[str, ...]
    open_keywords: bool


def _change(name: str, entry: dict[str, Any]) -> ApiChange:
    return ApiChange(
        old=name,
        new=entry.get("new"),
        imports=entry.get("import"),
        library=entry["library"],
        kind=entry.get("kind", "attr"),
        deprecated_in=entry.get("deprecated"),
        removed_in=entry.get("removed"),
        applicability=entry["fix"],
        note=entry.get("note", ""),
        named=tuple(entry.get("named", ())),
        keywords=entry.get("keywords", {}),
        since=entry.get("since"),
    )


def _keyword(function: str, old: str, entry: dict[str, str]) -> KeywordChange:
    return KeywordChange(
        function,
        old,
        entry["new"],
        entry.get("deprecated"),
        entry.get("removed"),
        entry["fix"],
        entry.get("note", ""),
    )


@cache
def load() -> Knowledge:
    """The tables that come with the package."""
    return Knowledge()


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_bytes())


@cache
def _signature(text: str) -> _Signature:
    """Reads `a, b, *rest, c, **others`; a bare `*` is as in Python."""
    positional: list[str] = []
    keyword_only: list[str] = []
    variadic: str | None = None
    open_keywords = False
    target = positional
    for name in filter(None, text.split(", ")):
        if name.startswith("**"):
            open_keywords = True
        elif name.startswith("*"):
            variadic = name[1:] or None
            target = keyword_only
        else:
            target.append(name)
    return _Signature(tuple(positional), variadic, tuple(keyword_only), open_keywords)


def _function(
    name: str, entry: dict[str, Any], counterpart: Counterpart | None, specific: bool
) -> FunctionFacts:
    signature = _signature(entry.get("parameters", ""))
    body = cast("dict[str, list[str]]", entry.get("body", {}))
    return FunctionFacts(
        name=name,
        kind=entry.get("kind", "function"),
        positional=signature.positional,
        variadic=signature.variadic,
        keyword_only=signature.keyword_only,
        open_keywords=signature.open_keywords,
        traces=entry.get("traces", {}),
        when=entry.get("when", "now"),
        repeats=entry.get("repeats", False),
        body={parameter: tuple(roles) for parameter, roles in body.items()},
        static=Naming(**entry.get("static", {})),
        donate=Naming(**entry.get("donate", {})),
        differentiated=entry.get("differentiated"),
        mapped=entry.get("mapped"),
        returns=entry.get("returns", "unknown"),
        calls_as=f"{name}()" if entry.get("calls_as") == "()" else entry.get("calls_as"),
        keys=entry.get("keys", {}),
        static_parameters=tuple(entry.get("static_parameters", ())),
        sized_by=entry.get("sized_by"),
        sized_from=tuple(entry.get("sized_from", ())),
        sized_unless=entry.get("sized_unless"),
        collective=entry.get("collective"),
        blocks=entry.get("blocks", False),
        wraps=entry.get("wraps", False),
        effect=entry.get("effect"),
        mutates=entry.get("mutates"),
        tracers=entry.get("tracers", "ok"),
        counterpart=counterpart,
        specific=specific,
        runs=entry.get("runs"),
        discards=entry.get("discards", False),
        lifts=entry.get("lifts", False),
        returns_like=entry.get("returns_like"),
        instance_of=entry.get("instance_of"),
        only_traces=entry.get("only_traces", False),
        plain=entry.get("plain"),
        own_derivative=entry.get("own_derivative", False),
        within=entry.get("within"),
        samples=entry.get("samples"),
        observed=entry.get("observed"),
        replaces=entry.get("replaces"),
        joins=entry.get("joins"),
        reverse=entry.get("reverse", False),
        site=entry.get("site"),
        marks=entry.get("marks"),
        draws=entry.get("draws"),
        role=entry.get("role"),
        provides=entry.get("provides", False),
        optimiser=entry.get("optimiser"),
        loss=entry.get("loss"),
        requires=tuple(entry.get("requires", ())),
        holds=entry.get("holds"),
        checkpointer=entry.get("checkpointer"),
    )


def _layer(name: str, entry: dict[str, Any]) -> LayerFacts:
    known: dict[str, Any] = {**entry, "usual": tuple(entry.get("usual", {}).items())}
    for parameters in ("fields", "call"):
        known[parameters] = _signature(entry.get(parameters, "")).positional
    return LayerFacts(name, **known)


def _method(name: str, entry: dict[str, Any], plain: Plain | None) -> MethodFacts:
    signature = _signature(entry.get("parameters", ""))
    return MethodFacts(
        name=name,
        returns=entry.get("returns", "array"),
        positional=signature.positional,
        variadic=signature.variadic,
        static_parameters=tuple(entry.get("static_parameters", ())),
        sized_from=tuple(entry.get("sized_from", ())),
        attribute=entry.get("attribute", False),
        blocks=entry.get("blocks", False),
        tracers=entry.get("tracers", "ok"),
        sized_by=entry.get("sized_by"),
        mutates=entry.get("mutates", False),
        plain=plain,
    )
