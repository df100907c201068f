"""Parts of a capture that need no program: where watchers go, which numbers are written, expressions."""

from __future__ import annotations

import ast
import dataclasses
import enum
import math
from textwrap import dedent

import pytest

from jaxsight_runner.capturing.expressions import Names, construction, expression
from jaxsight_runner.capturing.places import CALLED, WATCHED, names, once_bound, watch
from jaxsight_runner.capturing.tally import Tally, spread

TEXT = dedent(
    '''
    import jax

    def plain(a, /, b=1, *rest, c, **options):
        """It has a docstring."""
        return a

    @jax.jit
    @other
    def decorated(x): return x

    class Model:
        if True:
            @staticmethod
            def method(x):
                def inner(y): return y
                return inner(x)

    def outer():
        try:
            step = jax.jit(plain)
        finally:
            pass
        return step

    plain = jax.jit(plain)
    '''
)


@pytest.mark.parametrize(
    ("qualname", "lines"),
    [
        ("plain", [4, 26]),
        ("decorated", [10]),
        ("Model.method", [15]),
        ("Model.method.<locals>.inner", [16]),
        ("Model.method.inner", [16]),
        ("outer.<locals>.step", [21]),
        ("Model", []),
        ("inner", []),
    ],
)
def test_a_name_is_watched_wherever_it_is_bound(qualname: str, lines: list[int]) -> None:
    assert [place.line for place in watch(ast.parse(TEXT), qualname)] == lines


def test_watchers_move_no_line_and_take_every_parameter() -> None:
    tree = ast.parse(TEXT)
    before = {id(node): getattr(node, "lineno", None) for node in ast.walk(tree)}
    place, assigned = watch(tree, "plain")

    assert str(place.signature) == "(a, /, b=Ellipsis, *rest, c, **options)"
    assert assigned.signature is None
    function = tree.body[1]
    assert isinstance(function, ast.FunctionDef)
    assert ast.get_docstring(function) == "It has a docstring."
    call = f"{CALLED}(0, {{'a': a, 'b': b, 'c': c, 'rest': rest, 'options': options}})"
    assert ast.unparse(function.body[1]) == call
    assert ast.unparse(tree.body[-1]) == f"plain = {WATCHED}(1)(jax.jit(plain))"
    assert all(
        before[id(n)] == getattr(n, "lineno", None) for n in ast.walk(tree) if id(n) in before
    )
    compile(tree, "x.py", "exec")


def test_a_watcher_is_outside_of_the_decorators() -> None:
    tree = ast.parse(TEXT)
    watch(tree, "decorated")
    function = tree.body[2]
    assert isinstance(function, ast.FunctionDef)
    found = [ast.unparse(one) for one in function.decorator_list]
    assert found == [f"{WATCHED}(0)", "jax.jit", "other"]


def test_nested_functions_are_named_as_python_names_them() -> None:
    assert list(names(ast.parse(TEXT))) == [
        "plain",
        "decorated",
        "Model.method",
        "Model.method.<locals>.inner",
        "outer",
    ]


def test_only_names_that_importing_binds_once_can_stand_in_a_spec() -> None:
    text = """
        import jax.numpy as jnp, os.path
        from a import b as c
        A = 1
        B = 1
        B = 2
        for i in range(3): C = i
        try: import d
        except ImportError: d = None
        if __name__ == "__main__": model = 1
        class K: ...
        """
    assert once_bound(ast.parse(dedent(text))) == {"jnp", "os", "c", "A", "d", "K"}


class Colour(enum.Enum):
    RED = 1


@dataclasses.dataclass(frozen=True)
class Settings:
    rate: float
    colour: Colour = Colour.RED


class Made:
    def __init__(self, size: int, rngs: object, other: int = 3) -> None: ...


def test_expressions_give_the_value_again_where_the_module_has_the_names() -> None:
    scope = {"Colour": Colour, "Settings": Settings, "math": math, "f": dedent}
    known = Names(scope)
    values = [
        None, True, 3, -0.5, float("inf"), 2j, "a'b\n", b"\x00", (1,), [1, (2, "x")], {"a": {1, 2}},
        Colour.RED, Settings(0.1), math.sin, dedent, frozenset([1]), slice(1, None),
    ]  # fmt: skip
    for value in values:
        text = expression(value, known)
        assert text is not None, value
        assert eval(text, dict(scope)) == value
    assert expression(float("nan"), known) == 'float("nan")'
    for value in (object(), lambda x: x, [Made(1, 2)], Settings(object()), "x" * 1000):  # pyright: ignore[reportArgumentType, reportUnknownLambdaType, reportUnknownVariableType]
        assert expression(value, known) is None
    assert construction(Made(1, 2), known) == "Made(size=..., rngs=nnx.Rngs(0))"


def test_numbers_are_added_up_over_calls_as_if_they_were_one_array() -> None:
    import numpy as np

    rng = np.random.default_rng(0)
    first, second = rng.normal(1e6, 2.0, 1000), rng.normal(1e6, 3.0, 500)
    first[3], second[7:9] = np.nan, np.inf
    second[0] = 0
    tally = Tally()
    tally.add(first)
    tally.add(np.stack([second[:250], second[250:]]))
    whole = np.concatenate([first, second])
    finite = whole[np.isfinite(whole)]

    assert tally.range == (finite.min(), finite.max())
    assert tally.mean == pytest.approx(finite.mean())
    assert tally.std == pytest.approx(finite.std(), rel=1e-6)
    assert tally.share_of_zeros() == 1 / 1500
    assert tally.share_of_non_finite() == 3 / 1500


@pytest.mark.parametrize(
    ("kind", "dtype", "expected"),
    [
        ("labels", "i32", ((0, 9), None)),
        ("uniform", "f32", ((0.0, 1.0), None)),
        ("normal", "f32", None),
        ("constant", "f32", ((2.5, 2.5), None)),
        ("complex", "c64", (None, None)),
        ("nothing", "f32", (None, None)),
        ("mask", "bool", (None, None)),
    ],
)
def test_a_spec_says_how_numbers_are_spread(kind: str, dtype: str, expected: object) -> None:
    import numpy as np

    rng = np.random.default_rng(0)
    numbers = {
        "labels": rng.integers(0, 10, 1000),
        "uniform": np.linspace(0, 1, 1000),
        "normal": rng.normal(0.1, 2.0, 1000),
        "constant": np.full(100, 2.5),
        "complex": rng.normal(size=9) * 1j,
        "nothing": np.full(3, np.nan),
        "mask": rng.integers(0, 2, 9).astype(bool),
    }[kind]
    tally = Tally()
    tally.add(numbers)
    limits, normal = spread(tally, dtype)
    if expected is None:
        assert normal == pytest.approx((0.1, 2.0), abs=0.2)
        assert limits is not None and min(numbers) <= limits[0] < -4 < 4 < limits[1] <= max(numbers)
    else:
        assert (limits, normal) == expected


def test_flags_among_the_arrays_are_counted_as_numbers() -> None:
    numpy = pytest.importorskip("numpy")
    tally = Tally()
    tally.add(numpy.array([True, False]))
    assert tally.range is not None
    assert [type(limit) for limit in tally.range] == [int, int]
