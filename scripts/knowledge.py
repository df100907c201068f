"""Makes the JSON that the analysers read from the tables, and compares the tables with real libraries.

python scripts/knowledge.py [--check]     write knowledge.json and api.json, or say they are stale
python scripts/knowledge.py verify        compare names and parameters with what is installed
python scripts/knowledge.py propose jax.numpy    public functions the tables do not describe
"""

from __future__ import annotations

import importlib
import inspect
import json
import sys
import warnings
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "analyzers/jaxsight_analyzers/knowledge"
SECTIONS = (
    "made_with",
    "signatures",
    "counterparts",
    "kinds",
    "plain",
    "arrays_only",
    "results",
    "made",
    "takes",
    "annotations",
    "methods",
    "mutators",
    "bases",
    "records",
    "frozen",
    "modules",
    "reexports",
    "former_names",
    "keywords",
    "layers",
)
API = "api"
PLAIN = ("python", "numpy")  # tables of what neither makes nor takes tracers
MISSING = object()
DISTRIBUTIONS = {"haiku": "dm-haiku", "orbax.checkpoint": "orbax-checkpoint"}


def main(arguments: list[str]) -> int:
    """Runs one command."""
    match arguments:
        case [] | ["--check"]:
            return build(check=bool(arguments))
        case ["verify"]:
            return report(problems())
        case ["propose", module]:
            return report(missing(module))
        case _:
            print(__doc__)
            return 2


def report(lines: list[str]) -> int:
    """Prints what was found; nothing found is success."""
    print("\n".join(lines) if lines else "nothing to report")
    return int(bool(lines))


def build(*, check: bool) -> int:
    """Writes the JSON files, or names those that are stale."""
    stale: list[str] = []
    for name, text in (("knowledge.json", knowledge_json()), ("api.json", api_json())):
        path = FOLDER / name
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not check:
            path.write_text(text, encoding="utf-8")
    if check and stale:
        print(f"stale: {', '.join(stale)}; run python scripts/knowledge.py")
    return int(check and bool(stale))


def knowledge_json() -> str:
    """The tables of all libraries as one."""
    joined: dict[str, dict[str, Any]] = {
        "functions": {},
        "aliases": {},
        "signatures": {},
        "counterparts": {},
        "kinds": {},
        "plain": {},
        "arrays_only": {},
        "results": {},
        "made": {},
        "takes": {},
        "annotations": {},
        "methods": {},
        "mutators": {},
        "bases": {},
        "records": {},
        "frozen": {},
        "keywords": {},
        "layers": {},
    }
    for path in sorted(FOLDER.glob("*.toml")):
        if path.stem != API:
            _add(joined, _toml(path))
    for name, entry in list(joined["functions"].items()):
        if "like" in entry:
            joined["functions"][name] = _like(joined["functions"], entry)
    tables: dict[str, Any] = {**joined, "libraries": traced_libraries(joined)}
    return json.dumps(tables, separators=(",", ":"), ensure_ascii=False) + "\n"


def traced_libraries(joined: dict[str, dict[str, Any]]) -> list[str]:
    """The libraries that make or take tracers and keys: all but Python's own and NumPy's."""
    plain = {_package(name) for stem in PLAIN for name in _names(_toml(FOLDER / f"{stem}.toml"))}
    removed = [name for entries in _toml(FOLDER / f"{API}.toml").values() for name in entries]
    known = (*joined["functions"], *joined["annotations"], *joined["signatures"], *removed)
    return sorted({_package(name) for name in known} - plain)


def _names(table: dict[str, Any]) -> list[str]:
    names = [each for name in table if name not in SECTIONS for each in expand(name)]
    return [*names, *(name for section in SECTIONS for name in table.get(section, {}))]


def _package(name: str) -> str:
    return name.partition(".")[0]


def api_json() -> str:
    """The table of removed and renamed names."""
    path = FOLDER / f"{API}.toml"
    libraries = _toml(path)
    table = {
        name: {"library": library, **entry}
        for library, entries in libraries.items()
        for name, entry in entries.items()
    }
    return json.dumps(table, separators=(",", ":"), ensure_ascii=False) + "\n"


