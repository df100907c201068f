"""Keeps modules, variables or arrays of an NNX module in a plain list, tuple or dict.

## Why is this bad?

An attribute of an `nnx.Module` is data or static. Since Flax 0.12 a plain container is static, and one with data in it
raises in the constructor: ``ValueError: Found data on value of type '<class 'list'>' assigned to static attribute 'layers' of
Pytree type ...``, or, if the list is filled later, ``Found unexpected data on value of type <class 'list'> in static attribute``.
`nnx.List` and `nnx.Dict` are containers that are modules themselves; `nnx.data(...)` says of any value that it is data.

## Fix safety

Safe where the project is known to have Flax 0.12 or later: the constructor cannot have worked, and an `nnx.List`
is used as a list is. Unsafe for tuples, which become lists or are marked as data, and for what is nested.

## Limits

Flax before 0.12 takes plain containers, and nothing is reported where the project has it. Not reported in classes with `pytree=`, or
with a `__setattr__` of their own, of attributes to which something else is assigned that may be data, for they stay data, and of attributes that the class declares as `nnx.Data[...]` or `= nnx.data()`.
Modules that come from functions which nothing is known of, or that only other methods append, are not seen.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Edit, Finding, Fix, FixRef, Severity
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.nnx_streams import Container


def check(unit: Unit) -> Iterator[Finding]:
    if unit.version("flax") is not None and not unit.is_at_least("flax", "0.12.0"):
        return
    for number, container in enumerate(unit.nnx_containers):
        yield Finding(
            span=container.span,
            message=(
                f"`{container.name}` is a plain {container.form} of {container.holds}, which "
                f"`{container.owner}` cannot hold: Flax 0.12 raises `ValueError`"
            ),
            related=container.related,
            fixes=tuple(_fixes(unit, container, number)),
        )


def _fixes(unit: Unit, container: Container, number: int) -> Iterator[FixRef]:
    is_sure = unit.version("flax") is not None
    safe = Applicability.SAFE if is_sure else Applicability.UNSAFE
    if container.form == "list" and not container.nested:
        yield FixRef("use-list", "Make it an `nnx.List`", safe, number)
    if container.form == "dict" and not container.nested and container.texts_only:
        yield FixRef("use-dict", "Make it an `nnx.Dict`", safe, number)
    yield FixRef("mark-as-data", "Mark it with `nnx.data`", Applicability.UNSAFE, number)


_WRAPPERS = {
    "use-list": "flax.nnx.List",
    "use-dict": "flax.nnx.Dict",
    "mark-as-data": "flax.nnx.data",
}


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    container = unit.nnx_containers[reference.data]
    wrapper = edits.spell(unit, _WRAPPERS[reference.kind])
    text = f"{wrapper.text}({edits.as_argument(unit, container.node)})"
    return Fix(
        reference.title, (Edit(container.span, text), *wrapper.edits), reference.applicability
    )


RULE = Rule(
    name="plain-list-of-modules",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=(
        "ValueError: Found data on value of type ... assigned to static attribute",
        "ValueError: Found unexpected data on value of type <class 'list'> in static attribute",
    ),
    raising=r"=\s*(\[|\{|\(|list|tuple|dict|\w+$)|\.append\(",
    examples=(
        Example(
            """
            from flax import nnx

            class MLP(nnx.Module):
                def __init__(self, rngs: nnx.Rngs):
                    self.layers = [nnx.Linear(4, 4, rngs=rngs) for _ in range(3)]  # error: [plain-list-of-modules]
            """,
            fixed="""
            from flax import nnx

            class MLP(nnx.Module):
                def __init__(self, rngs: nnx.Rngs):
                    self.layers = nnx.List([nnx.Linear(4, 4, rngs=rngs) for _ in range(3)])
            """,
            versions=(("flax", "0.12.8"),),
        ),
        Example(
            """
            from flax import nnx

            class MLP(nnx.Module):
                def __init__(self, rngs: nnx.Rngs):
                    self.widths = [4, 4, 4]
                    self.activations = (nnx.relu, nnx.tanh)
                    self.layers = nnx.List([nnx.Linear(n, n, rngs=rngs) for n in self.widths])
            """
        ),
    ),
)
