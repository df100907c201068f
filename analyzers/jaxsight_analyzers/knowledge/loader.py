"""What the libraries do, as data: tables written as TOML, read from the JSON made of them.

The tables are plain dictionaries until someone asks for a name; then its facts are built once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

from jaxsight_analyzers.knowledge.facts import (
    AnnotationKind,
    ApiChange,
    BaseKind,
    Counterpart,
    FunctionFacts,
    KeywordChange,
    Kind,
    LayerFacts,
    MethodFacts,
    Mutator,
    Naming,
    Plain,
    RecordKind,
)

_FOLDER = Path(__file__).parent
_NO_CALL: Mapping[Kind, Mapping[str, Any]] = {
    "constant": {"returns": "static", "tracers": "static"},
    "type": {"returns": "unknown", "tracers": "ok"},
}


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
    known = dict(entry)
    signature = _signature(known.pop("parameters", ""))
    for fact in ("static_parameters", "sized_from", "requires"):
        if fact in known:
            known[fact] = tuple(known[fact])
    for fact in ("static", "donate"):
        if fact in known:
            known[fact] = Naming(**known[fact])
    if "body" in known:
        known["body"] = {parameter: tuple(roles) for parameter, roles in known["body"].items()}
    if known.get("calls_as") == "()":
        known["calls_as"] = f"{name}()"
    return FunctionFacts(
        name,
        positional=signature.positional,
        variadic=signature.variadic,
        keyword_only=signature.keyword_only,
        open_keywords=signature.open_keywords,
        counterpart=counterpart,
        specific=specific,
        **known,
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
