"""Applies a module that updates statistics, and does not allow it to.

## Why is this bad?

`model.apply` treats all variables as constants, unless `mutable=` names their collection. A module that updates one,
such as `nn.BatchNorm` where `use_running_average` is False, fails: `ModifyScopeVariableError: Cannot update
variable "mean" in "/BatchNorm_0" because collection "batch_stats" is immutable.`

With `mutable=["batch_stats"]`, `apply` returns a pair: the output, and the collections as they are
afterwards. The new statistics go where the old ones were, or they are lost.

## Fix safety

Unsafe: the call returns a pair then, which the fix unpacks; what becomes of the new statistics remains to be written.

## Limits

Reported is what is certain: the module is one of the project, it comes to the update whenever it runs so, and
the flag that switches the update on is a constant here or in the calls that lead here. What stands under a condition that is not known
is not reported. `init` allows everything, and `sow` does nothing where its collection may not be written.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Edit, Finding, Fix, FixRef, Severity, Span
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.linen_streams import Applied


def check(unit: Unit) -> Iterator[Finding]:
    for number, applied in enumerate(unit.linen_lacking):
        if not applied.collections:
            continue
        names = _listed(applied)
        what = " and ".join(f"`{lack.name}`" for lack in applied.collections)
        fixes: tuple[FixRef, ...] = ()
        if _assignment(unit, applied) is not None:
            title = f"Allow it with `mutable={names}`, and unpack the result"
            fixes = (FixRef("allow-updates", title, Applicability.UNSAFE, number),)
        yield Finding(
            span=applied.span,
            message=f"`{applied.module}` updates {what} here, which `apply` refuses without `mutable={names}`",
            related=tuple([lack.related for lack in applied.collections]),
            fixes=fixes,
        )


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    applied = unit.linen_lacking[reference.data]
    assignment = _assignment(unit, applied)
    if assignment is None:
        return None
    span = unit.model.module.span(assignment.targets[0])
    target = edits.as_argument(unit, assignment.targets[0])
    updates = edits.fresh_name(unit, "updates", span.start)
    keyword = edits.add_keyword(unit, applied.node, f"mutable={_listed(applied)}")
    unpacked = Edit(Span(span.start, span.end), f"{target}, {updates}")
    return Fix(reference.title, (unpacked, keyword), reference.applicability)


def _listed(applied: Applied) -> str:
    return "[" + ", ".join(f'"{lack.name}"' for lack in applied.collections) + "]"


def _assignment(unit: Unit, applied: Applied) -> ast.Assign | None:
    """The statement `y = model.apply(...)`; None where the call stands elsewhere, or says what is mutable."""
    if any(keyword.arg in ("mutable", None) for keyword in applied.node.keywords):
        return None
    place = edits.place_at(unit, unit.model.module.span(applied.node).start)
    statement = None if place is None else place.node
    if not isinstance(statement, ast.Assign) or statement.value is not applied.node:
        return None
    return statement if len(statement.targets) == 1 else None


RULE = Rule(
    name="apply-without-mutable",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=(
        "ModifyScopeVariableError: Cannot update variable ... because collection ... is immutable",
    ),
    examples=(
        Example(
            """
            import jax
            import jax.numpy as jnp
            import flax.linen as nn

            class Net(nn.Module):
                @nn.compact
                def __call__(self, x, train: bool):
                    return nn.BatchNorm(use_running_average=not train)(x)

            net = Net()
            variables = net.init(jax.random.key(0), jnp.ones((2, 3)), train=False)
            y = net.apply(variables, jnp.ones((2, 3)), train=True)  # error: [apply-without-mutable]
            """,
            fixed="""
            import jax
            import jax.numpy as jnp
            import flax.linen as nn

            class Net(nn.Module):
                @nn.compact
                def __call__(self, x, train: bool):
                    return nn.BatchNorm(use_running_average=not train)(x)

            net = Net()
            variables = net.init(jax.random.key(0), jnp.ones((2, 3)), train=False)
            y, updates = net.apply(variables, jnp.ones((2, 3)), train=True, mutable=["batch_stats"])
            """,
        ),
        Example(
            """
            import jax
            import jax.numpy as jnp
            import flax.linen as nn

            class Net(nn.Module):
                @nn.compact
                def __call__(self, x, train: bool):
                    return nn.BatchNorm(use_running_average=not train)(x)

            net = Net()
            variables = net.init(jax.random.key(0), jnp.ones((2, 3)), train=False)
            y = net.apply(variables, jnp.ones((2, 3)), train=False)
            """
        ),
    ),
)
