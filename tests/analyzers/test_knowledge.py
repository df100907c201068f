"""The tables agree with their JSON, with the installed libraries, and with what JAX does."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import cast

import pytest

from jaxsight_analyzers.knowledge import Knowledge, load, release

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts/knowledge.py"
# the interpreter that runs the tests, and environments with other releases where they were made
INTERPRETERS = [sys.executable, *map(str, sorted(ROOT.glob(".venv-*/bin/python")))]


def run(interpreter: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [interpreter, *arguments], capture_output=True, text=True, timeout=300, check=False
    )


def run_with_jax(interpreter: str, code: str) -> dict[str, str]:
    """What the code prints as JSON, run where JAX is installed."""
    if run(interpreter, "-c", "import jax, numpy").returncode:
        pytest.skip("needs JAX")
    done = run(interpreter, "-c", textwrap.dedent(code))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return load()


def test_the_json_is_what_the_tables_give() -> None:
    done = run(sys.executable, str(SCRIPT), "--check")

    assert done.stdout == ""
    assert done.returncode == 0


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_names_and_parameters_are_those_of_the_installed_libraries(interpreter: str) -> None:
    done = run(interpreter, str(SCRIPT), "verify")

    assert done.stdout == "nothing to report\n"


def test_an_entry_says_how_a_callable_runs(knowledge: Knowledge) -> None:
    scan = knowledge.function("jax.lax.scan")

    assert scan is not None
    assert scan.positional[:3] == ("f", "init", "xs")
    assert scan.traces == {"f": "abstract"}
    assert scan.body == {"f": ("carry", "x")}
    assert not scan.transforms


def test_another_spelling_has_the_same_facts(knowledge: Knowledge) -> None:
    assert knowledge.function("jax.tree_util.tree_map") == knowledge.function("jax.tree.map")
    assert knowledge.function("flax.linen.initializers.normal") == knowledge.function(
        "jax.nn.initializers.normal"
    )
    assert knowledge.canonical("flax.nnx.relu") == "jax.nn.relu"


def test_a_wildcard_answers_for_names_without_an_entry(knowledge: Knowledge) -> None:
    facts = knowledge.function("scipy.spatial.distance.cdist")

    assert facts is not None
    assert facts.tracers == "fails"
    assert not facts.specific


def test_unknown_names_and_modules_have_no_facts(knowledge: Knowledge) -> None:
    assert knowledge.function("mylib.scan") is None
    assert knowledge.function("jax.numpy") is None


def test_positional_arguments_bind_to_parameters(knowledge: Knowledge) -> None:
    cond = knowledge.function("jax.lax.cond")

    assert cond is not None
    assert [cond.parameter_at(index) for index in (0, 2, 3, 9)] == [
        "pred",
        "false_fun",
        "operands",
        "operands",
    ]
    jit = knowledge.function("jax.jit")
    assert jit is not None
    assert jit.parameter_at(1) is None


@pytest.mark.parametrize(
    ("positional", "keywords", "accepted"),
    [
        (1, {"axis", "keepdims"}, True),
        (3, set[str](), True),
        (1, {"out"}, False),
        (4, set[str](), False),  # the fourth is `out`
    ],
)
def test_a_counterpart_knows_which_calls_mean_the_same(
    knowledge: Knowledge, positional: int, keywords: set[str], accepted: bool
) -> None:
    facts = knowledge.function("numpy.sum")

    assert facts is not None
    assert facts.counterpart is not None
    assert facts.counterpart.name == "jax.numpy.sum"
    assert facts.counterpart.accepts(positional, frozenset(keywords)) is accepted


def test_keys_are_sources_sinks_and_forwarded(knowledge: Knowledge) -> None:
    uses = {
        name: facts.keys
        for name in ("key", "split", "fold_in", "normal", "clone", "key_data")
        if (facts := knowledge.function(f"jax.random.{name}"))
    }

    assert uses == {
        "key": {"seed": "source-seed"},
        "split": {"key": "split"},
        "fold_in": {"key": "forward"},
        "normal": {"key": "sink"},
        "clone": {"key": "clone"},
        "key_data": {"keys": "inspect"},
    }


def test_annotations_and_methods_are_known(knowledge: Knowledge) -> None:
    item = knowledge.method("item")

    assert knowledge.annotation("jaxtyping.Float") == "array"
    assert knowledge.annotation("chex.PRNGKey") == "key"
    assert knowledge.annotation("builtins.int") == "static"
    assert item is not None
    assert (item.blocks, item.tracers) == (True, "fails")


@pytest.mark.parametrize(
    ("version", "removed", "deprecated"),
    [
        ("0.4.25", False, False),
        ("0.4.26", False, True),
        ("0.5.3", False, True),
        ("0.6.0.dev20250401", True, False),
        ("0.12.0.1", True, False),
        (None, True, False),
    ],
)
def test_a_version_decides_whether_a_name_is_there(
    knowledge: Knowledge, version: str | None, removed: bool, deprecated: bool
) -> None:
    change = knowledge.api_changes["jax.tree_map"]

    assert change.removed_at(version) is removed
    assert change.deprecated_at(version) is deprecated
    assert (knowledge.api("jax.tree_map", version) is None) is not (removed or deprecated)


def test_part_of_a_removed_name_is_answered_by_its_entry(knowledge: Knowledge) -> None:
    change = knowledge.api("jax.core.Primitive.bind")

    assert change is not None
    assert change.old == "jax.core.Primitive"
    assert knowledge.api("jax.lax.scan") is None


def test_versions_compare_as_numbers() -> None:
    assert release("0.10.2") > release("0.9.12")
    assert release("0.6.0") == release("0.6")
    assert release("0.5.0rc1") == release("0.5")


NUMPY_CALLS = """
    import json
    import jax, jax.numpy as jnp, numpy as np

    vector, matrix, cube = jnp.linspace(0.1, 0.9, 4), jnp.eye(4), jnp.ones((2, 2, 2))
    more = {"split": (2,), "array_split": (2,), "hsplit": (2,), "vsplit": (2,), "dsplit": (2,),
            "reshape": ((2, 2),), "repeat": (2,), "swapaxes": (0, 1), "moveaxis": (0, 1),
            "rollaxis": (1,), "searchsorted": (0.5,), "permute_dims": ((1, 0),)}
    first = {"vsplit": matrix, "dsplit": cube, "swapaxes": matrix, "moveaxis": matrix,
             "rollaxis": matrix, "permute_dims": matrix}

    def outcome(name):
        seen = []
        def run(x):
            rest = (x.astype(int),) if name == "take_along_axis" else more.get(name, ())
            out = getattr(np, name)(x, *rest)
            leaves = jax.tree.leaves(out)
            seen.append("dispatch" if any(isinstance(v, jax.core.Tracer) for v in leaves) else "static")
            return 0
        try:
            jax.jit(run)(first.get(name, vector))
        except Exception as error:
            return type(error).__name__
        return seen[-1]

    print(json.dumps({name: outcome(name) for name in NAMES}))
