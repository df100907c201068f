"""The language of input specs: what it reads, and where its errors point."""

from __future__ import annotations

import pytest

from jaxsight_runner.inputs.parser import (
    SpecError,
    comment_mesh,
    comment_spec,
    parse_mesh,
    parse_spec,
)
from jaxsight_runner.inputs.spec import (
    ArraySpec,
    Dim,
    ExpressionSpec,
    FileSpec,
    KeySpec,
    NestSpec,
    Partition,
    Value,
)


def array(dtype: str, *sizes: int) -> ArraySpec:
    return ArraySpec(dtype, tuple(Dim(None, size) for size in sizes))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x: f32", array("f32")),
        ("x: f32[]", array("f32")),
        ("x: float32[2, 3,]", array("f32", 2, 3)),
        ("x: bool[1_000]", array("bool", 1000)),
        ("x: i32[B=4, C] in [0, 9]", ArraySpec("i32", (Dim("B", 4), Dim("C", None)), (0, 9))),
        ("x: f32[2] in [-1.5, 1e-3]", ArraySpec("f32", (Dim(None, 2),), (-1.5, 1e-3))),
        (
            'x: f32[2, 3] @ P("data", None)',
            ArraySpec("f32", (Dim(None, 2), Dim(None, 3)), sharding=Partition((("data",), ()))),
        ),
        (
            "x: f32[2, 4] in [0, 1] @ PartitionSpec(('a', 'b'))",
            ArraySpec(
                "f32",
                (Dim(None, 2), Dim(None, 4)),
                (0, 1),
                sharding=Partition((("a", "b"),)),
            ),
        ),
        ("x: key", KeySpec()),
        ("x: key(legacy)", KeySpec(legacy=True)),
        ('x: file("a, b].npy")', FileSpec("a, b].npy")),
        (
            "x: {w: f32[2], 'b c': (key, i8)}",
            NestSpec(
                "dict",
                ("w", "b c"),
                (array("f32", 2), NestSpec("tuple", (), (KeySpec(), array("i8")))),
            ),
        ),
        ("x: [f32[1], f32[2]]", NestSpec("list", (), (array("f32", 1), array("f32", 2)))),
        ("x = Model(rngs=nnx.Rngs(0))", ExpressionSpec("Model(rngs=nnx.Rngs(0))")),
        ("x = lambda a, b: a == b", ExpressionSpec("lambda a, b: a == b")),
        ("x = 'a, y: b'", ExpressionSpec("'a, y: b'")),
    ],
)
def test_a_value_is_read(text: str, value: Value) -> None:
    assert parse_spec(text) == {"x": value}


def test_an_expression_ends_where_the_next_parameter_begins() -> None:
    values = parse_spec("n = max(1, 2), key: key, m = {'a': 1, 'b': 2}, x: f32[2]")
    assert list(values) == ["n", "key", "m", "x"]
    assert values["m"] == ExpressionSpec("{'a': 1, 'b': 2}")


@pytest.mark.parametrize(
    ("text", "character", "words"),
    [
        ("x: f33[2]", 4, "`f33` is no dtype"),
        ("x: f32[2.5]", 8, "whole number"),
        ("x: f32[-1]", 8, "expected a dimension"),
        ("x: f32[2", 9, "expected `]`"),
        ("x f32", 3, "expected `:` or `=` after `x`"),
        ("x: f32[2] y: f32", 11, "expected `,` between parameters"),
        ("x: i32[2] in [9, 0]", 18, "below the lower"),
        ("x: i32[2] in [0.5, 2]", 15, "whole numbers"),
        ("x: u8[2] in [-1, 2]", 14, "no negative"),
        ("x: f32, x: f32", 9, "given twice"),
        ("x: {w f32}", 7, "expected `:`"),
        ("x: file(a.npy)", 14, "quoted path"),
        ("x = 1 +", 5, "Python expression"),
        ("x: key(new)", 8, "legacy"),
        ("3: f32", 1, "parameter's name"),
        ('x: f32[2] @ P("a", None)', 20, "more entries than the array's 1 dimensions"),
        ('x: f32[2, 2] @ P("a", "a")', 23, "axis `a` splits two dimensions"),
        ("x: f32[2] @ P(a)", 15, "expected a quoted axis or `None`, found `a`"),
        ("x: f32[2] @ Q()", 13, "a sharding is written"),
        ("x: f32[2] @ P(None", 19, "expected `\\)` after the sharding, found the end"),
    ],
)
def test_an_error_points_at_its_character(text: str, character: int, words: str) -> None:
    with pytest.raises(SpecError, match=words) as caught:
        parse_spec(text)
    assert caught.value.offset + 1 == character
    assert str(caught.value).splitlines()[-1] == "  " + " " * (character - 1) + "^"


@pytest.mark.parametrize(
    ("text", "axes"),
    [("data=4, model=2", {"data": 4, "model": 2}), (" d = 1_000 ,", {"d": 1000})],
)
def test_a_mesh_is_read(text: str, axes: dict[str, int]) -> None:
    assert parse_mesh(text) == axes


@pytest.mark.parametrize(
    ("text", "character", "words"),
    [
        ("data", 5, "expected `=` after `data`"),
        ("data=0", 6, "at least one device"),
        ("data=x", 6, "whole number"),
        ("data=2, data=2", 9, "given twice"),
        ("data=2 model=2", 8, "expected `,` between axes"),
        ("", 1, "expected an axis"),
    ],
)
def test_an_error_in_a_mesh_points_at_its_character(text: str, character: int, words: str) -> None:
    with pytest.raises(SpecError, match=words) as caught:
        parse_mesh(text)
    assert caught.value.offset + 1 == character


def test_a_comment_right_above_a_function_holds_its_mesh() -> None:
    text = "# jaxsight: mesh data=4\n# jaxsight: inputs x: f32[2]\ndef f(x): ..."
    assert comment_mesh(text, 3) == "data=4"
    assert comment_spec(text, 3) == "x: f32[2]"
    assert comment_mesh(text, 1) is None


def test_comments_right_above_a_function_hold_its_spec() -> None:
    text = "# jaxsight: inputs x: f32[2],\n#   y: f32[3]\n# about f\n@jit\ndef f(x, y): ..."
    assert comment_spec(text, 4) == "x: f32[2], y: f32[3]"
    assert comment_spec("# jaxsight: inputs x: f32\n\ndef f(x): ...", 3) is None
