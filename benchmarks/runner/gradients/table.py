"""How many right and planted wrong gradients are told apart, beside `jax.test_util.check_grads`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread, Timer
from typing import Any

import jaxsight_runner
from benchmarks.runner.gradients import child
from benchmarks.runner.gradients.case import Case
from benchmarks.table import Row

_HERE = Path(__file__).parent
_SHARES = 3  # processes, which end long before their memory is full of compiled programs
_PATIENCE = 60.0  # seconds for one case
_NOTHING: dict[str, Any] = {
    "alarmed": False,
    "is_line": False,
    "verdict": "no answer",
    "told": f"it took more than {_PATIENCE:.0f} s, or the process died",
    "seconds": _PATIENCE,
    "check_grads 32": False,
    "check_grads 64": False,
}


def measure(only: str | None = None) -> Iterator[Row]:
    """One table for each half, and the goals for both together. `only`: the half whose name has that in it."""
    everything: list[tuple[Case, dict[str, Any]]] = []
    for module in ("cases", "held_out"):
        if only and only not in module:
            continue
        name = f"benchmarks.runner.gradients.{module}"
        cases: list[Case] = import_module(name).CASES
        found = _outcomes(name, len(cases))
        pairs = [(case, found[number]) for number, case in enumerate(cases)]
        print("\n".join(_table(module, pairs)), flush=True)
        everything += pairs
    yield from _goals(everything)


def _outcomes(module: str, count: int) -> dict[int, dict[str, Any]]:
    """What is said of every case, by its number."""
    found: dict[int, dict[str, Any]] = {number: {} for number in range(count)}
    with TemporaryDirectory() as folder:
        shares = [list(range(share, count, _SHARES)) for share in range(_SHARES)]
        threads = [
            Thread(target=_share, args=(module, folder, numbers, found)) for numbers in shares
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return {number: {**_NOTHING, **said} for number, said in found.items()}


def _share(module: str, folder: str, numbers: list[int], found: dict[int, dict[str, Any]]) -> None:
    """Check cases in a process, and in a new one those after a case that does not end."""
    runner = str(Path(jaxsight_runner.__file__ or "").parent.parent)
    root = str(_HERE.parents[2])
    while numbers:
        command = [sys.executable, child.__file__, module, folder, runner, root, *map(str, numbers)]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as run:
            assert run.stdout is not None
            timer = Timer(_PATIENCE, run.kill)
            timer.start()
            for line in run.stdout:
                timer.cancel()
                said = json.loads(line)
                found[said["number"]].update(said)
                if "check_grads 64" in said:
                    numbers = [number for number in numbers if number != said["number"]]
                timer = Timer(_PATIENCE, run.kill)
                timer.start()
            timer.cancel()
        if run.returncode and numbers:
            numbers = numbers[1:]  # what it died of


def _table(half: str, pairs: list[tuple[Case, dict[str, Any]]]) -> Iterator[str]:
    yield f"\n{half}: found of wrong, right line; false alarms of right; then check_grads in float32 and float64"
    for kind in dict.fromkeys(_kind(case) for case, _ in pairs):
        yield _line(kind, [pair for pair in pairs if _kind(pair[0]) == kind])
    yield _line("in total", pairs)
    seconds = sorted(found["seconds"] for _, found in pairs)
    yield f"  {seconds[len(seconds) // 2]:.1f} s for a function in the middle, {seconds[-1]:.1f} s for the slowest"
    for case, found in pairs:
        if found["alarmed"] != case.wrong or (case.wrong and not found["is_line"]):
            words = (
                "missed"
                if case.wrong and not found["alarmed"]
                else "line"
                if case.wrong
                else "ALARM"
            )
            yield f"  {words:6}  {case.name}: {found['verdict']}: {found['told'][:160]}"
    yield ""


def _kind(case: Case) -> str:
    """What comes before the details."""
    return case.kind.partition(":")[0].strip()


def _line(title: str, pairs: list[tuple[Case, dict[str, Any]]]) -> str:
    wrong = [found for case, found in pairs if case.wrong]
    right = [found for case, found in pairs if not case.wrong]

    def share(of: list[dict[str, Any]], holds: Callable[[dict[str, Any]], bool]) -> str:
        return f"{sum(map(holds, of))}/{len(of)}" if of else "-"

    cells = [
        share(wrong, lambda one: one["alarmed"]),
        share(wrong, lambda one: one["alarmed"] and one["is_line"]),
        share(right, lambda one: one["alarmed"]),
    ]
    for bits in (32, 64):
        key = f"check_grads {bits}"
        cells += [share(wrong, lambda one: one[key]), share(right, lambda one: one[key])]  # noqa: B023
    words = (
        "  found {:>6}  line {:>6}  alarms {:>6}   | check_grads 32: {:>6} {:>6}   64: {:>6} {:>6}"
    )
    return f"  {title[:26]:26}" + words.format(*cells)


def _goals(pairs: list[tuple[Case, dict[str, Any]]]) -> Iterator[Row]:
    wrong = [found for case, found in pairs if case.wrong]
    alarms = sum(found["alarmed"] for case, found in pairs if not case.wrong)
    found = sum(one["alarmed"] for one in wrong)
    lines = sum(one["alarmed"] and one["is_line"] for one in wrong)
    total = len(wrong)
    right = len(pairs) - total
    yield Row("wrong gradients that are found", "90 %", f"{found} of {total}", found >= 0.9 * total)
    yield Row("right ones that are called wrong", "none", f"{alarms} of {right}", alarms == 0)
    yield Row("with the line to look at", "75 %", f"{lines} of {total}", lines >= 0.75 * total)
