"""Runs the rules over real packages and repositories, and holds what they find against what people judged.

python scripts/corpus.py get FOLDER          bring the pinned packages and repositories into a folder
python scripts/corpus.py check FOLDER [NAME...]   analyse them: what has no verdict, then as `table`
python scripts/corpus.py table FOLDER        count by rule and by project what was found, and say what changed
python scripts/corpus.py libraries FOLDER [NAME...]   how right the rules about libraries are in code with them
python scripts/corpus.py expected            write anew what is found in the installed packages

The folder must be outside the repository: what is in it is other people's code. It holds
`packages/NAME` and `repositories/OWNER+NAME`; what was found in each is kept in `found`. The pins, the
verdicts, the tables (precision.md, libraries.md) and the findings in installed packages are in tests/analyzers/corpus.
"""

from __future__ import annotations

import difflib
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "analyzers")]

from tests.analyzers.corpus import libraries, precision  # noqa: E402
from tests.analyzers.corpus.findings import (  # noqa: E402
    FOLDER,
    Result,
    expected,
    installed,
    look,
    pins,
    verdicts,
)


def main(arguments: list[str]) -> int:
    """Runs one command."""
    match arguments:
        case ["get", folder]:
            return get(Path(folder))
        case ["check", folder, *names]:
            return check(Path(folder), names)
        case ["table", folder]:
            return table(Path(folder))
        case ["libraries", folder, *names]:
            return of_libraries(Path(folder), names)
        case ["expected"]:
            text = expected()
            (FOLDER / "expected.txt").write_text(text, encoding="utf-8")
            return 0
        case _:
            print(__doc__)
            return 2


# Commands


def get(folder: Path) -> int:
    """Downloads the pinned packages and repositories that the folder lacks."""
    table = pins()
    for name, version in table["packages"].items():
        target = folder / "packages" / name
        if not target.exists():
            wheels = folder / "wheels" / name
            pip = ["pip", "download", "--quiet", "--no-deps", "--dest", str(wheels)]
            subprocess.run([*pip, f"{name}=={version}"], check=True)
            for wheel in wheels.glob("*.whl"):
                zipfile.ZipFile(wheel).extractall(target)
    for name, commit in {**table["repositories"], **table["with_libraries"]}.items():
        target = folder / "repositories" / name.replace("/", "+")
        if not target.exists():
            for words in (
                ["init", "--quiet", str(target)],
                ["-C", str(target), "fetch", "--depth=1", f"https://github.com/{name}", commit],
                ["-C", str(target), "checkout", "--quiet", commit],
            ):
                subprocess.run(["git", *words], check=True)
    return 0


def check(folder: Path, names: list[str]) -> int:
    """Analyses what is in the folder and prints how it stands to the verdicts."""
    judged = verdicts()
    crashed = False
    for kind, name in _projects(names):
        result = _look(folder, kind, name)
        if result is None:
            continue
        precision.write(_kept(folder, kind, name), name, result)
        print(_row(name, result), flush=True)
        for note in _notes(name, result, judged.get(name, {})):
            print(note)
        crashed = crashed or bool(result.crashes)
    table(folder)
    return int(crashed)


def table(folder: Path) -> int:
    """Writes the tables anew from what was found, and prints how they differ from the last ones."""
    kept = [_kept(folder, kind, name) for kind, name in _projects([])]
    projects = [precision.read(path) for path in kept if path.exists()]
    before = precision.TABLES.read_text(encoding="utf-8") if precision.TABLES.exists() else ""
    after = precision.tables(projects, verdicts())
    precision.TABLES.write_text(after, encoding="utf-8")
    lines = (before.splitlines(), after.splitlines())
    print("\n".join(difflib.unified_diff(*lines, "before", "after", lineterm="", n=0)))
    print(_summary(projects, verdicts(), set(pins()["well_kept"])))
    missing = [path.stem for path in kept if not path.exists()]
    if missing:
        print(f"not looked at: {', '.join(missing)}")
    return 0


def of_libraries(folder: Path, names: list[str]) -> int:
    """Looks with the rules about libraries at the code that has them, or at these projects of it.

    The tables are of what was found this time and before.
    """
    table = pins()
    chosen = libraries.libraries(table)
    wanted = {name for each in chosen for name in (*each.own, *each.users)}
    config, judged = libraries.config(chosen), verdicts()
    for name in sorted(wanted & set(names)) if names else sorted(wanted):
        kind = "packages" if name in table["packages"] else "repositories"
        target = folder / kind / name.replace("/", "+")
        if target.exists():
            result = look(target, table["versions"], config=config)
            precision.write(_kept(folder, "libraries", name), name, result)
            print(_row(name, result), flush=True)
            for each in result.found:
                if each.place not in judged.get(name, {}):
                    print(f"  no verdict: {each.place} {each.message}", flush=True)
    paths = {name: _kept(folder, "libraries", name) for name in wanted}
    kept = {name: precision.read(path) for name, path in paths.items() if path.exists()}
    text = libraries.tables(chosen, kept, table, judged)
    libraries.TABLES.write_text(text, encoding="utf-8")
    return 0


def _look(folder: Path, kind: str, name: str) -> Result | None:
    """What is found in a project; None where it is not there."""
    if kind == "installed":
        return installed(name, pins()[kind][name])
    target = folder / kind / name.replace("/", "+")
    return look(target, pins()["versions"]) if target.exists() else None


def _projects(names: list[str]) -> Iterator[tuple[str, str]]:
    """The kind and the name of what is pinned, and of what is installed besides."""
    seen: set[str] = set()
    for kind in ("packages", "repositories", "installed"):
        wanted = [name for name in pins()[kind] if name not in seen]
        seen.update(wanted)
        yield from ((kind, name) for name in wanted if not names or name in names)


def _kept(folder: Path, kind: str, name: str) -> Path:
    return folder / "found" / kind / f"{name.replace('/', '+')}.txt"


def _row(name: str, result: Result) -> str:
    errors = sum(each.severity == "error" for each in result.found)
    return (
        f"{name:36} {result.files:5} files {result.lines:7} lines {result.seconds:6.1f} s"
        f" {errors:4} errors {len(result.found) - errors:4} warnings"
    )


def _notes(name: str, result: Result, judged: dict[str, str]) -> Iterator[str]:
    places = {each.place for each in result.found}
    yield from (f"  CRASH {crash}" for crash in result.crashes)
    yield from (f"  {seconds:.1f} s for {path}" for seconds, path in result.slow)
    for each in result.found:
        if each.severity == "error" and each.place not in judged:
            yield f"  no verdict: {each.place} {each.message}"
    yield from (f"  gone: {place} ({judged[place]})" for place in judged if place not in places)


def _summary(
    projects: list[precision.Project], judged: Mapping[str, Mapping[str, str]], well_kept: set[str]
) -> str:
    kept = [project for project in projects if project.name in well_kept]
    lines = sum(project.lines for project in kept)
    wrong = sum(
        judged.get(project.name, {}).get(each.place, "").startswith("wrong")
        for project in kept
        for each in project.found
    )
    rate = 100_000 * wrong / max(lines, 1)
    return f"well-kept code: {lines} lines, {wrong} wrong findings: {rate:.2f} per 100,000 lines"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
