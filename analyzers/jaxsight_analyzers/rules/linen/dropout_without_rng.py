"""Applies a module that draws random numbers, and gives it no key for them.

## Why is this bad?

Modules take their random numbers from named streams of keys. `nn.Dropout` with `deterministic=False` asks for one of `dropout`,
`self.make_rng("noise")` for one of `noise`. Without the key the call fails: `InvalidRngError: Dropout_0 needs PRNG for
"dropout"`. `init` takes them from its own key, so that the mistake shows only in the training step.

## Fix safety

Unsafe: the key that the fix passes has to be another one in each step.

## Limits

Reported is what is certain: the module is one of the project, it comes to the draw whenever it runs so, the
rate is not zero, and the flag that switches the draw on is a constant here or in the calls that lead here. A key of the stream
`params`, or one key for all streams (`rngs=key`), serves for those that are not given, as in Flax.
The fix is offered where one name holds a key that is as good as new.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Finding, Fix, FixRef, Severity
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.linen_streams import Applied


def check(unit: Unit) -> Iterator[Finding]:
    for number, applied in enumerate(unit.linen_lacking):
        if not applied.streams:
            continue
        first, *others = [lack.name for lack in applied.streams]
        what = " and ".join(f"`{name}`" for name in (first, *others))
        given = _given(applied)
        fixes: tuple[FixRef, ...] = ()
        if given is not None:
            title = f"Pass `rngs={given}`"
            fixes = (FixRef("pass-key", title, Applicability.UNSAFE, number),)
        yield Finding(
            span=applied.span,
            message=f'`{applied.module}` draws from {what} here, and gets no key for it: `rngs={{"{first}": key}}` is missing',
            related=tuple([lack.related for lack in applied.streams]),
            fixes=fixes,
        )


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    applied = unit.linen_lacking[reference.data]
    given = _given(applied)
    if given is None:
        return None
    edit = edits.add_keyword(unit, applied.node, f"rngs={given}")
    return Fix(reference.title, (edit,), reference.applicability)


def _given(applied: Applied) -> str | None:
    """The keys to pass; None where it is not plain which."""
    if any(keyword.arg in ("rngs", None) for keyword in applied.node.keywords):
        return None
    if len(applied.streams) != 1:
        return None
    stream = applied.streams[0].name
    keys = [name for name in applied.keys if stream in name] or list(applied.keys)
    return f'{{"{stream}": {keys[0]}}}' if len(keys) == 1 else None


RULE = Rule(
    name="dropout-without-rng",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=("InvalidRngError: ... needs PRNG for ...",),
    examples=(
        Example(
            """
            import jax
            import flax.linen as nn

            class Net(nn.Module):
                @nn.compact
                def __call__(self, x, train: bool):
                    return nn.Dropout(0.5, deterministic=not train)(nn.Dense(3)(x))

            def predict(params, x):
                return Net().apply({"params": params}, x, train=True)  # error: [dropout-without-rng]

            def forward(params, x, seed):
                dropout_key = jax.random.key(seed)
                return Net().apply({"params": params}, x, train=True)  # error: [dropout-without-rng]
            """,
            fixed="""
            import jax
            import flax.linen as nn

            class Net(nn.Module):
                @nn.compact
                def __call__(self, x, train: bool):
                    return nn.Dropout(0.5, deterministic=not train)(nn.Dense(3)(x))

            def predict(params, x):
                return Net().apply({"params": params}, x, train=True)

            def forward(params, x, seed):
                dropout_key = jax.random.key(seed)
                return Net().apply({"params": params}, x, train=True, rngs={"dropout": dropout_key})
            """,
        ),
        Example(
            """
            import flax.linen as nn

            class Net(nn.Module):
                @nn.compact
                def __call__(self, x, train: bool):
                    return nn.Dropout(0.5, deterministic=not train)(nn.Dense(3)(x))

            def predict(params, x):
                return Net().apply({"params": params}, x, train=False)

            def forward(params, x, key):
                return Net().apply({"params": params}, x, train=True, rngs={"dropout": key})
            """
        ),
    ),
)
