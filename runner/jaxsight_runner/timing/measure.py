"""Takes samples of time, and nothing else: no statistics beyond when to stop, no words."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from time import perf_counter
from typing import Any

from jaxsight_runner.data import dataclass
from jaxsight_runner.protocol import BenchmarkOptions
from jaxsight_runner.timing.statistics import MINIMUM_SAMPLES, half_width

Call = Callable[..., Any]  # a compiled function of the user's
Arguments = Callable[[], Any]  # makes the arguments of one call, as a tuple, outside the clock

_LATENCY_SAMPLE = 50e-6  # seconds: a sample shorter than this holds several calls
_THROUGHPUT_SAMPLE = 5e-3
_PAIR_SAMPLE = 500e-6
_LONGEST_PAIR_SAMPLE = 10e-3  # of the slower of two functions
_MOST_CALLS = 1000
_MOST_SAMPLES = 10_000
_PATIENCE = 10  # times the budget, for functions so slow that six samples take longer
MINIMUM_ROUNDS = 5  # of four samples; fewer say nothing about a ratio


@dataclass(frozen=True)
class Sampled:
    """Seconds per call, in the order they were taken, and how many calls made one sample."""

    seconds: tuple[float, ...]
    calls: int


def warm_up(call: Call, arguments: Arguments, seconds: float) -> float:
    """Call until `seconds` are over, at least twice; the shortest call seen, in seconds."""
    block = import_module("jax").block_until_ready
    shortest, count, end = float("inf"), 0, perf_counter() + seconds
    while count < 2 or (perf_counter() < end and count < _MOST_CALLS):
        given = block(arguments())
        start = perf_counter()
        block(call(*given))
        shortest = min(shortest, perf_counter() - start)
        count += 1
    return shortest


def latency(
    call: Call, arguments: Arguments, estimate: float, fresh: bool, options: BenchmarkOptions
) -> Sampled:
    """One call and its result, each call waited for. `fresh`: every call needs its own arguments."""
    block = import_module("jax").block_until_ready
    calls = 1 if fresh else _calls(estimate, _LATENCY_SAMPLE)
    given = block(arguments())

    def sample() -> float:
        nonlocal given
        if fresh:
            given = block(arguments())
        start = perf_counter()
        for _ in range(calls):
            block(call(*given))
        return (perf_counter() - start) / calls

    return Sampled(_collect(sample, options), calls)


def throughput(
    call: Call, arguments: Arguments, estimate: float, options: BenchmarkOptions
) -> Sampled:
    """Calls queued one after the other, and the last one waited for."""
    block = import_module("jax").block_until_ready
    calls = max(2, _calls(estimate, _THROUGHPUT_SAMPLE))
    given = block(arguments())

    def sample() -> float:
        start = perf_counter()
        result = None
        for _ in range(calls):
            result = call(*given)
        block(result)
        return (perf_counter() - start) / calls

    return Sampled(_collect(sample, options), calls)


@dataclass(frozen=True)
class Side:
    """One of two functions that take turns."""

    call: Call
    arguments: Arguments
    fresh: bool  # every call needs its own arguments
    estimate: float  # seconds of one call
    named: bool = False  # the arguments are a tuple and a dict, for a call that has keywords


def in_turns(
    one: Side,
    other: Side,
    options: BenchmarkOptions,
    decided: Callable[[list[float], list[float]], bool],
) -> tuple[Sampled, Sampled]:
    """Samples in the order one, other, other, one: what drifts or disturbs hits both alike.

    Asks whether enough is known after 20 rounds and each time that number has doubled.
    """
    calls = _calls_of_both(one, other)
    take = [_sampler(side, calls) for side in (one, other)]
    taken: tuple[list[float], list[float]] = ([], [])
    start, rounds, ask = perf_counter(), 0, 20
    while rounds < _MOST_SAMPLES:
        for index in (0, 1, 1, 0):
            taken[index].append(take[index]())
        rounds += 1
        spent = perf_counter() - start
        if rounds < MINIMUM_ROUNDS and spent < options.seconds * _PATIENCE:
            continue
        if spent >= 2 * options.seconds:
            break
        if rounds == ask:
            ask *= 2
            if decided(*taken):
                break
    return Sampled(tuple(taken[0]), calls), Sampled(tuple(taken[1]), calls)


def _calls_of_both(one: Side, other: Side) -> int:
    """How many calls make a sample of either, as many of both.

    On a busy machine a few calls take very long. A sample of many calls nearly always holds some of
    these, a single call hardly ever: the same function would be slower by that.
    """
    if one.fresh or other.fresh:
        return 1
    fast, slow = sorted((one.estimate, other.estimate))
    return min(_calls(fast, _PAIR_SAMPLE), _calls(slow, _LONGEST_PAIR_SAMPLE))


def _sampler(side: Side, calls: int) -> Callable[[], float]:
    block = import_module("jax").block_until_ready
    given = block(side.arguments())

    def sample() -> float:
        nonlocal given
        if side.fresh:
            given = block(side.arguments())
        start = perf_counter()
        for _ in range(calls):
            block(side.call(*given))
        return (perf_counter() - start) / calls

    return sample


def host_noise(repeats: int = 20) -> float:
    """How much longer the slowest of equal pieces of pure Python work took than the middle one."""
    times: list[float] = []
    for _ in range(repeats):
        start = perf_counter()
        total = 0
        for number in range(20_000):
            total += number
        times.append(perf_counter() - start)
    times.sort()
    return times[-2] / times[len(times) // 2] - 1


def _calls(estimate: float, sample: float) -> int:
    return max(1, min(_MOST_CALLS, int(sample / max(estimate, 1e-9))))


def _collect(sample: Callable[[], float], options: BenchmarkOptions) -> tuple[float, ...]:
    """Samples until the median is known well enough or the budget is spent; every one is kept."""
    taken: list[float] = []
    start = perf_counter()
    while len(taken) < _MOST_SAMPLES:
        taken.append(sample())
        spent = perf_counter() - start
        count = len(taken)
        if count < 3 or (count < MINIMUM_SAMPLES and spent < options.seconds * _PATIENCE):
            continue
        if spent >= options.seconds:
            break
        precise = count >= options.minimum_samples and count % 10 == 0
        if precise and half_width(taken) < options.precision:
            break
    return tuple(taken)
