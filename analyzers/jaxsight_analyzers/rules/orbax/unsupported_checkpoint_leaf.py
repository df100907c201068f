"""Saves a tree with something in it that Orbax cannot write: a text, or a function.

## Why is this bad?

`StandardSave` and `StandardCheckpointer` write arrays and numbers; of a text they say `ValueError: Unsupported type: <class 'str'> for key: ('name',).` Functions nobody can write: `ValueError: Unsupported type: <class
'function'>`, or with `PyTreeSave` `ValueError: TypeHandler lookup failed for: type=<class 'function'>`. Settings go into an item of their own, with `ocp.args.JsonSave`.

## Limits

Reported are texts and functions that surely are in the tree, which is written out or built from what is.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Finding, Severity
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit


def check(unit: Unit) -> Iterator[Finding]:
    for call in unit.checkpoint_calls:
        if call.leaf is not None:
            where = f"`{call.leaf.key}` of the tree" if call.leaf.key else "what it is given"
            yield Finding(
                span=call.span,
                message=f"`{call.text}` fails: {where} is a {call.leaf.kind}, which it cannot write",
            )


RULE = Rule(
    name="unsupported-checkpoint-leaf",
    severity=Severity.ERROR,
    since="0.2.0",
    check=check,
    errors=(
        "ValueError: Unsupported type: <class 'str'> for key",
        "ValueError: Unsupported type: <class 'function'> for key",
        "ValueError: TypeHandler lookup failed for: type=<class 'function'>",
    ),
    examples=(
        Example(
            """
            import orbax.checkpoint as ocp

            def export(path, params):
                with ocp.StandardCheckpointer() as checkpointer:
                    checkpointer.save(path, {"name": "best", "params": params})  # error: [unsupported-checkpoint-leaf]
            """
        ),
        Example(
            """
            import orbax.checkpoint as ocp

            def export(path, params):
                with ocp.StandardCheckpointer() as checkpointer:
                    checkpointer.save(path, {"step": 3, "params": params})
            """
        ),
    ),
)
