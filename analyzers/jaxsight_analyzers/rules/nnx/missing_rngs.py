"""Makes a layer of NNX without `rngs`.

## Why is this bad?

Layers of NNX make their parameters when they are made, and take the random numbers for them from `rngs`: `nnx.Linear(2, 3)` raises ``TypeError: Linear.__init__() missing 1 required keyword-only argument: 'rngs'``. Layers of Flax Linen and of PyTorch
are made without. Norms want it too, although they draw nothing.

## Fix safety

Safe where the function around has a parameter `rngs`: the old call raises, and that is what it is for. Otherwise unsafe: the fix makes `nnx.Rngs(0)`, and layers that are each made with one like it start equal.

## Limits

Silent where arguments are passed on by `**`. `nnx.Dropout` takes `rngs` when it is called, too, and is not reported.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Finding, Fix, FixRef, Severity
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.streams import Call

_NEEDED = "rngs"


def check(unit: Unit) -> Iterator[Finding]:
    for number, call in unit.calls_from("flax"):
        if call.facts is None or _NEEDED not in call.facts.requires or _is_given(call):
            continue
        has_one = _parameter(unit, call)
        title = "Give it `rngs`" if has_one else "Give it `nnx.Rngs(0)`"
        sure = Applicability.SAFE if has_one else Applicability.UNSAFE
        yield Finding(
            span=call.span,
            message=f"`{call.name}` raises without `rngs`, which its parameters are drawn with",
            fixes=(FixRef("give-rngs", title, sure, number),),
        )


def _is_given(call: Call) -> bool:
    return any(one.arg in (_NEEDED, None) for one in call.node.keywords)


def _parameter(unit: Unit, call: Call) -> bool:
    """Whether the function around has a parameter `rngs`, which stands for what its callers pass."""
    places = edits.places_at(unit, call.span.start)
    functions = [
        one.node for one in places if isinstance(one.node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    if not functions or not any(
        isinstance(one, ast.arg) and one.arg == _NEEDED for one in ast.walk(functions[-1].args)
    ):
        return False
    body = [inner for statement in functions[-1].body for inner in ast.walk(statement)]
    return not any(
        isinstance(one, ast.Name) and one.id == _NEEDED and not isinstance(one.ctx, ast.Load)
        for one in body
    )


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    call = unit.calls[reference.data]
    if reference.applicability is Applicability.SAFE:
        edit = edits.add_keyword(unit, call.node, "rngs=rngs")
        return Fix(reference.title, (edit,), reference.applicability)
    made = edits.spell(unit, "flax.nnx.Rngs")
    edit = edits.add_keyword(unit, call.node, f"rngs={made.text}(0)")
    return Fix(reference.title, (edit, *made.edits), reference.applicability)


RULE = Rule(
    name="missing-rngs",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=("TypeError: Linear.__init__() missing 1 required keyword-only argument: 'rngs'",),
    raising=r"nnx\.|Linear|Conv|Norm",
    examples=(
        Example(
            """
            from flax import nnx

            class Net(nnx.Module):
                def __init__(self, rngs: nnx.Rngs):
                    self.layer = nnx.Linear(2, 3)  # error: [missing-rngs]

                def __call__(self, x):
                    return self.layer(x)
            """,
            fixed="""
            from flax import nnx

            class Net(nnx.Module):
                def __init__(self, rngs: nnx.Rngs):
                    self.layer = nnx.Linear(2, 3, rngs=rngs)

                def __call__(self, x):
                    return self.layer(x)
            """,
        ),
        Example(
            """
            from flax import nnx

            class Net(nnx.Module):
                def __init__(self, rngs: nnx.Rngs):
                    self.layer = nnx.Linear(2, 3, rngs=rngs)
                    self.dropout = nnx.Dropout(0.1)

                def __call__(self, x):
                    return self.layer(x)
            """
        ),
    ),
)