"""


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_numpy_functions_said_to_accept_tracers_do(interpreter: str, knowledge: Knowledge) -> None:
    names = [
        name.removeprefix("numpy.")
        for name in knowledge.function_names
        if name.startswith("numpy.") and name.count(".") == 1 and name[-1] != "*"
        if (facts := knowledge.function(name)) and facts.tracers == "dispatch"
    ]

    outcomes = run_with_jax(interpreter, f"NAMES = {names}\n{textwrap.dedent(NUMPY_CALLS)}")

    assert len(names) > 30
    assert outcomes == dict.fromkeys(names, "dispatch")


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_other_numpy_functions_refuse_a_tracer(interpreter: str, knowledge: Knowledge) -> None:
    names = [
        "sin",
        "exp",
        "sqrt",
        "abs",
        "array",
        "asarray",
        "dot",
        "clip",
        "where",
        "stack",
        "concatenate",
        "sort",
        "ravel",
        "float32",
    ]
    several = {"dot", "clip", "where", "stack", "concatenate"}
    one = [name for name in names if name not in several]

    outcomes = run_with_jax(interpreter, f"NAMES = {one}\n{textwrap.dedent(NUMPY_CALLS)}")

    assert outcomes == dict.fromkeys(one, "TracerArrayConversionError")
    for name in names:
        facts = knowledge.function(f"numpy.{name}")
        assert facts is not None
        assert facts.tracers == "fails"


TRACERS = """
    import json, warnings
    import jax, jax.numpy as jnp
    warnings.simplefilter("ignore")

    x = jnp.arange(3.0)

    def seen_by(run, reduce=False):
        seen = []
        def probe(*arguments):
            for leaf in jax.tree.leaves(arguments):
                if not isinstance(leaf, jax.core.Tracer):
                    seen.append("inherit")
                    continue
                try:
                    bool(jnp.sum(leaf) > 0)
                    seen.append("concrete")
                except jax.errors.TracerBoolConversionError:
                    seen.append("abstract")
            return jnp.sum(arguments[0]) if reduce else arguments[0]
        run(probe)
        return "abstract" if "abstract" in seen else seen[0]

    lax = jax.lax
    print(json.dumps({
        "jax.jit": seen_by(lambda f: jax.jit(f)(x)),
        "jax.vmap": seen_by(lambda f: jax.vmap(f)(x)),
        "jax.grad": seen_by(lambda f: jax.grad(f)(x), reduce=True),
        "jax.value_and_grad": seen_by(lambda f: jax.value_and_grad(f)(x), reduce=True),
        "jax.jacfwd": seen_by(lambda f: jax.jacfwd(f)(x)),
        "jax.jacrev": seen_by(lambda f: jax.jacrev(f)(x)),
        "jax.hessian": seen_by(lambda f: jax.hessian(f)(x), reduce=True),
        "jax.jvp": seen_by(lambda f: jax.jvp(f, (x,), (x,))),
        "jax.vjp": seen_by(lambda f: jax.vjp(f, x)),
        "jax.linearize": seen_by(lambda f: jax.linearize(f, x)),
        "jax.linear_transpose": seen_by(lambda f: jax.linear_transpose(f, x)),
        "jax.checkpoint": seen_by(lambda f: jax.checkpoint(f)(x)),
        "jax.eval_shape": seen_by(lambda f: jax.eval_shape(f, x)),
        "jax.make_jaxpr": seen_by(lambda f: jax.make_jaxpr(f)(x)),
        "jax.closure_convert": seen_by(lambda f: jax.closure_convert(f, x)),
        "jax.custom_gradient": seen_by(
            lambda f: jax.custom_gradient(lambda y: (f(y), lambda g: g))(x)
        ),
        "jax.named_call": seen_by(lambda f: jax.named_call(f)(x)),
        "jax.lax.scan": seen_by(lambda f: lax.scan(lambda c, y: (f(c), y), x, x)),
        "jax.lax.map": seen_by(lambda f: lax.map(f, x)),
        "jax.lax.cond": seen_by(lambda f: lax.cond(True, f, f, x)),
        "jax.lax.switch": seen_by(lambda f: lax.switch(0, [f, f], x)),
        "jax.lax.fori_loop": seen_by(lambda f: lax.fori_loop(0, 2, lambda i, c: f(c), x)),
        "jax.lax.while_loop": seen_by(lambda f: lax.while_loop(lambda c: c[0] < 0, f, x)),
        "jax.lax.associative_scan": seen_by(lambda f: lax.associative_scan(f, x)),
        "jax.lax.platform_dependent": seen_by(lambda f: lax.platform_dependent(x, default=f)),
        "jax.tree.map": seen_by(lambda f: jax.tree.map(f, x)),
        "jax.numpy.vectorize": seen_by(lambda f: jnp.vectorize(f)(x[0])),  # maps nothing
        "jax.numpy.fromfunction": seen_by(lambda f: jnp.fromfunction(f, (3,))),
        "jax.numpy.piecewise": seen_by(lambda f: jnp.piecewise(x, [x > 1], [f, f])),
    }))
