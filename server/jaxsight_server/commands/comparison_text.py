"""A comparison in lines."""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_runner.protocol import Comparison
from jaxsight_server.commands.quantities import digits, duration, spread

_WORDS = {
    "faster": "FASTER than",
    "slower": "SLOWER than",
    "same": "THE SAME as",
    "unsure": "UNSURE beside",
}


def comparison_text(found: Comparison) -> Iterator[str]:
    """The verdict first, then what it rests on."""
    sure = f"{100 * found.confidence:.0f} %"
    between = f"{digits(found.low)} to {digits(found.high)}, {sure} interval"
    times = f"{digits(found.ratio)} times as long ({between})"
    yield f"  compared    {_WORDS[found.verdict]} {found.name}: takes {times}"
    both = f"{spread(found.latency)} against {spread(found.other_latency)}"
    yield f"              {both}, {found.pairs} pairs measured in turns"
    stages = found.other_stages
    compiled = stages.trace + stages.lower + stages.compile
    yield f"              {found.name} compiles in {duration(compiled)}"
    yield from (f"              {note}" for note in _remarks(found))


def _remarks(found: Comparison) -> Iterator[str]:
    if found.results == "equal":
        yield "both compute the same"
    elif found.results == "close":
        yield f"both compute the same but for rounding: {found.difference}"
    elif found.results == "different":
        yield f"they compute different things: {found.difference}"
    else:
        yield "whether both compute the same could not be told"
    if found.verdict == "unsure":
        share = f"{100 * found.threshold:g} %"
        yield f"a difference of {share} cannot be told from none: measure on a quieter machine"
    yield from found.notes
