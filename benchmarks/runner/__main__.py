"""Measures whether the runner tells the truth and prints goal, figure and whether it is met.

    make bench-runner
    python -m benchmarks.runner --only trials --trials 20

Times are ratios of what is measured in turn in one run. Missed goals do not fail the command.
"""

from __future__ import annotations

import argparse
import os

from benchmarks.runner import loops, start, trials
from benchmarks.runner.gradients import table
from benchmarks.table import Row, line

MEASUREMENTS = ("start", "loops", "trials", "gradients")


def main() -> int:
    """Measure and print, row by row."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.runner", description=__doc__)
    parser.add_argument("--only", action="append", choices=MEASUREMENTS, help="measure just this")
    parser.add_argument("--trials", type=int, default=20, help="comparisons of each kind")
    parser.add_argument(
        "--half", metavar="NAME", help="of the table of gradients: `cases`, `held_out`"
    )
    arguments = parser.parse_args()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    print(f"load {load:.1f} on {os.cpu_count()} cores\n")
    rows: list[Row] = []
    for name in arguments.only or MEASUREMENTS:
        measures = {
            "start": start.measure,
            "loops": loops.measure,
            "trials": lambda: trials.measure(arguments.trials),
            "gradients": lambda: table.measure(arguments.half),
        }
        found = measures[name]()
        for row in found:
            print(line(row), flush=True)
            rows.append(row)
    print(f"{sum(row.met for row in rows)} of {len(rows)} goals are met")
    return 0


raise SystemExit(main())
