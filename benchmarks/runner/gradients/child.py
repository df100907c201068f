"""Checks cases in one process and prints lines of JSON: for each case what we say, then what `check_grads` does.

Run by path with a runner's Python: the module of the cases, a folder for the sources, the runner's folder, the folder
that holds `benchmarks`, then the numbers of the cases.
"""

from __future__ import annotations

import json
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.runner.gradients.case import Case


def main(module: str, folder: Path, numbers: list[int]) -> None:
    """Check the cases in turn."""
    cases: list[Case] = import_module(module).CASES
    for number in numbers:
        path = folder / f"case_{number}.py"
        started = time.monotonic()
        ours = _ours(cases[number], path)
        _say(number, {**ours, "seconds": time.monotonic() - started})
        theirs = {
            f"check_grads {64 if wide else 32}": _check_grads(cases[number], path, wide)
            for wide in (False, True)
        }
        _say(number, theirs)


def _say(number: int, found: dict[str, Any]) -> None:
    print(json.dumps({"number": number, **found}), file=sys.__stdout__, flush=True)


def _request(case: Case, path: Path) -> Any:
    from jaxsight_runner.protocol import GradientsRequest

    return GradientsRequest(str(path), case.source, "f", case.inputs)


def _ours(case: Case, path: Path) -> dict[str, Any]:
    from jaxsight_runner.protocol import GradientsReport, to_json
    from jaxsight_runner.worker import run_request

    outcome = run_request(_request(case, path), _job())
    told = str(getattr(outcome, "summary", getattr(outcome, "message", "")))
    alarms: list[dict[str, Any]] = []
    if isinstance(outcome, GradientsReport):
        alarms = [to_json(f) for f in outcome.findings if f.level != "note"]
        alarmed = outcome.verdict == "wrong" or any(f.kind == "trap" for f in outcome.findings)
        verdict = outcome.verdict
    else:
        line = getattr(outcome, "line", None)
        alarms = [{"place": {"line": line}, "last_line": None}] if line else []
        alarmed, verdict = True, getattr(outcome, "kind", "question")
    return {
        "alarmed": alarmed,
        "verdict": verdict,
        "told": told,
        "is_line": any(_is_at(case, alarm) for alarm in alarms),
    }


def _is_at(case: Case, alarm: dict[str, Any]) -> bool:
    """Whether a line, or a rule from its first to its last line, is the culprit's."""
    place = alarm["place"]
    if not case.culprit or not place:
        return False
    lines = case.source.splitlines()[place["line"] - 1 : alarm["last_line"] or place["line"]]
    return case.culprit in [line.strip() for line in lines]


def _check_grads(case: Case, path: Path, wide: bool) -> bool:
    """Whether `jax.test_util.check_grads` objects, with its own tolerances."""
    jax = import_module("jax")
    check_grads = import_module("jax.test_util").check_grads

    jax.config.update("jax_enable_x64", wide)
    jax.clear_caches()
    try:
        function, leaves = _floating(case, path, wide)
        try:
            check_grads(function, leaves, order=1)
        except TypeError as error:
            if "custom_vjp" not in str(error):
                raise
            check_grads(function, leaves, order=1, modes=("rev",))
    except Exception:
        return True
    return False


def _floating(case: Case, path: Path, wide: bool) -> tuple[Any, tuple[Any, ...]]:
    from jaxsight_runner.derivatives.differentiation import floating
    from jaxsight_runner.loading.target import load_target
    from jaxsight_runner.program.prepared import prepare, program

    sys.modules.pop(path.stem, None)
    given = floating(program(prepare(load_target(_request(case, path), _job()))), promote=wide)
    return given.function, given.point


def _job() -> Any:
    from jaxsight_runner.worker import Job

    class Silent:
        def send(self, message: object) -> None:
            del message

    return Job(Silent())  # type: ignore[arg-type]


if __name__ == "__main__":
    sys.path += sys.argv[3:5]
    main(sys.argv[1], Path(sys.argv[2]), [int(number) for number in sys.argv[5:]])
