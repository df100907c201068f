"""What several processes tell, put together: whose fault it is when they fail, and one report when they do not."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from jaxsight_runner.protocol import (
    BenchmarkReport,
    Failure,
    Hello,
    Message,
    Outcome,
    Phase,
    Progress,
    Question,
    RankLatency,
    ShardingReport,
    Tick,
    Up,
)
from jaxsight_server.running.endings import stopped

_QUIET = 3.0  # seconds without a sign of life, of which there are two a second
_BUSY = 0.2  # seconds of computing that are more than telling that it lives


@dataclass(frozen=True)
class Limits:
    """Seconds after which something is wrong."""

    starting: float = 60.0  # after the first process, in which the others must come
    silent: float = 20.0  # without a sign of life: Python itself stands still
    idle: float = 10.0  # without computing, while the others are further and wait
    slow: float = 120.0  # computing, while the others are further and wait
    still: float = 60.0  # in which none of them computes


_CONSEQUENCES = (  # what the others say when one is gone
    "onnection closed by peer",
    "onnection reset",
    "onnection refused",
    "Gloo",
    "NCCL",
    "oordination service",
    "eadline exceeded",
    "DEADLINE_EXCEEDED",
    "UNAVAILABLE",
    "Barrier",
)


@dataclass
class RankState:
    """What is known of one process."""

    number: int
    heard: float  # when it last said anything
    moved: float  # when it last computed, or began something
    began: float  # when it last began something
    phase: Phase = "start"
    steps: int = 0  # how often it began something: all of them do the same things in the same order
    cpu: float = 0.0  # seconds that it had computed then
    path: str | None = None
    line: int | None = None
    outcome: Outcome | None = None
    so_far: ShardingReport | None = None  # what it knew before it was through
    code: int | None = None  # its exit code
    tail: str = ""
    is_lossy: bool = False  # a part of a message of its was lost on the way

    @property
    def where(self) -> str:
        """`in phase trace, at train.py:12`."""
        at = f", at {Path(self.path).name}:{self.line}" if self.path and self.line else ""
        return f"in phase {self.phase}{at}"


@dataclass
class Watch:
    """All of them. `processes`: how many there are to be, where that is known beforehand."""

    processes: int | None
    limits: Limits
    ranks: dict[int, RankState] = field(default_factory=dict[int, RankState])
    launcher: tuple[int, str] | None = None  # its exit code, and the end of what it printed
    first: float | None = None

    def heard(self, rank: int, message: Message, now: float) -> None:
        """What a process says."""
        self.first = now if self.first is None else self.first
        state = self.ranks.setdefault(rank, RankState(rank, now, now, now))
        state.heard = now
        if isinstance(message, Up):
            self.processes = message.processes
        elif isinstance(message, Progress):
            state.phase, state.steps = message.phase, state.steps + 1
            state.moved = state.began = now
        elif isinstance(message, Tick):
            if message.cpu - state.cpu > _BUSY:
                state.moved, state.cpu = now, message.cpu
            state.path, state.line = message.path, message.line
        elif isinstance(message, ShardingReport) and message.unfinished is not None:
            state.so_far = message
        elif not isinstance(message, Hello):
            state.outcome, state.began = cast("Outcome", message), now

    def lost(self, rank: int) -> None:
        """A message of which a part did not come."""
        if rank in self.ranks:
            self.ranks[rank].is_lossy = True

    def ended(self, rank: int | None, code: int, tail: str) -> None:
        """A process, or the launcher, ended."""
        if rank is None:
            self.launcher = (code, tail)
            return
        state = self.ranks.setdefault(rank, RankState(rank, 0.0, 0.0, 0.0))
        state.code, state.tail = code, tail

    def reports(self) -> list[Outcome] | None:
        """The last words of all of them, when they are all there; a question of the first is one."""
        states = [self.ranks[number] for number in sorted(self.ranks)]
        for state in states:
            if isinstance(state.outcome, Question):
                return [state.outcome]
        outcomes = [state.outcome for state in states if state.outcome is not None]
        if self.processes is None or len(outcomes) < self.processes:
            return None
        return None if any(isinstance(one, Failure) for one in outcomes) else outcomes

    def has_failed(self) -> bool:
        """Whether one has failed or is gone, or the launcher is."""
        return self.launcher is not None or any(
            isinstance(state.outcome, Failure) or (state.code is not None and state.outcome is None)
            for state in self.ranks.values()
        )

    def problem(self, now: float) -> Failure | None:
        """Why waiting on makes no sense."""
        if self.first is None:
            return None
        missing = sorted(set(range(self.processes or 0)) - set(self.ranks))
        if missing and now - self.first > self.limits.starting:
            return Failure("start", f"rank {missing[0]} of {self.processes} never started")
        waiting = [state for state in self.ranks.values() if state.outcome is None]
        for state in waiting:
            if now - state.heard > self.limits.silent:
                words = f"rank {state.number} has been silent for {self.limits.silent:.0f} s, {state.where}"
                return _hang(state, words)
        return self._behind(waiting, now) or self._still(waiting, now)

    def _behind(self, waiting: Sequence[RankState], now: float) -> Failure | None:
        """One that gets nowhere, or not soon, while all others have gone on and wait for it."""
        if len(self.ranks) < 2 or not waiting:
            return None
        last = min(waiting, key=lambda state: state.steps)
        others = [state for state in self.ranks.values() if state is not last]
        if any(state.steps <= last.steps and state.outcome is None for state in others):
            return None
        waited = now - max(state.began for state in others)
        idle = now - last.moved
        if min(waited, idle) > self.limits.idle or waited > self.limits.slow:
            quiet = now - last.heard > _QUIET
            how = "has fallen silent, as if it were killed," if quiet else "hangs"
            words = f"rank {last.number} {how} {last.where}, while the others wait for it"
            return _hang(last, words)
        return None

    def _still(self, waiting: Sequence[RankState], now: float) -> Failure | None:
        if not waiting or any(now - state.moved <= self.limits.still for state in waiting):
            return None
        places = "; ".join(f"rank {state.number} {state.where}" for state in waiting)
        return _hang(waiting[0], f"no rank has moved for {self.limits.still:.0f} s: {places}")

    def too_long(self, timeout: float) -> Outcome:
        """All of them take too long."""
        known = [state.so_far for state in self.ranks.values() if state.so_far is not None]
        if known:
            return stopped(known[0], timeout)
        places = "; ".join(
            f"rank {state.number} {state.where}"
            for state in self.ranks.values()
            if state.outcome is None
        )
        return Failure(
            "timeout", f"not done after {timeout:g} s: {places or 'no rank has started'}"
        )


def _hang(state: RankState, message: str) -> Failure:
    return Failure("timeout", message, phase=state.phase, path=state.path, line=state.line)


def cause_of(watch: Watch) -> Failure:
    """The failure of the process that failed first, not of those that missed it."""
    states = list(watch.ranks.values())
    failed = [state for state in states if isinstance(state.outcome, Failure)]
    own = [state for state in failed if not _is_consequence(cast("Failure", state.outcome))]
    dead = [state for state in states if state.code is not None and state.outcome is None]
    if own:
        said = {cast("Failure", state.outcome).message for state in own}
        is_common = len(own) == watch.processes and len(said) == 1
        return cast("Failure", own[0].outcome) if is_common else _named(own[0])
    if dead:
        # Those that abort when they miss another die by themselves, and later.
        first = min(dead, key=lambda state: (state.code != -signal.SIGKILL, _speaks(state.tail)))
        return _death(first)
    if failed:
        silent = [state for state in states if state.outcome is None]
        if silent and watch.processes is not None:
            state = min(silent, key=lambda state: state.heard)
            words = f"rank {state.number} is gone, {state.where}: the others lost their connection to it"
            return Failure("crash", words, phase=state.phase)
        return _named(failed[0])
    code, tail = watch.launcher or (0, "")
    return _launcher_ended(watch, code, tail)


def _is_consequence(failure: Failure) -> bool:
    return _speaks(failure.message)


def _speaks(text: str) -> bool:
    """Whether a text is about a connection to another process."""
    return any(words in text for words in _CONSEQUENCES)


def _named(state: RankState) -> Failure:
    failure = cast("Failure", state.outcome)
    return replace(failure, message=f"rank {state.number}: {failure.message}")


def _death(state: RankState) -> Failure:
    code = state.code or 0
    tail = state.tail.strip()[-4000:] or None
    if code < 0:
        how = f"was ended by {signal.Signals(-code).name}"
        how += ": most likely memory ran out" if -code == signal.SIGKILL else ""
    elif state.is_lossy:
        how = f"ended with exit code {code}, and a part of what it said was lost on the way"
    else:
        how = f"ended with exit code {code} (`os._exit`?)"
    words = f"rank {state.number} {how}, {state.where}"
    return Failure("crash", words, tail, state.phase, exit_code=code)


def _launcher_ended(watch: Watch, code: int, tail: str) -> Failure:
    said = [line.strip() for line in tail.splitlines() if any(char.isalpha() for char in line)]
    last = said[-1] if said else ""
    missing = [state for state in watch.ranks.values() if state.outcome is None]
    who = "".join(_unheard(state) for state in missing[:3])
    if not watch.ranks:
        who = "; no process of it has said anything: does that Python, and this folder, exist where it runs?"
    words = f"the launcher ended with exit code {code}{who}" + (f" ({last})" if last else "")
    return Failure("start" if not watch.ranks else "crash", words, tail.strip()[-4000:] or None)


def _unheard(state: RankState) -> str:
    lost = ", and a part of what it said was lost on the way" if state.is_lossy else ""
    return f"; rank {state.number} was {state.where}{lost}"


def merged(outcomes: Sequence[Outcome]) -> Outcome:
    """The first one's report, with what the others measured, and whether they agree."""
    first = outcomes[0]
    if isinstance(first, BenchmarkReport) and len(outcomes) > 1:
        reports = [one for one in outcomes if isinstance(one, BenchmarkReport)]
        ranks = tuple(RankLatency(number, one.latency) for number, one in enumerate(reports))
        reasons = tuple(
            f"rank {number}: {reason}"
            for number, one in enumerate(reports)
            for reason in one.reasons
        )
        return replace(first, ranks=ranks, reasons=reasons, verdict="unstable" if reasons else "ok")
    if isinstance(first, ShardingReport) and len(outcomes) > 1:
        reports = [one for one in outcomes if isinstance(one, ShardingReport)]
        return replace(first, agreement=_disagreement(reports))
    return first


def _disagreement(reports: Sequence[ShardingReport]) -> str | None:
    """The first thing that a rank says otherwise than the first one."""
    first = reports[0]
    for number, one in enumerate(reports):
        for what, of_one, of_first in (
            ("runs another text", one.target.hash, first.target.hash),
            ("has other inputs", one.inputs, first.inputs),
            ("compiled for other devices", one.devices, first.devices),
            ("compiled other collectives", one.collectives, first.collectives),
            ("computes something else", one.work.flops, first.work.flops),
        ):
            if of_one != of_first:
                return f"rank {number} {what} than rank 0"
    return None