def _add(joined: dict[str, dict[str, Any]], table: dict[str, Any]) -> None:
    for section in ("kinds", "plain", "results", "made"):
        for module, kinds in table.get(section, {}).items():
            for kind, names in kinds.items():
                joined[section].update({f"{module}.{name}": kind for name in names.split()})
    for name, parameter, which in _taken(table):
        joined["takes"].setdefault(name, {})[parameter] = which
    for module, names in table.get("arrays_only", {}).items():
        joined["arrays_only"][module] = names.split()
    for name, entry in table.get("methods", {}).items():
        joined["methods"].update(dict.fromkeys(expand(name), entry))
    for name, entry in table.get("layers", {}).items():
        joined["layers"].update(dict.fromkeys(expand(name), entry))
    for how, names in table.get("mutators", {}).items():
        joined["mutators"].update(dict.fromkeys(names.split(), how))
    for section in (
        "signatures",
        "counterparts",
        "annotations",
        "bases",
        "records",
        "frozen",
        "keywords",
    ):
        for key, value in table.get(section, {}).items():
            if isinstance(value, dict):
                joined[section].setdefault(key, {}).update(value)
            else:
                joined[section][key] = value
    joined["aliases"].update({**table.get("modules", {}), **table.get("former_names", {})})
    for module, origins in table.get("reexports", {}).items():
        for origin, names in origins.items():
            joined["aliases"].update(
                {f"{module}.{each}": f"{origin}.{each}" for each in names.split()}
            )
    for name, entry in table.items():
        if name in SECTIONS:
            continue
        for each in expand(name):
            joined["functions"][each] = {
                key: value
                for key, value in entry.items()
                if key not in ("aliases", "former", "needs")
            }
        joined["aliases"].update(dict.fromkeys(entry.get("aliases", ()), name))


