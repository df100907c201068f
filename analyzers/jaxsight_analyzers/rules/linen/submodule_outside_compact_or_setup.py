"""Makes a submodule or parameter in a method that is not `@nn.compact`.

## Why is this bad?

A module of Flax Linen knows its submodules by name, and names them where they are made: in `setup`, or in a method that
`@nn.compact` marks. In any other method to make one fails: `AssignSubModuleError: Submodule Dense must be
defined in setup() or in a method wrapped in @compact`. The same holds for `self.param` and `self.variable`.

## Fix safety

Safe for `__call__`: the method cannot have worked, and nothing else is missing.

## Limits

Methods that a compact method or `setup` leads to may make submodules, and are not reported; neither are methods that
only others lead to, and methods with decorators. A `__call__` that a compact one of a derived class
calls through `super()` is reported, although it works there.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Edit, Finding, Fix, FixRef, Severity, Span
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit


def check(unit: Unit) -> Iterator[Finding]:
    for number, made in enumerate(unit.linen_made):
        fixes: tuple[FixRef, ...] = ()
        if made.name == "__call__":
            title = "Mark `__call__` with `@nn.compact`"
            fixes = (FixRef("mark-compact", title, Applicability.SAFE, number),)
        yield Finding(
            span=made.span,
            message=f"`{made.what}` makes a part of `{made.module}` in `{made.name}`, which is neither `setup` nor `@nn.compact`",
            fixes=fixes,
        )


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    made = unit.linen_made[reference.data]
    start = unit.model.module.span(made.method).start
    spelling = edits.spell(unit, "flax.linen.compact")
    line = f"@{spelling.text}{edits.newline(unit)}{edits.indent_of(unit, start)}"
    added = Edit(Span(start, start), line)
    return Fix(reference.title, (*spelling.edits, added), reference.applicability)


RULE = Rule(
    name="submodule-outside-compact-or-setup",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=(
        "AssignSubModuleError: Submodule ... must be defined in `setup()` or in a method wrapped in `@compact`",
    ),
    examples=(
        Example(
            """
            import flax.linen as nn

            class Net(nn.Module):
                def __call__(self, x):
                    return nn.Dense(3)(x)  # error: [submodule-outside-compact-or-setup]
            """,
            fixed="""
            import flax.linen as nn

            class Net(nn.Module):
                @nn.compact
                def __call__(self, x):
                    return nn.Dense(3)(x)
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
