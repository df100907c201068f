"""Diagnoses by real runners: each trouble is found at its line, and a sound function has none."""

from __future__ import annotations

import json

import pytest
from tests.runner.conftest import Bench

from jaxsight_analyzers.registry import all_rules
from jaxsight_runner.protocol import (
    DiagnosisReport,
    DiagnosisRequest,
    Failure,
    Symptom,
    from_json,
    to_json,
)
from jaxsight_runner.watching.recompilations import parse_miss


async def _diagnosed(
    bench: Bench, text: str, spec: str, *, import_file: bool = False
) -> DiagnosisReport:
    request = DiagnosisRequest("", "", "", import_file=import_file)
    seen = await bench(text, spec, other=request)
    assert isinstance(seen.outcome, DiagnosisReport), seen.outcome
    assert from_json(DiagnosisReport, json.loads(json.dumps(to_json(seen.outcome)))) == seen.outcome
    return seen.outcome


def _only(report: DiagnosisReport, trouble: str) -> Symptom:
    """The one symptom of a kind; others than dispatching are not there."""
    rest = {one.trouble for one in report.symptoms} - {trouble, "dispatch"}
    assert not rest, report.symptoms
    (found,) = [one for one in report.symptoms if one.trouble == trouble]
    if found.rule is not None:
        assert found.rule in {rule.name for rule in all_rules()}
    return found


async def test_a_sound_function_has_nothing(bench: Bench) -> None:
    text = """
    import jax
    import jax.numpy as jnp

    @jax.jit
    def f(key, x):
        first, second = jax.random.split(key)
        noise = jax.random.normal(first, x.shape)
        return jnp.tanh(x @ x + noise).sum() + jax.random.uniform(second)
    """
    report = await _diagnosed(bench, text, "key: key, x: f32[256, 256]")
    assert {one.trouble for one in report.symptoms} <= {"dispatch"}
    assert set(report.checked) == {
        "recompilation",
        "transfer",
        "non-finite",
        "leak",
        "dispatch",
        "key-reuse",
    }
    assert report.notes == ()


async def test_a_function_that_is_made_anew_compiles_at_every_call(bench: Bench) -> None:
    text = """
    import jax

    def f(x):
        double = jax.jit(lambda y: y * 2)
        return double(x)
    """
    found = _only(await _diagnosed(bench, text, "x: f32[8]"), "recompilation")
    assert (found.line, found.rule) == (6, "jit-in-loop")
    assert "new function each time" in found.message


async def test_a_static_argument_that_is_another_object_compiles_again(bench: Bench) -> None:
    text = """
    from functools import partial
    import jax

    @partial(jax.jit, static_argnames="g")
    def f(g, x):
        return g(x)
    """
    found = _only(await _diagnosed(bench, text, "g = lambda y: y + 1, x: f32[8]"), "recompilation")
    assert "static argument" in found.message
    assert found.text.startswith(("@partial", "def f"))


async def test_waiting_for_values_is_counted_by_line(bench: Bench) -> None:
    text = """
    import jax

    @jax.jit
    def step(x):
        return x.sum()

    def f(x):
        total = 0.0
        for _ in range(4):
            total += float(step(x))
        return total
    """
    found = _only(await _diagnosed(bench, text, "x: f32[8]"), "transfer")
    assert (found.line, found.count, found.rule) == (11, 4, "host-sync-in-step-loop")


async def test_nan_is_traced_to_its_first_line(bench: Bench) -> None:
    text = """
    import jax
    import jax.numpy as jnp

    @jax.jit
    def f(x):
        y = x - 100.0
        z = jnp.sqrt(y)
        return z.sum()
    """
    assert _only(await _diagnosed(bench, text, "x: f32[8]"), "non-finite").line == 8


@pytest.mark.parametrize("spec", ["key: key, x: f32[8]", "key: key(legacy), x: f32[8]"])
async def test_keys_of_both_kinds_that_are_used_twice(bench: Bench, spec: str) -> None:
    text = """
    import jax

    def f(key, x):
        a = jax.random.normal(key, x.shape)
        b = jax.random.normal(key, x.shape)
        return a + b
    """
    found = _only(await _diagnosed(bench, text, spec), "key-reuse")
    assert (found.line, found.rule) == (6, "key-reuse")


async def test_a_key_made_inside_is_checked_too(bench: Bench) -> None:
    text = """
    import jax

    def f(x):
        key = jax.random.PRNGKey(0)
        a = jax.random.normal(key, x.shape)
        return a + jax.random.normal(key, x.shape)
    """
    assert _only(await _diagnosed(bench, text, "x: f32[8]"), "key-reuse").line == 7


