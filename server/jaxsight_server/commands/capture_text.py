"""A capture in lines: the calls, their arguments, and what the arrays were like."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from jaxsight_runner.protocol import CapturedArgument, CapturedSignature, CaptureReport, Leaf
from jaxsight_server.commands.quantities import place

_SHOWN_LEAVES = 8
_SHOWN_SIGNATURES = 6
_HOW = {
    "concrete": "",
    "enclosing": ", traced: the values are those of the call that JAX traced it for",
    "abstract": ", traced: only shapes and dtypes are known",
}


def text(report: CaptureReport, program: str, ended: str) -> Iterator[str]:
    """The report."""
    target, chosen = report.target, report.signatures[0]
    times = f"called {_times(report.calls)} by `{program}`, which {ended}"
    yield f"{target.qualname}   {target.path}:{target.line}   {times}"
    if len(report.signatures) > 1 or chosen.values != "concrete":
        yield f"  {_times(chosen.calls)} as here{_HOW[chosen.values]}"
    if not chosen.arguments:
        yield "  it takes no arguments: nothing is to be recorded"
    for argument in chosen.arguments:
        yield from _argument(argument)
    for other in report.signatures[1:_SHOWN_SIGNATURES]:
        yield from _wrapped("also", f"{_times(other.calls)} {writable(other)}")
    left = len(report.signatures) - _SHOWN_SIGNATURES
    if left > 0:
        yield f"  also        {left} more kinds of calls: --json names all"
    if report.looked_at < report.calls:
        yield f"  note        {report.looked_at:,} of {report.calls:,} calls were looked at, not to slow the program down"
    yield from (f"  note        {note}" for note in report.notes)
    if report.environment is not None:
        yield f"  on          {place(report.environment)}"


def writable(signature: CapturedSignature) -> str:
    """The arguments in one line."""
    return ", ".join(one.spec or f"{one.name} ({one.type})" for one in signature.arguments)


def _argument(argument: CapturedArgument) -> Iterator[str]:
    if argument.spec is not None:
        yield from _wrapped("input", argument.spec)
        for leaf in argument.leaves[:_SHOWN_LEAVES]:
            if line := _leaf(leaf):
                yield f"                {line}"
    else:
        count = len(argument.leaves)
        write = f"; write `{argument.suggestion}`" if argument.suggestion else ""
        yield from _wrapped(
            "no spec", f"{argument.name}: {argument.reason}, which no spec can say{write}"
        )
        for leaf in argument.leaves[:_SHOWN_LEAVES]:
            yield f"                {leaf.path}: {leaf.value}"
        if count == 0:
            yield "                it holds no arrays that JAX knows of"
    left = len(argument.leaves) - _SHOWN_LEAVES
    if left > 0:
        yield f"                and {left} more arrays"


def _leaf(leaf: Leaf) -> str:
    if leaf.low is None or leaf.high is None:
        return ""
    parts = [
        f"from {leaf.low:.4g} to {leaf.high:.4g}",
        f"mean {leaf.mean:.3g}",
        f"std {leaf.std:.3g}",
    ]
    if leaf.zeros:
        parts.append(f"{100 * leaf.zeros:.3g} % zeros")
    if leaf.non_finite:
        parts.append(f"{100 * leaf.non_finite:.3g} % not finite")
    if leaf.sharding:
        parts.append(leaf.sharding)
    return f"{leaf.path}: {', '.join(parts)}"


def _wrapped(head: str, words: str) -> Iterator[str]:
    lines = textwrap.wrap(words, 100, break_long_words=False, break_on_hyphens=False) or [""]
    for index, line in enumerate(lines):
        yield f"  {head if index == 0 else '':<10}  {line}"


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count:,} times")
