"""Runs the rules over real packages and repositories, and holds what they find against what people judged.

python scripts/corpus.py get FOLDER          bring the pinned packages and repositories into a folder
python scripts/corpus.py check FOLDER [NAME...]   analyse them: findings.txt, a table, what has no verdict
python scripts/corpus.py expected            write anew what is found in the installed packages

The folder must be outside the repository: what is in it is other people's code. It holds
`packages/NAME` and `repositories/OWNER+NAME`. The pins, the verdicts and the findings in installed
packages are in tests/analyzers/corpus.
"""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "analyzers")]

from tests.analyzers.corpus.findings import (  # noqa: E402
    FOLDER,
    Result,
    expected,
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
    for name, commit in table["repositories"].items():
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
    table, judged = pins(), verdicts()
    lines: list[str] = []
    ruled: dict[str, Counter[str]] = {}
    results: dict[str, Result] = {}
    crashed = False
    for kind in ("packages", "repositories"):
        for name in names or table[kind]:
            target = folder / kind / name.replace("/", "+")
            if name not in table[kind] or not target.exists():
                continue
            result = results[name] = look(target, table["versions"])
            ruled[name] = _ruled(result, judged.get(name, {}))
            lines += [f"{name} {e.place} {e.severity} {e.message}" for e in result.found]
            print(_row(name, result, ruled[name]), flush=True)
            for note in _notes(name, result, judged.get(name, {})):
                print(note)
            crashed = crashed or bool(result.crashes)
    (folder / "findings.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(_summary(results, ruled, set(table["well_kept"])))
    return int(crashed)


def _ruled(result: Result, judged: dict[str, str]) -> Counter[str]:
    """How often each verdict was given, by severity too."""
    counted: Counter[str] = Counter()
    for each in result.found:
        verdict = judged.get(each.place, "none").partition(":")[0]
        counted[verdict] += 1
        counted[f"{each.severity} {verdict}"] += 1
    return counted


def _row(name: str, result: Result, ruled: Counter[str]) -> str:
    errors = sum(each.severity == "error" for each in result.found)
    return (
        f"{name:36} {result.files:5} files {result.lines:7} lines {result.seconds:6.1f} s"
        f" {errors:4} errors {len(result.found) - errors:4} warnings"
        f"  right {ruled['right']}, intended {ruled['intended']}, wrong {ruled['wrong']}"
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
    results: dict[str, Result], ruled: dict[str, Counter[str]], well_kept: set[str]
) -> str:
    lines = sum(result.lines for name, result in results.items() if name in well_kept)
    counted: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    for name, each in ruled.items():
        counted += each
        if name in well_kept:
            kept += each
    rate = 100_000 * kept["wrong"] / max(lines, 1)
    return (
        f"{json.dumps(dict(sorted(counted.items())))}\n"
        f"well-kept code: {lines} lines, {kept['wrong']} wrong findings: {rate:.2f} per 100,000 lines"
        f" ({kept['none']} without a verdict)"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
