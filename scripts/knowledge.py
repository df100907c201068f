"""Makes the JSON that the analysers read from the tables, and compares the tables with real libraries.

python scripts/knowledge.py [--check]     write knowledge.json and api.json, or say they are stale
python scripts/knowledge.py verify        compare names and parameters with what is installed
python scripts/knowledge.py propose jax.numpy    public functions the tables do not describe
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = Path(__file__).parent.parent / "analyzers/jaxsight_analyzers/knowledge"
SECTIONS = (
    "made_with",
    "signatures",
    "counterparts",
    "kinds",
    "annotations",
    "methods",
    "bases",
    "modules",
    "reexports",
)
API = "api"


def main(arguments: list[str]) -> int:
    """Runs one command."""
    match arguments:
        case [] | ["--check"]:
            return build(check=bool(arguments))
        case ["verify"]:
            from knowledge_verify import verify  # type: ignore[import-not-found]

            return verify()
        case _:
            print(__doc__)
            return 2


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
        "annotations": {},
        "methods": {},
        "bases": {},
    }
    for path in sorted(FOLDER.glob("*.toml")):
        if path.stem != API:
            _add(joined, tomllib.loads(path.read_text(encoding="utf-8")))
    for name, entry in list(joined["functions"].items()):
        if "like" in entry:
            joined["functions"][name] = _like(joined["functions"], entry)
    return json.dumps(joined, separators=(",", ":"), ensure_ascii=False) + "\n"


def api_json() -> str:
    """The table of removed and renamed names."""
    path = FOLDER / f"{API}.toml"
    table = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return json.dumps(table, separators=(",", ":"), ensure_ascii=False) + "\n"


def _add(joined: dict[str, dict[str, Any]], table: dict[str, Any]) -> None:
    for module, kinds in table.get("kinds", {}).items():
        for kind, names in kinds.items():
            joined["kinds"].update({f"{module}.{name}": kind for name in names.split()})
    for name, entry in table.get("methods", {}).items():
        joined["methods"].update(dict.fromkeys(expand(name), entry))
    for section in ("signatures", "counterparts", "annotations", "bases"):
        for key, value in table.get(section, {}).items():
            if isinstance(value, dict):
                joined[section].setdefault(key, {}).update(value)
            else:
                joined[section][key] = value
    joined["aliases"].update(table.get("modules", {}))
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
                key: value for key, value in entry.items() if key not in ("aliases", "former")
            }
        joined["aliases"].update(dict.fromkeys(entry.get("aliases", ()), name))


def expand(name: str) -> list[str]:
    """`a.{b,c}.d` is `a.b.d` and `a.c.d`."""
    head, opened, rest = name.partition("{")
    if not opened:
        return [name]
    inner, _, tail = rest.partition("}")
    return [f"{head}{each}{tail}" for each in inner.split(",")]


def _like(functions: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    model = functions[entry["like"]]
    if "like" in model:
        model = _like(functions, model)
    own = {key: value for key, value in entry.items() if key != "like"}
    return {**model, **own}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
