"""Effects in words, for the specifications of the model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.semantic.contexts import Effects, Frame
from jaxsight_analyzers.semantic.events import Callees, EffectSeen, RevealSeen
from jaxsight_analyzers.semantic.spelling import display
from jaxsight_analyzers.semantic.tasks import Activation, Task


def answer(live: Iterable[Task], asked: RevealSeen) -> str:
    """The effects that a call had when it was asked, or those of a function, in words."""
    found: list[EffectSeen] = []
    if asked.node.args:
        if asked.asked is None:
            return "unknown"
        node = asked.asked.node
        runs = [run for task in live for run in task.events.contexts.get(node, ())]
        if not runs:
            return "not run"
        for run in runs:
            own, callees = tuple(run.seen.values()), tuple(run.callees.items())
            found += _effects(run.frame, own, callees, set())
        traced = any(run.frame.traced for run in runs)
    else:
        found += _effects(asked.frame, asked.effects, asked.callees, set())
        traced = asked.frame.traced
    last = {seen.key: seen for seen in found}
    words = dict.fromkeys(in_words(seen, traced) for seen in last.values())
    return ", ".join(words) or "nothing"


def _effects(
    frame: Frame,
    own: tuple[EffectSeen, ...],
    callees: Callees,
    known: set[object],
) -> Iterator[EffectSeen]:
    """A call's own effects, and those of the functions that it called."""
    waiting = list(callees)
    for number in range(len(own) + 1):
        while waiting and waiting[0][1] <= number:
            callee = waiting.pop(0)[0]
            if callee not in known:
                known.add(callee)
                yield from _of_callee(frame, callee, known)
        if number < len(own):
            yield own[number]


def _of_callee(
    caller: Frame, callee: Effects | Activation, known: set[object]
) -> Iterator[EffectSeen]:
    """What a function that was called did, but for what the caller itself is seen to do by that."""
    if isinstance(callee, Activation):
        if callee.summary is None or callee.summary.effects is None:
            return
        callee = callee.summary.effects
    called, callees = tuple(callee.seen.values()), tuple(callee.callees.items())
    for seen in _effects(callee.frame, called, callees, known):
        mine = seen.home.category not in ("argument", "self", "default")
        if (mine or seen.home.environment is not None) and (
            seen.home.environment is not caller.environment
        ):
            yield seen


def in_words(seen: EffectSeen, traced: bool) -> str:
    """One effect as a phrase; that host code is fine goes without saying unless traced code leads to it."""
    marks: list[str] = []
    if seen.certainty is not Certainty.YES:
        marks.append("maybe")
    if seen.kind in ("write", "cache") and seen.value is not Certainty.NO:
        marks.append("a tracer" if seen.value is Certainty.YES else "maybe a tracer")
    if seen.passed is not Certainty.NO:
        marks.append("given a tracer")
    if seen.changes:
        marks.append("changed elsewhere")
    if seen.copied:
        marks.append("a copy")
    if seen.why and (traced or seen.why != "host code"):
        marks.append(f"fine: {seen.why}")
    what = display(seen.what)
    if seen.home.category == "environment":
        text = "prints" if what == "print" else f"{_VERBS[seen.kind]} `{what}`"
    elif seen.kind == "cache":
        text = f"caches `{what}`"
    else:
        text = f"{_VERBS[seen.kind]} {seen.home.category} `{what}`"
    return f"{text} ({', '.join(marks)})" if marks else text


_VERBS = {
    "read": "reads",
    "write": "writes",
    "io": "does I/O with",
    "time": "reads the time with",
    "random": "draws from",
    "iterate": "takes an item of",
}
