"""Calls `init` or `apply` of a Haiku function without its key or state, or with a key too many.

## Why is this bad?

`hk.transform(f)` gives `init(rng, *args)` and `apply(params, rng, *args)`, `hk.transform_with_state(f)` `apply(params, state, rng, *args)`; the key may be None where nothing is drawn.
`apply(params, x)` takes `x` for the key: `ValueError: Apply must be called with an RNG as the second argument, the required signature is: apply(params, rng, *a, **k)`.
What `hk.without_apply_rng` made takes no key, so that `apply(params, None, x)` hands None to `f`: `TypeError: f() takes 1 positional argument but 2 were given`.

## Fix safety

Unsafe: None stands for the key that is missing, which is right only where `f` draws no numbers.

## Limits

Functions whose parameters are seen; calls with `*args` or `**kwargs` are not looked at, nor those that are wrong by more than one argument.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Edit, Finding, Fix, FixRef, Severity, Span
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.haiku_streams import HaikuApplied

_KINDS = ("key", "state", "extra")


def check(unit: Unit) -> Iterator[Finding]:
    for number, applied in enumerate(unit.haiku_applied):
        if applied.kind not in _KINDS:
            continue
        fixes: tuple[FixRef, ...] = ()
        if applied.kind == "key" and applied.method == "apply":
            fixes = (FixRef("insert-none", "Pass None for the key", Applicability.UNSAFE, number),)
        elif applied.kind == "extra":
            fixes = (FixRef("drop-key", "Leave out the key", Applicability.UNSAFE, number),)
        yield Finding(span=applied.span, message=_message(applied), fixes=fixes)


def _message(applied: HaikuApplied) -> str:
    if applied.kind == "extra":
        return f"`{applied.text}` takes no key, so that `{applied.function}` gets one argument too many"
    if applied.kind == "state":
        return f"`{applied.text}` takes the state after the parameters, which is missing"
    what = "first" if applied.method == "init" else f"before what `{applied.function}` takes"
    return f"`{applied.text}` takes a key {what}, which is missing"


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    applied = unit.haiku_applied[reference.data]
    if applied.at is None:
        return None
    span = unit.model.module.span(applied.at)
    if reference.kind == "insert-none":
        edit = Edit(Span(span.start, span.start), "None, ")
    else:
        arguments = applied.node.args
        place = arguments.index(applied.at)
        if place + 1 >= len(arguments):
            return None
        edit = Edit(Span(span.start, unit.model.module.span(arguments[place + 1]).start), "")
    return Fix(reference.title, (edit,), reference.applicability)


RULE = Rule(
    name="haiku-apply-arguments",
    severity=Severity.ERROR,
    since="0.2.0",
    check=check,
    fix=fix,
    errors=(
        "ValueError: Apply must be called with an RNG as the second argument, the required signature is: `apply(params, rng, *a, **k)`",
        "ValueError: Init must be called with an RNG as the first argument",
        "TypeError: state argument does not appear valid. It should be a mapping",
    ),
    examples=(
        Example(
            """
            import haiku as hk
            import jax
            import jax.numpy as jnp

            def net(x):
                return hk.Linear(3)(x)

            model = hk.transform(net)
            params = model.init(jax.random.PRNGKey(0), jnp.ones((2, 4)))
            y = model.apply(params, jnp.ones((2, 4)))  # error: [haiku-apply-arguments]
            """,
            fixed="""
            import haiku as hk
            import jax
            import jax.numpy as jnp

            def net(x):
                return hk.Linear(3)(x)

            model = hk.transform(net)
            params = model.init(jax.random.PRNGKey(0), jnp.ones((2, 4)))
            y = model.apply(params, None, jnp.ones((2, 4)))
            """,
        ),
        Example(
            """
            import haiku as hk
            import jax
            import jax.numpy as jnp

            def net(x):
                return hk.Linear(3)(x)

            model = hk.without_apply_rng(hk.transform(net))
            params = model.init(jax.random.PRNGKey(0), jnp.ones((2, 4)))
            y = model.apply(params, jnp.ones((2, 4)))
            """
        ),
    ),
)