def _taken(table: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Distribution, parameter, and which numbers that may be."""
    for module, kinds in table.get("takes", {}).items():
        for which, names in kinds.items():
            for each in names.split():
                name, _, parameter = each.partition(".")
                yield f"{module}.{name}", parameter, which


def expand(name: str) -> list[str]:
    """`a.{b,c}.d` is `a.b.d` and `a.c.d`; there may be several braces."""
    head, opened, rest = name.partition("{")
    if not opened:
        return [name]
    inner, _, tail = rest.partition("}")
    return [f"{head}{each}{after}" for each in inner.split(",") for after in expand(tail)]


def _like(functions: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    model = functions[entry["like"]]
    if "like" in model:
        model = _like(functions, model)
    own = {key: value for key, value in entry.items() if key != "like"}
    return {**model, **own}


def problems() -> list[str]:
    """Where the tables and the installed libraries disagree. A library that is missing is skipped."""
    found: list[str] = []
    tables = {path.stem: _toml(path) for path in FOLDER.glob("*.toml")}
    made_with = {k: v for table in tables.values() for k, v in table.get("made_with", {}).items()}
    found += api_problems(tables.pop(API))
    for _, table in sorted(tables.items()):
        found += table_problems(table, made_with)
    return found


def table_problems(table: dict[str, Any], made_with: dict[str, str]) -> list[str]:
    """What one library's table says of names and parameters that is not so."""
    known = _known_removals()
    found: list[str] = []
    for name, signature, former in described(table):
        library = name.partition(".")[0]
        installed = _installed(library)
        if installed is None or "()" in name or "*" in name:
            continue
        newest = _release(installed) >= _release(made_with.get(library, "0"))
        value = _resolve(name)
        if value is MISSING:
            if newest and name not in known:
                found.append(f"{name}: {library} {installed} has no such name")
        elif signature is not None:
            found += signature_problems(name, signature, former, value, newest=newest)
    return [*found, *_constraint_problems(table), *_required_problems(table)]


def _required_problems(table: dict[str, Any]) -> list[str]:
    """Keyword arguments that are said to be required and are not."""
    found: list[str] = []
    for name, entry in table.items():
        for each in expand(name) if name not in SECTIONS and "requires" in entry else ():
            value = _resolve(each)
            if value is MISSING or not callable(value):
                continue
            # A metaclass that takes anything says nothing of what the class wants.
            made = value.__init__ if inspect.isclass(value) else value
            known = inspect.signature(made).parameters
            found += [
                f"{each}: {one} is not required"
                for one in entry["requires"]
                if one not in known or known[one].default is not inspect.Parameter.empty
            ]
    return found


_CONSTRAINTS = {
    "positive": ("Positive(",),
    "nonnegative": ("Nonnegative(", "IntegerNonnegative(", "GreaterThanEq(lower_bound=0.0"),
    "fraction": ("UnitInterval(",),
    "open-fraction": ("OpenInterval(lower_bound=0.0, upper_bound=1.0",),
}


def _constraint_problems(table: dict[str, Any]) -> list[str]:
    """Where a distribution constrains a parameter in another way than the table says."""
    found: list[str] = []
    for name, parameter, which in _taken(table):
        value = _resolve(name)
        if not isinstance(value, type):
            value = _resolve(f"{name}Probs")  # a function that makes one of two classes
        stated = getattr(value, "arg_constraints", {}).get(parameter)
        if value is not MISSING and not str(stated).startswith(_CONSTRAINTS[which]):
            found.append(f"{name}: {parameter} is {stated}, not {which}")
    return found


def described(table: dict[str, Any]) -> Iterator[tuple[str, str | None, list[str]]]:
    """Each name a table speaks of, the parameters it states, and those of other releases."""
    for name, entry in table.items():
        if name == "signatures":
            for module, members in entry.items():
                for member, signature in members.items():
                    yield f"{module}.{member}", signature, []
        elif name in ("kinds", "plain", "results", "made"):
            for module, kinds in entry.items():
                for member in " ".join(kinds.values()).split():
                    yield f"{module}.{member}", None, []
        elif name == "reexports":
            for module, origins in entry.items():
                for member in " ".join(origins.values()).split():
                    yield f"{module}.{member}", None, []
        elif name == "counterparts":
            for members in entry.values():
                target = members["*"]
                for member, text in members.items():
                    if member != "*":
                        renamed = text.rpartition(": ")[0].removesuffix("?") or member
                        name = renamed if "." in renamed else f"{target}.{renamed}"
                        yield name, None, []
        elif name not in SECTIONS and _installed(entry.get("needs", "sys")) is not None:
            for each in expand(name):
                yield each, entry.get("parameters"), entry.get("former", [])
            for alias in entry.get("aliases", ()):
                yield alias, None, []


def signature_problems(
    name: str, stated: str, former: list[str], value: object, *, newest: bool
) -> list[str]:
    """Where stated parameters are not those of the real function."""
    actual = _parameters(value)
    if actual is None or any(
        parameter.startswith("*") and parameter != "*" for parameter in actual
    ):
        return []  # written in C, or it passes everything on
    table = [parameter for parameter in stated.split(", ") if parameter]
    if any(parameter.startswith("*") and parameter != "*" for parameter in table):
        table = [parameter for parameter in table if not parameter.startswith("*")]
        actual = [parameter for parameter in actual if parameter in table]
    found: list[str] = []
    unknown = [p for p in actual if p not in table and p not in former and p != "*"]
    if unknown:
        found.append(f"{name}: parameters the table lacks: {', '.join(unknown)}")
    gone = [p for p in table if p not in actual and p not in former and p != "*"]
    if gone and newest:
        found.append(f"{name}: parameters that do not exist: {', '.join(gone)}")
    both = [p for p in table if p in actual and p != "*"]
    if both != [p for p in actual if p in table and p != "*"]:
        found.append(f"{name}: the order is {', '.join(actual)}")
    return found


def api_problems(libraries: dict[str, dict[str, Any]]) -> list[str]:
    """Names said to be removed that are there, and the reverse."""
    found: list[str] = []
    for library, entries in libraries.items():
        package = "orbax.checkpoint" if library == "orbax-checkpoint" else library
        installed = _installed(package)
        if installed is None:
            continue
        for name, entry in entries.items():
            removed = entry.get("removed")
            gone = removed is not None and _release(installed) >= _release(removed)
            if gone == (_resolve(name) is not MISSING):
                state = "is gone from" if not gone else "exists in"
                found.append(
                    f"{name}: {state} {library} {installed}, said to be removed in {removed}"
                )
            new = entry.get("new", "")
            if (
                entry["fix"] == "safe"
                and _installed(new.partition(".")[0])
                and _resolve(new) is MISSING
            ):
                found.append(f"{name}: its replacement {new} does not exist")
    return found


def missing(module: str) -> list[str]:
    """The public functions of a module that no table describes by name, as signature lines."""
    stated: set[str] = set()
    for path in sorted(FOLDER.glob("*.toml")):
        if path.stem != API:
            stated |= {name for name, _, _ in described(_toml(path))}
    owner = importlib.import_module(module)
    lines: list[str] = []
    for name in sorted(vars(owner)):
        value = getattr(owner, name)
        public = callable(value) and not name.startswith("_")
        if public and f"{module}.{name}" not in stated:
            parameters = _parameters(value)
            if parameters is not None and not isinstance(value, type):
                lines.append(f'{name} = "{", ".join(parameters)}"')
    return lines


def _parameters(value: object) -> list[str] | None:
    if not callable(value):
        return None
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return None
    names: list[str] = []
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            names.append(f"*{parameter.name}")
        elif parameter.kind is parameter.VAR_KEYWORD:
            names.append(f"**{parameter.name}")
        else:
            if parameter.kind is parameter.KEYWORD_ONLY and not any(n[0] == "*" for n in names):
                names.append("*")
            names.append(parameter.name)
    return names


def _resolve(name: str) -> object:
    """What a qualified name stands for, importing the modules on the way."""
    top, *parts = name.split(".")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value = _module(top)
        path = top
        for part in parts:
            path = f"{path}.{part}"
            value = getattr(value, part, MISSING)
            if value is MISSING:
                value = _module(path)
            if value is MISSING:
                break
    return value


def _module(name: str) -> object:
    try:
        return importlib.import_module(name)
    except Exception:  # an optional part of a library raises what it likes
        return MISSING


@cache
def _installed(library: str) -> str | None:
    """The version of an importable library; Python's own modules count as one of Python."""
    try:
        importlib.import_module(library)
    except ImportError:
        return None
    try:
        return metadata.version(DISTRIBUTIONS.get(library, library))
    except metadata.PackageNotFoundError:
        return "3"


def _toml(path: Path) -> dict[str, Any]:
    module = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    return module.loads(path.read_text(encoding="utf-8"))


@cache
def _known_removals() -> frozenset[str]:
    libraries = _toml(FOLDER / f"{API}.toml")
    return frozenset(name for entries in libraries.values() for name in entries)


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
