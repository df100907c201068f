"""Measures what the goals of speed are about and prints goal, figure and whether it is met.

    make bench
    python -m benchmarks --only keystroke --quick

Figures are ratios of what is measured in turn in one run, so that they hold on a busy machine;
only memory and the longest pause have goals of their own. Missed goals do not fail the command.
"""

from __future__ import annotations

import argparse
import importlib
import multiprocessing
from multiprocessing.connection import Connection

from benchmarks.table import Options, Row, line

MEASUREMENTS = ("keystroke", "cold", "index", "together", "memory", "pause")
"""Modules with a `measure(options)` that yields rows; each runs in a process of its own."""


def main() -> int:
    """Measure and print, row by row."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", choices=MEASUREMENTS, help="measure just this")
    parser.add_argument("--quick", action="store_true", help="a fifth of the time, rough figures")
    arguments = parser.parse_args()
    rows: list[Row] = []
    for name in arguments.only or MEASUREMENTS:
        rows.extend(_measured(name, Options(quick=arguments.quick)))
    print(f"{sum(row.met for row in rows)} of {len(rows)} goals are met")
    return 0


def _measured(name: str, options: Options) -> list[Row]:
    """The rows of one measurement, printed as they come, from a fresh process."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_measure, args=(name, options, sender))
    process.start()
    sender.close()
    rows: list[Row] = []
    while True:
        try:
            row: Row = receiver.recv()
        except EOFError:
            break
        rows.append(row)
        print(line(row), flush=True)
    process.join()
    if process.exitcode:
        raise SystemExit(f"`{name}` failed")
    return rows


def _measure(name: str, options: Options, sender: Connection) -> None:
    for row in importlib.import_module(f"benchmarks.{name}").measure(options):
        sender.send(row)
