"""Passes a Flax Linen module an attribute that its class gives a value, but does not annotate.

## Why is this bad?

Modules of Flax Linen are dataclasses: only annotated attributes are fields that the class can be called with. `features = 3` in the
body of the class is an attribute of the class, and `Net(features=4)` fails: `TypeError: Net.__init__() got an unexpected
keyword argument 'features'`.

## Fix safety

Safe: the call cannot have worked, and the annotation is that of the value that stands there.

## Limits

Reported is the call, where the class and its bases are of the project.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Edit, Finding, Fix, FixRef, Severity, Span
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit


def check(unit: Unit) -> Iterator[Finding]:
    for number, field in enumerate(unit.linen_unannotated):
        fixes: tuple[FixRef, ...] = ()
        if field.annotation is not None and field.end is not None:
            title = f"Annotate it: `{field.name}: {field.annotation}`"
            fixes = (FixRef("annotate", title, Applicability.SAFE, number),)
        yield Finding(
            span=field.span,
            message=f"`{field.module}` takes no `{field.name}`: without an annotation it is no field of the module",
            related=(field.related,),
            fixes=fixes,
        )


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    field = unit.linen_unannotated[reference.data]
    if field.end is None:
        return None
    edit = Edit(Span(field.end, field.end), f": {field.annotation}")
    return Fix(reference.title, (edit,), reference.applicability)


RULE = Rule(
    name="unannotated-dataclass-field",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=("TypeError: ...__init__() got an unexpected keyword argument '...'",),
    examples=(
        Example(
            """
            import flax.linen as nn

            class Net(nn.Module):
                features = 3

                @nn.compact
                def __call__(self, x):
                    return nn.Dense(self.features)(x)

            net = Net(features=4)  # error: [unannotated-dataclass-field]
            """,
            fixed="""
            import flax.linen as nn

            class Net(nn.Module):
                features: int = 3

                @nn.compact
                def __call__(self, x):
                    return nn.Dense(self.features)(x)

            net = Net(features=4)
            """,
        ),
        Example(
            """
            import flax.linen as nn

            class Net(nn.Module):
                features: int = 3
                prefix = "block"

                @nn.compact
                def __call__(self, x):
                    return nn.Dense(self.features, name=f"{self.prefix}_0")(x)

            net = Net(features=4)
            """
        ),
    ),
)