"""


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_callables_run_as_the_tables_say(interpreter: str, knowledge: Knowledge) -> None:
    measured = run_with_jax(interpreter, TRACERS)

    stated = {
        name: next(iter(facts.traces.values()))
        for name in measured
        if (facts := knowledge.function(name))
    }
    assert stated == measured


RESULTS = """
    import json, warnings
    import jax, jax.numpy as jnp, numpy as np
    warnings.simplefilter("ignore")

    def seen(name, dtype):
        module, _, last = name.rpartition(".")
        function = jax
        for part in name.split(".")[1:]:
            function = getattr(function, part, None)
        if function is None:
            return None
        array = jax.ShapeDtypeStruct((2, 3), dtype)
        for count in (3,) if last == "where" else (1, 2):
            try:
                result = jax.eval_shape(lambda *a: function(*a), *[array] * count)
            except Exception:
                continue
            if hasattr(result, "dtype"):
                return [str(result.dtype), list(result.shape)]
        return None

    print(json.dumps({f"{n} {d}": seen(n, d) for n in NAMES for d in ("bool", "int8", "bfloat16")}))
"""
_DEFAULTS = {"int": "int32", "float": "float32"}


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_dtypes_and_shapes_are_those_that_jax_gives(interpreter: str, knowledge: Knowledge) -> None:
    """`scripts/knowledge.py` cannot see these in signatures: JAX evaluates shapes."""
    modules = ("jax.numpy", "jax.lax", "jax.nn", "jax.scipy.special")
    names = [name for name in knowledge.result_names if name.rpartition(".")[0] in modules]

    measured = run_with_jax(interpreter, f"NAMES = {names}\n{textwrap.dedent(RESULTS)}")

    stated: dict[str, object] = {}
    answers = cast("dict[str, object]", measured)
    for key, answer in list(answers.items()):
        name, _, given = key.partition(" ")
        dtype, shape = knowledge.result(name) or ("", "other")
        unknown = dtype == "promoted" and given == "bool"
        if answer is None or unknown or shape in ("shape", "other"):
            del answers[key]
        else:
            shown = [] if shape in ("total", "scalar") else [2, 3]
            stated[key] = [_expected_dtype(dtype, given), shown]
    assert stated == answers
    assert len(stated) > 300


def _expected_dtype(rule: str, given: str) -> str:
    if rule == "inexact" and given in ("bool", "int8"):
        return "float32"
    if rule in ("like-without-bool", "summed") and given == "bool":
        return "int32"
    if rule == "summed" and given == "int8":
        return "int32"
    if rule in ("inexact", "like", "like-without-bool", "summed", "promoted", "chosen"):
        return given
    return _DEFAULTS.get(rule, rule)
