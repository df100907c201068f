"""The comparison as tables; `python -m tests.analyzers.truth.report` prints them.

With the names of programs, or `tuning` for all that are not held back, it prints each wrong or
missing answer there. `--floors` writes `recall.toml` anew.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable

from tests.analyzers.truth.compare import Answer, Tally, compare, key_reuses, tally
from tests.analyzers.truth.record import HERE, RECORDED, listed


def answers(names: Iterable[str]) -> list[Answer]:
    """The answers of some programs."""
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))
    return [answer for name in names for answer in compare(name, source_of(name), recorded[name])]


def source_of(name: str) -> str:
    """The text of a program."""
    return (HERE / "programs" / f"{name}.py").read_text(encoding="utf-8")


def halves() -> dict[str, list[str]]:
    """The programs for tuning and those held back."""
    programs = listed()
    held = [name for name, facts in programs.items() if facts.get("held_back")]
    return {"tuning": [name for name in programs if name not in held], "held back": held}


def keys(names: Iterable[str]) -> tuple[int, int, int, int]:
    """The totals of `key_reuses` over the programs whose keys JAX watched."""
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))
    watched = [name for name in names if listed()[name].get("key_reuse")]
    counted = [key_reuses(name, source_of(name), recorded[name]) for name in watched]
    seen, found, certain, wrong = (sum(column) for column in zip(*counted))
    return seen, found, certain, wrong


def table(total: Tally) -> str:
    """Precision, and recall per construct."""
    lines = [
        f"{total.functions} functions and {total.names} names traced by JAX",
        f"{total.certain} certain answers, {total.wrong} wrong: precision {total.precision:.2%}",
        f"{total.lenient} lenient answers: a value granted that no tracer had",
        f"{'construct':32} {'traced':>6} {'certain':>8} {'maybe':>8}",
    ]
    for construct in sorted(total.recalled):
        counts = total.recalled[construct]
        shares = (counts[column] / counts["all"] for column in ("yes", "maybe"))
        lines.append(f"{construct:32} {counts['all']:6} " + " ".join(f"{s:8.1%}" for s in shares))
    return "\n".join(lines)


def write_floors() -> None:
    """Writes what is reached as the floors, rounded down to whole per cents."""
    parts = halves()
    every = [answer for names in parts.values() for answer in answers(names)]
    seen, found, _, _ = keys(listed())
    lines = [
        "# What the comparison with JAX reaches; a test fails when it falls. Written by",
        "# `python -m tests.analyzers.truth.report --floors`. A construct counts from five places on.",
        "",
        f"precision = {min(0.995, math.floor(tally(every).precision * 1000) / 1000)}  # over all programs; the goal is 0.995",
        f"keys = {math.floor(found / seen * 100) / 100}  # of the keys that JAX saw used twice",
    ]
    for half, names in parts.items():
        total = tally(answers(names))
        lines.append(f'\n["{half}"]')
        for construct, counts in sorted(total.recalled.items()):
            if counts["all"] >= 5:
                lines.append(f'"{construct}" = {math.floor(total.recall(construct) * 100) / 100}')
    (HERE / "recall.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main(names: list[str]) -> None:
    """Prints totals, or what is wrong or missing in the named programs."""
    parts = halves()
    if names == ["--floors"]:
        write_floors()
        return
    if not names:
        for half, programs in parts.items():
            print(f"\n{half}: {len(programs)} programs\n{table(tally(answers(programs)))}")
            seen, found, certain, wrong = keys(programs)
            print(f"keys: {seen} reuses, {found} found, {certain} certain findings, {wrong} wrong")
        return
    for answer in answers(parts["tuning"] if names == ["tuning"] else names):
        assert answer.program in parts["tuning"], f"{answer.program} is held back"
        if answer.wrong or (answer.traced and not answer.yes):
            print(
                f"{answer.program}:{answer.point.line} {answer.point.function or '<module>'} "
                f"{answer.point.name or '(function)'} [{answer.wrong or 'missing'}] "
                f"JAX: {', '.join(answer.jax)}; model: {', '.join(answer.model) or 'nothing'}"
            )


if __name__ == "__main__":
    main(sys.argv[1:])
