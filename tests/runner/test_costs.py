"""FLOPs by line against what XLA counts, where it counts right, and where it is known not to."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest

from jaxsight_runner.costs.line_costs import (
    constants,
    conversions,
    counted_operations,
    line_costs,
    peak_memory,
)
from jaxsight_runner.protocol import SourceLocation

jax: Any = import_module("jax")
jnp, lax = jax.numpy, jax.lax

HERE = SourceLocation(__file__, 1)
Case = tuple[Callable[..., Any], tuple[Any, ...]]


def _network(weights: list[Any], x: Any) -> Any:
    for weight in weights:
        x = jax.nn.gelu(x @ weight)
    return jnp.mean(x**2)


def _attention(weights: list[Any], x: Any) -> Any:
    query, key, value = (x @ weight for weight in weights[:3])
    scores = jax.nn.softmax(jnp.einsum("btd,bsd->bts", query, key) / 8.0)
    return jnp.sum(jax.nn.relu(jnp.einsum("bts,bsd->btd", scores, value) @ weights[3]))


def _convolved(kernel: Any, x: Any) -> Any:
    numbers = ("NHWC", "HWIO", "NHWC")
    return jnp.sum(
        lax.conv_general_dilated(x, kernel, (2, 2), "SAME", dimension_numbers=numbers) ** 2
    )


def _recurrent(weight: Any, xs: Any) -> Any:
    def step(state: Any, x: Any) -> Any:
        state = jnp.tanh(state @ weight + x)
        return state, jnp.sum(state)

    return jnp.sum(lax.scan(step, jnp.zeros(weight.shape[0]), xs)[1])


def _unrolled(weight: Any, xs: Any) -> Any:
    state, total = jnp.zeros(weight.shape[0]), jnp.zeros(())
    for x in xs:
        state = jnp.tanh(state @ weight + x)
        total = total + jnp.sum(state)
    return total


def _normalised(x: Any) -> Any:
    return (x - x.mean(-1, keepdims=True)) / jnp.sqrt(x.var(-1, keepdims=True) + 1e-5)


def _pooled(x: Any) -> Any:
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def _second_derivative(weights: list[Any], x: Any) -> Any:
    return jax.jvp(jax.grad(_network), (weights, x), (weights, x))[1]


def _layer(x: Any) -> Any:
    return jnp.tanh(x @ WEIGHT)


def _summed(x: Any) -> Any:
    return jax.scipy.special.logsumexp(x, axis=-1)


WEIGHTS = [jnp.ones((64, 128)), jnp.ones((128, 128)), jnp.ones((128, 32))]
X = jnp.ones((16, 64))
PROJECTIONS, TOKENS = [jnp.ones((64, 64)) * 0.1] * 4, jnp.ones((4, 32, 64))
KERNEL, IMAGE = jnp.ones((3, 3, 8, 16)), jnp.ones((2, 33, 33, 8))
WEIGHT, SERIES = jnp.ones((64, 64)) * 0.1, jnp.ones((50, 64))

COUNTED_RIGHT: dict[str, Case] = {
    "network": (_network, (WEIGHTS, X)),
    "gradient": (jax.grad(_network), (WEIGHTS, X)),
    "checkpointed gradient": (jax.grad(jax.checkpoint(_network)), (WEIGHTS, X)),
    "second derivative": (
        _second_derivative,
        (WEIGHTS, X),
    ),
    "attention": (_attention, (PROJECTIONS, TOKENS)),
    "gradient of attention": (jax.grad(_attention), (PROJECTIONS, TOKENS)),
    "convolution": (_convolved, (KERNEL, IMAGE)),
    "gradient of a convolution": (jax.grad(_convolved, argnums=(0, 1)), (KERNEL, IMAGE)),
    "vmap": (jax.vmap(_network, (None, 0)), (WEIGHTS, jnp.ones((5, 16, 64)))),
    "jacobian": (jax.jacfwd(_layer), (SERIES[0],)),
    "normalisation": (_normalised, (TOKENS,)),
    "pooling": (_pooled, (IMAGE,)),
    "logsumexp": (_summed, (TOKENS,)),
    "unrolled recurrence": (_unrolled, (WEIGHT, SERIES)),
}


def _ours(function: Callable[..., Any], arguments: tuple[Any, ...]) -> float:
    found = counted_operations(jax.make_jaxpr(function)(*arguments))
    return sum(line.flops for line in line_costs(found, HERE))


def _of_xla(function: Callable[..., Any], arguments: tuple[Any, ...]) -> float:
    found = jax.jit(function).lower(*arguments).cost_analysis()
    return float(_entry(found)["flops"])


def _entry(found: Any) -> Any:
    """A dict since JAX 0.5, before it a list of one."""
    return found if hasattr(found, "get") else found[0]


@pytest.mark.parametrize("name", COUNTED_RIGHT)
def test_flops_are_what_xla_counts(name: str) -> None:
    function, arguments = COUNTED_RIGHT[name]
    assert 0.98 < _ours(function, arguments) / _of_xla(function, arguments) < 1.02


def test_a_scan_counts_by_its_length_which_xla_does_not() -> None:
    unrolled = _of_xla(_unrolled, (WEIGHT, SERIES))
    assert 0.98 < _ours(_recurrent, (WEIGHT, SERIES)) / unrolled < 1.02
    assert _of_xla(_recurrent, (WEIGHT, SERIES)) < unrolled / 40


def test_a_factorisation_counts_although_xla_calls_it_nothing() -> None:
    matrix = jnp.eye(64)
    assert _ours(jnp.linalg.cholesky, (matrix,)) > 64**3 / 3
    right = jnp.ones((64, 3))
    assert _ours(jnp.linalg.solve, (matrix, right)) > 2 * 64**3 / 3


def test_the_heaviest_branch_counts() -> None:
    def branching(x: Any) -> Any:
        return lax.cond(x[0, 0] > 0, lambda: x @ x, lambda: x + 1)

    found = _ours(branching, (jnp.ones((32, 32)),))
    assert 2 * 32**3 <= found < 2.1 * 32**3


def test_what_nothing_needs_is_not_counted() -> None:
    def wasteful(x: Any) -> Any:
        _ = x @ x

        def step(carry: Any, _: Any) -> Any:
            return carry @ carry, jnp.sum(x)

        return jnp.sum(lax.scan(step, x, None, length=3)[1])

    assert _ours(wasteful, (jnp.ones((64, 64)),)) < 64**3


def test_lines_are_the_users_own_also_where_jax_traced_once() -> None:
    def twice(x: Any, y: Any) -> Any:
        a = jnp.linalg.norm(x)
        b = jnp.linalg.norm(y)
        return a + b

    first = twice.__code__.co_firstlineno
    vectors = (jnp.ones((1000,)), jnp.ones((1000,)))
    costs = {
        line.line - first: line.flops
        for line in line_costs(counted_operations(jax.make_jaxpr(twice)(*vectors)), HERE)
    }
    assert costs[1] == costs[2] > 1900
    assert costs[3] == 1


def test_a_library_beside_jax_is_not_jax() -> None:
    jaxopt: Any = pytest.importorskip("jaxopt", reason="a library whose name begins as JAX's does")

    def solved(x: Any) -> Any:
        def objective(p: Any) -> Any:
            return jnp.sum((x @ p) ** 2)

        solver = jaxopt.GradientDescent(objective, maxiter=2, implicit_diff=False)
        return solver.run(jnp.ones(8)).params

    first = solved.__code__.co_firstlineno
    jaxpr = jax.make_jaxpr(solved)(jnp.ones((64, 8)))
    costs = {line.line - first: line.flops for line in line_costs(counted_operations(jaxpr), HERE)}
    assert costs[2] > 10 * costs[5]


def test_a_while_loop_is_open_ended() -> None:
    def halved(x: Any) -> Any:
        def is_large(y: Any) -> Any:
            return jnp.sum(y) > 1.0

        def half(y: Any) -> Any:
            return y / 2

        return lax.while_loop(is_large, half, x)

    lines = line_costs(counted_operations(jax.make_jaxpr(halved)(jnp.ones(8))), HERE)
    assert all(line.open_ended for line in lines)


def test_what_cannot_be_counted_is_named() -> None:
    def called(x: Any) -> Any:
        shape = jax.ShapeDtypeStruct(x.shape, x.dtype)
        return jax.pure_callback(abs, shape, x)

    lines = line_costs(counted_operations(jax.make_jaxpr(called)(jnp.ones(8))), HERE)
    assert {name for line in lines for name in line.unknown} == {"pure_callback"}


def test_conversions_know_what_the_line_says() -> None:
    def mixed(x: Any, y: Any) -> Any:
        z = x * y
        return z.astype(jnp.bfloat16)

    first = mixed.__code__.co_firstlineno
    jaxpr = jax.make_jaxpr(mixed)(jnp.ones(8, jnp.bfloat16), jnp.ones(8, jnp.float32))
    found = {one.line - first: one for one in conversions(counted_operations(jaxpr), HERE)}
    assert (found[1].from_dtype, found[1].to_dtype) == ("bf16", "f32")
    assert (found[1].widens, found[1].written) == (True, False)
    assert (found[2].widens, found[2].written) == (False, True)


def test_captured_arrays_are_named_with_their_line() -> None:
    table = jnp.ones((32, 32))

    def looked_up(x: Any) -> Any:
        y = x + 1
        return y @ table

    (found,) = constants(jax.make_jaxpr(looked_up)(jnp.ones(32)))
    assert (found.value, found.bytes) == ("f32[32,32]", 4096)
    assert found.line == looked_up.__code__.co_firstlineno + 2


def test_memory_is_highest_where_the_largest_array_lives() -> None:
    def outer(x: Any) -> Any:
        y = x + 1
        z = jnp.tanh(y[:, None] * y[None, :])
        return jnp.sum(z)

    found = peak_memory(jax.make_jaxpr(outer)(jnp.ones(512)), HERE)
    assert found.line == outer.__code__.co_firstlineno + 2
    assert 2 * 4 * 512**2 <= found.bytes < 4 * 4 * 512**2