async def test_a_leaked_tracer_names_who_keeps_it(bench: Bench) -> None:
    text = """
    import jax

    kept = []

    @jax.jit
    def f(x):
        kept.append(x * 2)
        return x + 1
    """
    found = _only(await _diagnosed(bench, text, "x: f32[8]"), "leak")
    assert "`kept` keeps it" in found.message
    assert found.rule == "leaked-tracer"


async def test_operations_one_by_one_are_slower_than_a_program(bench: Bench) -> None:
    text = """
    def f(x):
        for _ in range(60):
            x = x + 1.0
        return x
    """
    (found,) = (await _diagnosed(bench, text, "x: f32[8]")).symptoms
    assert (found.trouble, found.line) == ("dispatch", 2)
    assert "one operation at a time" in found.message


async def test_what_cannot_be_checked_is_a_note_and_the_rest_goes_on(bench: Bench) -> None:
    text = """
    import jax

    def f(key, x):
        return x[int(key[1]) % 2]
    """
    report = await _diagnosed(bench, text, "key: key(legacy), x: f32[8]")
    assert "key-reuse" not in report.checked
    assert any(note.startswith("not checked for key-reuse") for note in report.notes)
    assert "leak" in report.checked


async def test_a_function_that_fails_is_a_failure(bench: Bench) -> None:
    text = "def f(x):\n    return x.missing\n"
    seen = await bench(text, "x: f32[8]", other=DiagnosisRequest("", "", ""))
    assert isinstance(seen.outcome, Failure)
    assert (seen.outcome.kind, seen.outcome.line) == ("exception", 2)


# what JAX 0.4.30, 0.6.2 and 0.12.0 log of the same call
_MESSAGES = (
    "TRACING CACHE MISS at /a/b.py:11 (<module>) because:\n  for f defined at /a/b.py:9\n  never seen input type "
    "signature:\n    x: f32[4]\n  closest seen input type signature has 1 mismatches, including:\n    * at x, seen "
    "f32[3], but now given f32[4]",
    "TRACING CACHE MISS at /a/b.py:11:29 (<module>) costing 5.177 ms because:\n  for f defined at /a/b.py:9\n  all "
    "previously seen cache keys are different. Closest previous key:\n  * key with different input types:\n      types "
    "now: x: f32[4]\n        * at x, now f32[4] and before f32[3]",
    "TRACING CACHE MISS at /a/b.py:11:29 (<module>):\n  for f defined at /a/b.py:9\n  all previously seen cache keys "
    "differ. For the closest previous key:\n  different input types:\n  * at x, now f32[4] and before f32[3]",
)


@pytest.mark.parametrize("text", _MESSAGES)
def test_every_wording_of_a_miss_is_understood(text: str) -> None:
    miss = parse_miss(text)
    assert miss is not None
    assert (miss.function, miss.line, miss.defined_line) == ("f", 11, 9)
    assert miss.why == "`x` is f32[4] and was f32[3]"


def test_a_python_number_for_an_array_is_told_as_such() -> None:
    miss = parse_miss(
        "TRACING CACHE MISS at /a/b.py:11:73 (<module>):\n  for f defined at /a/b.py:9\n  all previously seen cache "
        "keys differ. For the closest previous key:\n  different input types:\n  * at x, now f32[]({}){weak_type=True} "
        "and before f32[]({}){weak_type=False}https://docs.jax.dev/en/latest/101/type_promotion.html#weak-types"
    )
    assert miss is not None
    assert miss.why == "`x` is a Python number (f32[], weak) and was an array (f32[])"


@pytest.mark.parametrize(
    ("now", "before", "why"),
    [
        (
            "<function <lambda> at 0x7f71>",
            "<function <lambda> at 0x7f72>",
            "a static argument, <function <lambda>>, is another object that does not equal the one before",
        ),
        ("{n: 4}", "{n: 3}", "a static argument is another one: {n: 4}, before {n: 3}"),
    ],
)
def test_static_arguments_that_jax_shows_are_told(now: str, before: str, why: str) -> None:
    miss = parse_miss(  # of JAX 0.6
        "TRACING CACHE MISS at /a/b.py:11:29 (<module>) costing 0.3 ms because:\n  for f defined at /a/b.py:4\n  all "
        "previously seen cache keys are different. Several previous keys are closest:\n  * key with different value of "
        f"static args:\n      now {now} and before {before}\n  * key with different value of static args:\n      now "
        f"{now} and before something else"
    )
    assert miss is not None
    assert miss.why == why


def test_other_messages_are_no_misses() -> None:
    assert parse_miss("Compiling f with global shapes and types") is None
