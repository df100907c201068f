"""Uses `nnx.Optimizer` as another release of Flax has it.

## Why is this bad?

Until Flax 0.10 an `nnx.Optimizer` held the model: `nnx.Optimizer(model, tx)`, `optimizer.update(grads)`, `optimizer.model`. Since
0.11 it does not, and `wrt=`, which says what is trained, has to be given: ``TypeError: Missing required argument `wrt`. As of
Flax 0.11.0 the `wrt` argument is required``, ``TypeError: Missing required argument `grads`. As of Flax 0.11.0 update requires both
(model, grads) arguments to be passed``, ``AttributeError: Optimizer does not have attribute 'model' since Flax 0.11.0``. `optimizer.update(grads,
model)` is worse: it raises nothing, updates the gradients, and leaves the model as it was.

## Fix safety

`wrt=nnx.Param` is safe where the project is known to have Flax 0.11 or later: it is what was trained before. To give the
model to `update` is unsafe: which one the optimizer was made for is read off the text. `nnx.ModelAndOptimizer` is the former class
under a new name.

## Limits

The project's version of Flax decides, and the newest one where that cannot be found. An optimizer is known by the call that makes it, or by
the annotation of a parameter, which may also be an `nnx.ModelAndOptimizer`. That the arguments are swapped is said only where the second one is a module for sure.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import (
    Applicability,
    Certainty,
    Edit,
    Finding,
    Fix,
    FixRef,
    Severity,
    Span,
)
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.nnx_streams import ObjectCall, ObjectRead
from jaxsight_analyzers.semantic.streams import Call

_OPTIMIZER = "flax.nnx.Optimizer"
_FORMER = "flax.nnx.ModelAndOptimizer"
_UPDATE = f"{_OPTIMIZER}.update"


def check(unit: Unit) -> Iterator[Finding]:
    is_new = unit.version("flax") is None or unit.is_at_least("flax", "0.11.0")
    if is_new:
        for number, call in unit.calls_of((_OPTIMIZER,)):
            if _lacks_wrt(call):
                yield _without_wrt(unit, call, number)
        for number, read in enumerate(unit.nnx_reads):
            if read.of == _OPTIMIZER and read.node.attr == "model" and not _has_former(unit):
                yield _model(unit, read, number)
    for number, call in enumerate(unit.object_calls):
        if call.qualified != _UPDATE:
            continue
        finding = _update(unit, call, number) if is_new else _early(unit, call)
        if finding is not None and not _has_former(unit):
            yield finding


def _has_former(unit: Unit) -> bool:
    """Whether the file uses the former class under its new name, which derives from `nnx.Optimizer`: what is annotated as that may be one."""
    return any(
        reference.qualified == _FORMER for other in unit.others for reference in other.references
    )


def _certainty(unit: Unit) -> Certainty:
    """How sure it is that an optimizer is no `ModelAndOptimizer`: it is where the file makes one."""
    made = any(True for other in unit.others for _ in other.calls_of((_OPTIMIZER,)))
    return Certainty.YES if made else Certainty.MAYBE


def _lacks_wrt(call: Call) -> bool:
    node = call.node
    is_open = any(isinstance(one, ast.Starred) for one in node.args) or any(
        one.arg in (None, "wrt") for one in node.keywords
    )
    return not is_open and 0 < len(node.args) + len(node.keywords) <= 2


def _without_wrt(unit: Unit, call: Call, number: int) -> Finding:
    is_known = unit.version("flax") is not None
    applicability = Applicability.SAFE if is_known else Applicability.UNSAFE
    return Finding(
        span=call.function_span,
        message=f"`{edits.text(unit, call.function_span)}` needs `wrt=` since Flax 0.11, which says what is trained",
        fixes=(FixRef("add-wrt", "Train the parameters: `wrt=nnx.Param`", applicability, number),),
    )


def _model(unit: Unit, read: ObjectRead, number: int) -> Finding:
    fixes: tuple[FixRef, ...] = ()
    if (model := _model_of(unit, read.node)) is not None:
        fixes = (FixRef("use-model", f"Use `{model}`", Applicability.UNSAFE, number),)
    return Finding(
        span=read.span,
        message=f"`{read.base}` {_is(unit)} an `nnx.Optimizer`, which holds no model since Flax 0.11",
        certainty=_certainty(unit),
        fixes=fixes,
    )


def _is(unit: Unit) -> str:
    return "is" if _certainty(unit) is Certainty.YES else "may be"


def _arguments(call: ObjectCall) -> int | None:
    """How many arguments are given by position; None where that is not known."""
    node = call.node
    is_open = any(isinstance(one, ast.Starred) for one in node.args) or any(
        one.arg in (None, "model") for one in node.keywords
    )
    return None if is_open else len(node.args)


def _update(unit: Unit, call: ObjectCall, number: int) -> Finding | None:
    given = _arguments(call)
    by_name = any(one.arg == "grads" for one in call.node.keywords)
    if given == 2 and call.is_swapped:
        first, second = (edits.source(unit, one) for one in call.node.args)
        return Finding(
            span=call.span,
            message=f"`update` takes the model first: it changes `{first}` here, and `{second}` stays as it is",
            fixes=(FixRef("swap-arguments", "Swap the arguments", Applicability.UNSAFE, number),),
        )
    if given is None or given + by_name != 1:
        return None
    fixes: tuple[FixRef, ...] = ()
    if (model := _model_of(unit, call.node)) is not None:
        title = f"Give it the model: `{model}`"
        fixes = (FixRef("give-model", title, Applicability.UNSAFE, number),)
    return Finding(
        span=call.span,
        message=f"`{call.base}` {_is(unit)} an `nnx.Optimizer`, whose `update` takes the model and the gradients since Flax 0.11",
        certainty=_certainty(unit),
        fixes=fixes,
    )


def _early(unit: Unit, call: ObjectCall) -> Finding | None:
    if _arguments(call) != 2:
        return None
    return Finding(
        span=call.span,
        message=f"`{call.base}.update` takes the gradients alone before Flax 0.11, and the project has {unit.version('flax')}",
    )


# Which model it is


def _model_of(unit: Unit, node: ast.expr) -> str | None:
    """The model that an optimizer trains, as it is called where it is used."""
    made = [
        call.node.args[0]
        for other in unit.others
        for _, call in other.calls_of((_OPTIMIZER,))
        if call.node.args
    ]
    names = _names_around(unit, unit.model.module.span(node).start)
    for one in made:
        text = edits.source(unit, one)
        if isinstance(one, ast.Name) and (one.id in names or not names):
            return text
        is_member = isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name)
        if is_member and text.partition(".")[0] == edits.source(unit, node).partition(".")[0]:
            return text
    return "model" if "model" in names else None


def _names_around(unit: Unit, offset: int) -> set[str]:
    """The names that the functions around a place bind; none at the top of the module."""
    found: set[str] = set()
    for place in edits.places_at(unit, offset):
        if isinstance(place.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            arguments = place.node.args
            every = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
            found |= {one.arg for one in every} | edits.names_bound_in(place.node)
    return found


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    made = _EDITS[reference.kind](unit, reference.data)
    return None if made is None else Fix(reference.title, made, reference.applicability)


def _add_wrt(unit: Unit, number: int) -> tuple[Edit, ...]:
    parameters = edits.spell(unit, "flax.nnx.Param")
    edit = edits.add_keyword(unit, unit.calls[number].node, f"wrt={parameters.text}")
    return (edit, *parameters.edits)


def _use_model(unit: Unit, number: int) -> tuple[Edit, ...] | None:
    read = unit.nnx_reads[number]
    model = _model_of(unit, read.node)
    return None if model is None else (Edit(read.span, model),)


def _give_model(unit: Unit, number: int) -> tuple[Edit, ...] | None:
    node = unit.object_calls[number].node
    model = _model_of(unit, node)
    given = [*node.args, *(one.value for one in node.keywords)]
    if model is None or not given:
        return None
    start = min(unit.model.module.span(one).start for one in (*node.args, *node.keywords))
    return (Edit(Span(start, start), f"{model}, "),)


def _swap(unit: Unit, number: int) -> tuple[Edit, ...]:
    first, second = unit.object_calls[number].node.args
    span = unit.model.module.span
    return (
        Edit(span(first), edits.as_argument(unit, second)),
        Edit(span(second), edits.as_argument(unit, first)),
    )


_EDITS = {
    "add-wrt": _add_wrt,
    "use-model": _use_model,
    "give-model": _give_model,
    "swap-arguments": _swap,
}


RULE = Rule(
    name="optimizer-api-0-11",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=(
        "TypeError: Missing required argument `wrt`. As of Flax 0.11.0 the `wrt` argument is required",
        "TypeError: Missing required argument `grads`. As of Flax 0.11.0 update requires both (model, grads)",
        "AttributeError: Optimizer does not have attribute 'model' since Flax 0.11.0",
    ),
    raising=r"Optimizer\(|\.update\(|\.model\b",
    examples=(
        Example(
            """
            import optax
            from flax import nnx

            model = nnx.Linear(2, 2, rngs=nnx.Rngs(0))
            optimizer = nnx.Optimizer(model, optax.adam(1e-3))  # error: [optimizer-api-0-11]

            @nnx.jit
            def train_step(model, optimizer: nnx.Optimizer, x):
                grads = nnx.grad(lambda model: (model(x) ** 2).mean())(model)
                optimizer.update(grads)  # error: [optimizer-api-0-11]
            """,
            fixed="""
            import optax
            from flax import nnx

            model = nnx.Linear(2, 2, rngs=nnx.Rngs(0))
            optimizer = nnx.Optimizer(model, optax.adam(1e-3), wrt=nnx.Param)

            @nnx.jit
            def train_step(model, optimizer: nnx.Optimizer, x):
                grads = nnx.grad(lambda model: (model(x) ** 2).mean())(model)
                optimizer.update(model, grads)
            """,
            versions=(("flax", "0.12.8"),),
        ),
        Example(
            """
            import optax
            from flax import nnx

            model = nnx.Linear(2, 2, rngs=nnx.Rngs(0))
            optimizer = nnx.Optimizer(model, optax.adam(1e-3), wrt=nnx.Param)
            """
        ),
    ),
)
