"""Sets an attribute of a Flax Linen module outside of `setup`.

## Why is this bad?

Modules of Flax Linen are frozen: what a call computes is returned, sown or kept in a variable. `self.h = x` in
`__call__` fails with `SetAttributeFrozenModuleError: Can't set h=... for Module of type Net: Module instance is frozen
outside of setup method.`

## Fix safety

Unsafe: `self.sow` collects the value, and `apply` hands it out with `mutable=["intermediates"]`; what reads
the attribute remains to be changed.

## Limits

Methods that `setup` or `__post_init__` lead to may set attributes, and are not reported; neither are methods with decorators other than
`@nn.compact`, and classes that define `__setattr__`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Edit, Finding, Fix, FixRef, Severity
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.linen_streams import AttributeSet


def check(unit: Unit) -> Iterator[Finding]:
    for number, attribute in enumerate(unit.linen_attributes):
        fixes: tuple[FixRef, ...] = ()
        if _assignment(unit, attribute) is not None:
            title = f'Sow it: `self.sow("intermediates", "{attribute.node.attr}", ...)`'
            fixes = (FixRef("sow", title, Applicability.UNSAFE, number),)
        yield Finding(
            span=attribute.span,
            message=f"`{attribute.text}` is set in `{attribute.method}`, but `{attribute.module}` is frozen outside of `setup`",
            fixes=fixes,
        )


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    attribute = unit.linen_attributes[reference.data]
    assignment = _assignment(unit, attribute)
    if assignment is None:
        return None
    owner, name = edits.source(unit, attribute.node.value), attribute.node.attr
    value = edits.as_argument(unit, assignment.value)
    text = f'{owner}.sow("intermediates", "{name}", {value})'
    edit = Edit(unit.model.module.span(assignment), text)
    return Fix(reference.title, (edit,), reference.applicability)


def _assignment(unit: Unit, attribute: AttributeSet) -> ast.Assign | None:
    """The statement `self.h = x`; None where it does more."""
    place = edits.place_at(unit, unit.model.module.span(attribute.node).start)
    statement = None if place is None else place.node
    if not isinstance(statement, ast.Assign) or statement.targets != [attribute.node]:
        return None
    return statement


RULE = Rule(
    name="module-attr-assignment",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=("SetAttributeFrozenModuleError: Can't set ... for Module of type ...",),
    examples=(
        Example(
            """
            import flax.linen as nn

            class Net(nn.Module):
                @nn.compact
                def __call__(self, x):
                    self.h = nn.Dense(3)(x)  # error: [module-attr-assignment]
                    return x
            """,
            fixed="""
            import flax.linen as nn

            class Net(nn.Module):
                @nn.compact
                def __call__(self, x):
                    self.sow("intermediates", "h", nn.Dense(3)(x))
                    return x
            """,
        ),
        Example(
            """
            import flax.linen as nn

            class Net(nn.Module):
                def setup(self):
                    self.dense = nn.Dense(3)

                def __call__(self, x):
                    return self.dense(x)
            """
        ),
    ),
)
