"""Uses what `module.eval()` or `module.train()` of an NNX module returns.

## Why is this bad?

Both change the module itself and return None. After `model = model.eval()` the model is gone: ``TypeError: 'NoneType' object is not
callable``, ``AttributeError: 'NoneType' object has no attribute ...``. In PyTorch the same line is right.

## Fix safety

Safe where the result is given to the name of the module itself: the statement without the assignment leaves the module there. Otherwise unsafe, since
one module then has two names: `nnx.view(model, deterministic=True)` makes another one that shares the variables.

## Limits

Reported for modules that are known to be of NNX, and that have no method of their own so named. That a model is evaluated without `eval()` is not told.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Applicability, Edit, Finding, Fix, FixRef, Severity
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.nnx_streams import ObjectCall


def check(unit: Unit) -> Iterator[Finding]:
    for number, call in enumerate(unit.object_calls):
        mode = call.qualified.rpartition(".")[2]
        if mode not in ("eval", "train") or not call.qualified.startswith("flax.nnx."):
            continue
        place = edits.place_at(unit, unit.model.module.span(call.node).start)
        if place is None or not _uses(unit, call):
            continue
        fixes: tuple[FixRef, ...] = ()
        target = _target(place.node, call)
        if target is not None:
            is_same = target == call.base
            safe = Applicability.SAFE if is_same else Applicability.UNSAFE
            kind = FixRef("drop-assignment", "Drop the assignment", safe, number)
            title = f"Switch `{call.base}`, then name it `{target}`"
            fixes = (kind if is_same else FixRef("switch-first", title, safe, number),)
        yield Finding(
            span=unit.model.module.span(call.node),
            message=f"`{call.base}.{mode}()` changes the module and returns None",
            fixes=fixes,
        )


def _uses(unit: Unit, call: ObjectCall) -> bool:
    """Whether the result is given to a name, passed on, called or read from."""
    parents = edits.parents_of(unit, call.node)
    if not parents:
        return False
    parent = parents[0]
    if isinstance(parent, ast.Assign):
        return ast.unparse(parent.targets[0]) != "_"
    if isinstance(parent, ast.keyword):
        return True
    return isinstance(parent, (ast.AnnAssign, ast.NamedExpr, ast.Call, ast.Attribute))


def _target(statement: ast.stmt, call: ObjectCall) -> str | None:
    if not isinstance(statement, ast.Assign) or statement.value is not call.node:
        return None
    target = statement.targets[0]
    is_plain = len(statement.targets) == 1 and isinstance(target, (ast.Name, ast.Attribute))
    return ast.unparse(target) if is_plain else None


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    call = unit.object_calls[reference.data]
    place = edits.place_at(unit, unit.model.module.span(call.node).start)
    target = None if place is None else _target(place.node, call)
    if place is None or target is None:
        return None
    text = edits.source(unit, call.node)
    if reference.kind == "switch-first":
        text = f"{text}{edits.newline(unit)}{place.indent}{target} = {call.base}"
    return Fix(reference.title, (Edit(place.span, text),), reference.applicability)


RULE = Rule(
    name="train-eval-mode",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=("TypeError: 'NoneType' object is not callable",),
    raising=r"\w\(",
    examples=(
        Example(
            """
            from flax import nnx

            class Model(nnx.Module):
                def __init__(self, rngs):
                    self.dropout = nnx.Dropout(0.5, rngs=rngs)

            model = Model(nnx.Rngs(0))
            model = model.eval()  # error: [train-eval-mode]
            """,
            fixed="""
            from flax import nnx

            class Model(nnx.Module):
                def __init__(self, rngs):
                    self.dropout = nnx.Dropout(0.5, rngs=rngs)

            model = Model(nnx.Rngs(0))
            model.eval()
            """,
        ),
        Example(
            """
            from flax import nnx

            class Model(nnx.Module):
                def __init__(self, rngs):
                    self.dropout = nnx.Dropout(0.5, rngs=rngs)

            model = Model(nnx.Rngs(0))
            model.eval()
            """
        ),
    ),
)
