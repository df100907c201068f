"""Gives several keys, or a seed, where one key is wanted.

## Why is this bad?

`jax.random.split` returns an array of keys, also where it is asked for one (`split(key, 1)`). A function that draws
takes one key:

    ValueError: normal accepts a single key, but was given a key array of shape (2,) != (). Use jax.vmap for batching.

It takes no seed either: `jax.random.normal(0)` raises `TypeError: JAX encountered invalid PRNG key data`.

## Fix safety

Unsafe: which of the keys is meant is a guess, although the old code cannot have worked.

## Limits

What `jax.vmap` maps is one key to the function, and not reported. Keys that a function is given, or that another one returns, are not known to be several.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import (
    Applicability,
    Edit,
    Finding,
    Fix,
    FixRef,
    Severity,
)
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.streams import Argument, Call

_TAKES_ONE = ("sink", "split", "forward")


def check(unit: Unit) -> Iterator[Finding]:
    for number, call in unit.calls_from("jax"):
        argument = _key_of(call)
        if argument is None:
            continue
        if argument.is_several_keys:
            fixes: tuple[FixRef, ...] = ()
            if _split_before(unit, argument) is not None:
                title = f"Split into `{argument.text}` and another key"
                fixes = (FixRef("unpack-split", title, Applicability.UNSAFE, number),)
            message = f"`{argument.text}` holds several keys, and `{call.name}` takes one"
        elif _is_seed(argument.node):
            title = f"Make a key of `{argument.text}`"
            fixes = (FixRef("make-key", title, Applicability.UNSAFE, number),)
            message = f"`{argument.text}` is a seed and no key, which `{call.name}` takes"
        else:
            continue
        yield Finding(span=argument.span, message=message, fixes=fixes)


def _key_of(call: Call) -> Argument | None:
    """The key that a function of `jax.random` is given."""
    facts = call.facts
    if facts is None or not call.canonical.startswith("jax.random."):
        return None
    wanted = [name for name, use in facts.keys.items() if use in _TAKES_ONE]
    found = (a for a in call.arguments if a.parameter in wanted and not a.is_starred)
    return next(found, None)


def _is_seed(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    argument = _key_of(unit.calls[reference.data])
    if argument is None:
        return None
    if reference.kind == "make-key":
        key = edits.spell(unit, "jax.random.key")
        edit = Edit(argument.span, f"{key.text}({argument.text})")
        return Fix(reference.title, (edit, *key.edits), reference.applicability)
    split = _split_before(unit, argument)
    if split is None:
        return None
    target = unit.model.module.span(split.targets[0])
    subkey = edits.fresh_name(unit, "subkey")
    edited = (Edit(target, f"{argument.text}, {subkey}"), Edit(argument.span, subkey))
    return Fix(reference.title, edited, reference.applicability)


def _split_before(unit: Unit, argument: Argument) -> ast.Assign | None:
    """`key = split(key)`, where that is the statement before which gave the argument its value."""
    place = edits.place_at(unit, argument.span.start)
    if place is None or not isinstance(argument.node, ast.Name):
        return None
    name = argument.node.id
    block = place.block[: place.index]
    if not place.parents:  # each statement of the module is a unit of its own
        every = unit.whole.tree.body
        block = every[: next(n for n, one in enumerate(every) if one is place.node)]
    binding = [statement for statement in block if name in edits.names_bound_in(statement)]
    last = binding[-1] if binding else None
    if not isinstance(last, ast.Assign) or len(last.targets) != 1:
        return None
    target, value = last.targets[0], last.value
    if not isinstance(value, ast.Call) or len(value.args) != 1 or value.keywords:
        return None
    given = value.args[0]
    same = isinstance(given, ast.Name) and given.id == name
    return last if same and isinstance(target, ast.Name) else None


RULE = Rule(
    name="split-result-misused",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=(
        "ValueError: accepts a single key, but was given a key array of shape",
        "TypeError: JAX encountered invalid PRNG key data",
    ),
    examples=(
        Example(
            """
            import jax

            key = jax.random.key(0)
            key = jax.random.split(key)
            x = jax.random.normal(key, (3,))  # error: [split-result-misused]
            """,
            fixed="""
            import jax

            key = jax.random.key(0)
            key, subkey = jax.random.split(key)
            x = jax.random.normal(subkey, (3,))
            """,
        ),
        Example(
            """
            import jax

            key = jax.random.key(0)
            keys = jax.random.split(key)
            x = jax.vmap(jax.random.normal)(keys)
            """
        ),
    ),
)
