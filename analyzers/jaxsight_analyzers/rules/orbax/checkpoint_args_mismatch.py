"""Saves or restores with arguments that this kind of Orbax's checkpointers does not take.

## Why is this bad?

A `CheckpointManager` that is told nothing of its items learns from `args=` how to write each: `save(step, args=ocp.args.StandardSave(tree))`. The former way, `save(step, tree)`, works only for one that is made
with checkpointers, which is deprecated; without these it raises `ValueError: Unknown key "default" in CompositeCheckpointHandler.` A tree itself is no `args`: `ValueError: Expected args of
type `CheckpointArgs`; found`. Where items have names, `args` is a `Composite`: `ValueError: Must provide `args` of type `Composite``. A `StandardCheckpointer` takes the tree: `TypeError:
StandardCheckpointer.save() got an unexpected keyword argument 'args'`. And the second argument of the manager is the checkpointers, not the options: `ValueError: Invalid type for `checkpointers``.

## Fix safety

Safe where the manager is given a tree, and for options: the old code raises.

## Limits

Managers and checkpointers are followed through names, attributes and functions.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import (
    Applicability,
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
from jaxsight_analyzers.semantic.checkpoint_streams import WrongCall

_MESSAGES = {
    "items": "fails: this manager takes the tree as `args=ocp.args.{args}(...)`",
    "tree": "fails: `args` is to be `ocp.args.{args}(...)`, and a tree it is given",
    "one": "fails: the items of this manager have names, and `args` is to be a `Composite` of them",
    "no args": "fails: a `StandardCheckpointer` takes the tree itself and no `args`",
}


def check(unit: Unit) -> Iterator[Finding]:
    for number, call in enumerate(unit.checkpoint_calls):
        if call.mistake in _MESSAGES:
            message = _MESSAGES[call.mistake].format(args=_args(call))
            yield Finding(
                span=call.span,
                message=f"`{call.text}` {message}",
                fixes=_fixes(call, number),
            )
    for number, options in enumerate(unit.misplaced_options):
        yield Finding(
            span=options.span,
            message=f"the manager fails: `{options.text}` is given for its checkpointers",
            fixes=(FixRef("name-options", "Pass as `options`", Applicability.SAFE, number),),
        )


def _args(call: WrongCall) -> str:
    return "StandardSave" if call.text.endswith("save") else "StandardRestore"


def _tree(call: WrongCall) -> ast.expr | ast.keyword | None:
    """The argument that is the tree."""
    wanted = {"items": "items", "tree": "args"}.get(call.mistake)
    named = next((one for one in call.node.keywords if one.arg == wanted), None)
    if named is not None or call.mistake != "items":
        return named
    return call.node.args[1] if len(call.node.args) == 2 else None


def _fixes(call: WrongCall, number: int) -> tuple[FixRef, ...]:
    if _tree(call) is None:
        return ()
    return (FixRef("wrap-in-args", f"Wrap in `{_args(call)}`", Applicability.SAFE, number),)


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    if reference.kind == "name-options":
        start = unit.misplaced_options[reference.data].span.start
        edit = Edit(Span(start, start), "options=")
        return Fix(reference.title, (edit,), reference.applicability)
    call = unit.checkpoint_calls[reference.data]
    tree = _tree(call)
    if tree is None:
        return None
    spelling = edits.spell(unit, f"orbax.checkpoint.args.{_args(call)}")
    value = tree.value if isinstance(tree, ast.keyword) else tree
    span = unit.model.module.span(tree)
    text = f"args={spelling.text}({edits.as_argument(unit, value)})"
    return Fix(reference.title, (Edit(span, text), *spelling.edits), reference.applicability)


RULE = Rule(
    name="checkpoint-args-mismatch",
    severity=Severity.ERROR,
    since="0.2.0",
    check=check,
    fix=fix,
    aliases=("legacy-manager-api",),
    errors=(
        'ValueError: Unknown key "default" in CompositeCheckpointHandler.',
        "ValueError: Expected args of type `CheckpointArgs`; found",
        "ValueError: Must provide `args` of type `Composite`",
        "ValueError: Invalid type for `checkpointers`",
        "TypeError: StandardCheckpointer.save() got an unexpected keyword argument 'args'",
    ),
    examples=(
        Example(
            """
            import orbax.checkpoint as ocp

            def save(directory, step, params):
                with ocp.CheckpointManager(directory) as manager:
                    manager.save(step, params)  # error: [checkpoint-args-mismatch]
            """,
            fixed="""
            import orbax.checkpoint as ocp

            def save(directory, step, params):
                with ocp.CheckpointManager(directory) as manager:
                    manager.save(step, args=ocp.args.StandardSave(params))
            """,
        ),
        Example(
            """
            import orbax.checkpoint as ocp

            def save(directory, step, params):
                with ocp.CheckpointManager(directory) as manager:
                    manager.save(step, args=ocp.args.StandardSave(params))
            """
        ),
    ),
)
