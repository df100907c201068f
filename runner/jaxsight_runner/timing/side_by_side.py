"""Another function beside the target: loaded, given the same inputs, and measured in turns with it."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Optional

from jaxsight_runner.data import dataclass
from jaxsight_runner.failures import Stop, failure_of, is_user_file
from jaxsight_runner.inputs.arguments import Arguments, build_arguments, written
from jaxsight_runner.inputs.ownership import helper_names
from jaxsight_runner.inputs.parser import SpecError, parse_spec
from jaxsight_runner.loading.target import Loaded, load_target
from jaxsight_runner.program.compilation import Compilable, compilable, copies, stage
from jaxsight_runner.program.prepared import Prepared, prepare
from jaxsight_runner.protocol import (
    BenchmarkOptions,
    BenchmarkRequest,
    Comparison,
    Input,
    Other,
    Stages,
    TargetRequest,
)
from jaxsight_runner.timing import measure
from jaxsight_runner.timing.statistics import (
    comparison_verdict,
    median,
    pair_ratios,
    ratio_interval,
    summarise,
)
from jaxsight_runner.worker import Job

CONFIDENCE = 0.99  # the samples are looked at more than once
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_ROUNDING = {"float16": 1e-2, "bfloat16": 5e-2, "float32": 1e-4, "complex64": 1e-4}
_FINE = 1e-8  # what 64 bits may differ by, relative to the largest element


@dataclass(frozen=True)
class Contestant:
    """A function that is compiled and ready to be measured."""

    prepared: Prepared
    compiled: Compilable
    side: measure.Side
    stages: Stages


def contestant(prepared: Prepared, job: Job, options: BenchmarkOptions) -> Contestant:
    """Compile and warm up."""
    compiled = compilable(prepared)
    staged = stage(compiled, job)
    return ready(prepared, compiled, staged.stages, bool(staged.built.donated), job, options)


def ready(
    prepared: Prepared,
    compiled: Compilable,
    stages: Stages,
    fresh: bool,
    job: Job,
    options: BenchmarkOptions,
) -> Contestant:
    """Warm up what is compiled. `fresh`: its arguments are donated."""
    function, args, kwargs = compiled.function, compiled.args, compiled.kwargs

    def with_names(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return function(*args, **kwargs)

    def arguments() -> Any:
        given = copies(args, kwargs) if fresh else (args, kwargs)
        return given if kwargs else given[0]

    call = with_names if kwargs else function
    job.enter("execute", "warming up")
    estimate = measure.warm_up(call, arguments, options.warmup_seconds)
    side = measure.Side(call, arguments, fresh, estimate, bool(kwargs))
    return Contestant(prepared, compiled, side, stages)


def compare(first: Contestant, request: BenchmarkRequest, other: Other, job: Job) -> Comparison:
    """Load and compile the other, look whether both compute the same, and let them take turns."""
    with _named(other, job):
        loaded = _load_other(first.prepared, request, other, job)
        job.enter("arguments", f"building the arguments of {other.name}")
        prepared = prepare(loaded, _same_arguments(first.prepared, loaded))
        results, difference = _results(first.prepared, loaded)
        second = contestant(prepared, job, request.options)
    job.enter("compare", f"measuring in turns with {other.name}")
    threshold = request.options.threshold

    def decided(one: list[float], two: list[float]) -> bool:
        interval = ratio_interval(pair_ratios(one, two), CONFIDENCE)
        return comparison_verdict(*interval, threshold) != "unsure"

    mine, theirs = measure.in_turns(first.side, second.side, request.options, decided)
    ratios = pair_ratios(mine.seconds, theirs.seconds)
    low, high = ratio_interval(ratios, CONFIDENCE)
    enough = len(ratios) >= 2 * measure.MINIMUM_ROUNDS
    notes = [*other.notes, *_donation_note(first, second)]
    if not enough:
        notes.append(f"only {len(ratios)} pairs fit the time budget, which decides nothing")
    return Comparison(
        name=other.name,
        other=prepared.target(second.compiled.how),
        verdict=comparison_verdict(low, high, threshold) if enough else "unsure",
        ratio=median(ratios),
        low=low,
        high=high,
        confidence=CONFIDENCE,
        threshold=threshold,
        pairs=len(ratios),
        latency=summarise(mine.seconds),
        other_latency=summarise(theirs.seconds),
        samples=mine.seconds,
        other_samples=theirs.seconds,
        other_stages=second.stages,
        other_inputs=prepared.inputs,
        results=results,
        difference=difference,
        notes=tuple(notes),
    )


@contextmanager
def _named(other: Other, job: Job) -> Generator[None, None, None]:
    """What goes wrong with the other is told as such."""
    try:
        yield
    except Stop as end:
        message = f"{other.name}: {end.outcome.message}"
        raise Stop(replace(end.outcome, message=message)) from end
    except Exception as error:
        failure = failure_of(error, job.phase, other.path)
        raise Stop(replace(failure, message=f"{other.name}: {failure.message}")) from error


def _donation_note(first: Contestant, second: Contestant) -> Iterator[str]:
    if first.side.fresh != second.side.fresh:
        yield "only one of the two gives its arguments' memory away; copies are made outside the clock"


# -- loading


def _load_other(first: Prepared, request: BenchmarkRequest, other: Other, job: Job) -> Loaded:
    wanted = TargetRequest(
        other.path,
        other.text,
        other.qualname,
        input=request.input,
        import_file=request.import_file,
        root=request.root,
    )
    if (other.path, other.text) == (request.path, request.text):
        return load_target(wanted, job, first.loaded.module)
    if Path(other.path).parent != Path(request.path).parent:
        _forget_neighbours(first.loaded)
    return load_target(wanted, job)


def _forget_neighbours(loaded: Loaded) -> None:
    """Modules beside the target may have the names of those beside the other: import those anew."""
    folder = Path(loaded.request.path).parent
    for name, module in list(sys.modules.items()):
        place = getattr(module, "__file__", None)
        if module is loaded.module or not isinstance(place, str) or not is_user_file(place):
            continue
        if folder in Path(place).parents:
            del sys.modules[name]


def _same_arguments(first: Prepared, other: Loaded) -> Arguments:
    """The inputs of the first where the other takes them, by name, else its own, else by position."""
    text, _ = written(first.loaded)
    if text is not None and _fits(text, other):
        return build_arguments(replace(other, request=replace(other.request, input=text)))
    own = replace(other, request=replace(other.request, input=None))
    if written(own)[0] is not None:
        return build_arguments(own)
    names = [name for name, item in other.parameters.items() if item.kind not in _VARIADIC]
    given = first.arguments
    if text is None or len(names) < len(given.values) or len(given.inputs) != len(given.values):
        return build_arguments(own)  # by its annotations, or the question what to give it
    values = dict(zip(names, given.values.values()))
    inputs = tuple(Input(n, i.value, i.source, i.note) for n, i in zip(names, given.inputs))
    return Arguments(values, inputs)


def _fits(text: str, other: Loaded) -> bool:
    """Whether a spec names all that a function needs and nothing that it does not know."""
    try:
        values = parse_spec(text)
    except SpecError:
        return False
    parameters = other.parameters
    names = set(values) - (helper_names(values) - set(parameters)) - other.others
    if any(item.kind is inspect.Parameter.VAR_KEYWORD for item in parameters.values()):
        return True
    needed = {
        name
        for name, item in parameters.items()
        if item.default is inspect.Parameter.empty and item.kind not in _VARIADIC
    }
    unknown = names - set(parameters)
    if other.owner is not None and len(unknown) == 1 and needed - names:
        return len(needed - names) == 1  # `model = Model(...)` gives a method its `self`
    return not unknown and needed <= names


# -- results

Results = Literal["equal", "close", "different", "unknown"]


def _results(first: Prepared, other: Loaded) -> tuple[Results, Optional[str]]:
    """Whether both compute the same, and where they do not: a comparison of different things lies.

    Both get arguments that are made for this: a call may change its own, as that of a model does.
    """
    jax = import_module("jax")
    anew = prepare(first.loaded)
    outputs = [_output(one) for one in (anew, prepare(other, _same_arguments(anew, other)))]
    mine, theirs = (jax.tree_util.tree_flatten_with_path(output)[0] for output in outputs)
    if len(mine) != len(theirs):
        return "different", f"they return {len(mine)} against {len(theirs)} arrays"
    worst: Results = "equal"
    where: Optional[str] = None
    for (path, one), (_, two) in zip(mine, theirs):
        found, words = _leaf(one, two)
        if _BADNESS.index(found) > _BADNESS.index(worst):
            place = jax.tree_util.keystr(path)
            worst, where = found, f"`result{place}` {words}" if words else None
    return worst, where


_BADNESS: tuple[Results, ...] = ("equal", "close", "unknown", "different")


def _output(prepared: Prepared) -> Any:
    compiled = compilable(prepared)
    args, kwargs = copies(compiled.args, compiled.kwargs)
    output = compiled.function(*args, **kwargs)
    if prepared.compiles_itself:
        return output
    result, state = output  # of a program: what it returns, and what it changes
    return (result, state) if state else result


def _leaf(mine: Any, theirs: Any) -> tuple[Results, Optional[str]]:
    jax, numpy = import_module("jax"), import_module("numpy")
    pair: list[Any] = []
    for value in (mine, theirs):
        dtype = getattr(value, "dtype", None)
        if dtype is None:
            return ("equal" if mine is theirs or mine == theirs else "unknown"), None
        keys = jax.numpy.issubdtype(dtype, jax.dtypes.prng_key)
        pair.append(jax.random.key_data(value) if keys else value)
    shown = [f"{value.dtype}{list(value.shape)}" for value in pair]
    if shown[0] != shown[1]:
        return "different", f"is {shown[0]} against {shown[1]}"
    limit = _ROUNDING.get(str(pair[0].dtype), _FINE)
    exact = not jax.numpy.issubdtype(pair[0].dtype, jax.numpy.inexact)
    wide = complex if jax.numpy.issubdtype(pair[0].dtype, jax.numpy.complexfloating) else float
    a, b = (numpy.asarray(value) for value in pair)
    if numpy.array_equal(a, b):
        return "equal", None
    if exact:
        share = float(numpy.mean(a != b))
        return "different", f"differs in {share:.0%} of its elements"
    a, b = a.astype(wide), b.astype(wide)
    same = (a == b) | (numpy.isnan(a) & numpy.isnan(b))
    if same.all():
        return "equal", None
    gap = numpy.max(numpy.abs(numpy.where(same, 0, a - b)))
    scale = numpy.max(numpy.abs(b), initial=0.0, where=numpy.isfinite(b))
    relative = float(gap / scale) if scale else float("inf")
    words = f"differs by up to {relative:.1g} of its largest element"
    return ("close" if relative <= limit else "different"), words
