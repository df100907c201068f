"""What a library's function does with the keys it is given: sinks, forwards and sources."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.knowledge.facts import FunctionFacts
from jaxsight_analyzers.semantic import expressions, key_arrays, keys
from jaxsight_analyzers.semantic.keys import Consumption, KeyToken
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.spelling import display
from jaxsight_analyzers.semantic.structures import entries_of, items_of, tokens_in
from jaxsight_analyzers.semantic.values import UNKNOWN, Kind, Value, constant_of

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.arguments import Arguments


def use_keys(
    run: Run,
    node: ast.expr,
    qualified: str,
    facts: FunctionFacts,
    arguments: Arguments,
    bound: frozenset[KeyToken] = frozenset(),
) -> None:
    """Use up the keys that a function takes. One that is bound for all calls may be meant for all."""
    for parameter, use in facts.keys.items():
        if use in ("sink", "split"):
            found = arguments.get(facts, parameter)
            if found is not None:
                meant = not bound.isdisjoint(tokens_in(found[1]))
                consume(run, node, found[1], qualified, None if meant else found[0], maybe=meant)
        elif use == "derive":
            found = arguments.get(facts, parameter)
            if found is not None:
                _derive(run, node, found[1], qualified, found[0])


def consume(
    run: Run,
    node: ast.AST,
    value: Value,
    sampler: str,
    argument: ast.expr | None,
    *,
    maybe: bool = False,
) -> None:
    """Use up the keys in a value at this point."""
    inside = items_of(value) or tuple((entries_of(value) or {}).values())
    for item in inside:
        consume(run, node, item, sampler, argument, maybe=maybe)
    if value.tokens:
        certainty = Certainty.MAYBE if maybe else Certainty.YES
        run.consume(value.tokens, _use(run, node, sampler, certainty), argument)


def _use(run: Run, node: ast.AST, sampler: str, certainty: Certainty) -> Consumption:
    conditions, loops = run.frame.state.conditions, run.frame.loops
    return Consumption(node, f"`{display(sampler)}`", certainty, conditions, loops, sampler=sampler)


def _derive(run: Run, node: ast.AST, value: Value, sampler: str, argument: ast.expr | None) -> None:
    """Start a stream of keys from a key: the key stays good, a second such stream is the same.

    Flax folds a path and a counter into the keys that it is given, and so does not use them up.
    """
    tokens = frozenset(
        keys.forward(token, ("derive", sampler), node, token.name) for token in tokens_in(value)
    )
    run.consume(tokens, _use(run, node, sampler, Certainty.MAYBE), argument)


def of_unknown_module(run: Run, node: ast.Call, name: str, arguments: Arguments) -> None:
    """`state.apply_fn(variables, x, rngs={"dropout": key})` of a module that is not known: only Flax has such calls."""
    rngs = arguments.keywords.get("rngs")
    written = (arguments.keyword_nodes or {}).get("rngs")
    if rngs is None or name not in ("apply", "apply_fn") or _only_evaluates(arguments):
        return
    by = ast.unparse(node.func)  # another module has streams of its own
    tokens = frozenset(
        keys.forward(token, ("derive", by), node, token.name) for token in tokens_in(rngs)
    )
    run.consume(tokens, _use(run, node, "flax.linen.Module.apply", Certainty.MAYBE), written)


def _only_evaluates(arguments: Arguments) -> bool:
    """Whether a flag says that nothing is drawn: `train=False`, `deterministic=True`."""
    told = {name: constant_of(value) for name, value in arguments.keywords.items()}
    off = any(told.get(name) is False for name in ("train", "training", "is_training"))
    return off or told.get("deterministic") is True


def made(run: Run, node: ast.expr, facts: FunctionFacts, arguments: Arguments) -> Value:
    """The key, or the array of keys, that a function of a library gives."""
    kind = Kind.KEY if facts.returns == "key" else Kind.KEYS
    made = expressions.jax_result(run, kind, arguments.values())
    source = next((name for name, use in facts.keys.items() if use == "forward"), None)
    given = None if source is None else arguments.get(facts, source)
    if given is not None and len(facts.positional) > 1:
        data = arguments.get(facts, facts.positional[1])
        folded, number = (None, UNKNOWN) if data is None else data
        return key_arrays.forwarded(
            run, node, key_arrays.like(made, kind, list(given[1].tokens or ())), folded, number
        )
    number = arguments.get(facts, "num") if kind is Kind.KEYS else None
    length = 2 if number is None else constant_of(number[1])
    known = length if isinstance(length, int) and kind is Kind.KEYS else None
    tokens = run.new_key(
        ast.unparse(node.func if isinstance(node, ast.Call) else node), node, known
    )
    return key_arrays.like(made, kind, list(tokens))
