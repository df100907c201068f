"""Gives a loss of Optax something else than it takes: probabilities for logits, integers for one-hot labels.

## Why is this bad?

`softmax_cross_entropy` and `sigmoid_binary_cross_entropy` apply the softmax or the sigmoid themselves, which is what makes them exact. Of
probabilities they compute the loss of another distribution, that can never be sure of anything, and nothing is raised: training is slow and ends
early. `softmax_cross_entropy` takes a distribution for each example and `softmax_cross_entropy_with_integer_labels` an index; with the other one they raise
or, where the shapes happen to fit, compute nonsense. `kl_divergence` takes the logarithm of its predictions.

## Fix safety

Unsafe: the loss becomes another number.

## Limits

Reported is what is surely the output of a softmax, a sigmoid, `one_hot` or `argmax`, also where another function or a module returned it.
The output of `log_softmax` may be given for logits: its softmax is the same.
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
)
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.optimiser_streams import LossInput

_GIVEN = {
    "softmax": "the output of a softmax",
    "sigmoid": "the output of a sigmoid",
    "one_hot": "one-hot rows",
    "argmax": "indices",
}
_TAKES = {
    "logits": "takes logits and normalises them itself",
    "log-probabilities": "takes the logarithms of probabilities",
    "distributions": "takes a distribution for each example",
    "integers": "takes integers",
}


def check(unit: Unit) -> Iterator[Finding]:
    for number, seen in enumerate(unit.loss_inputs):
        written = edits.source(unit, seen.argument)
        what = f"`{written}`" if len(written) <= 60 and "\n" not in written else "what it is given"
        yield Finding(
            span=seen.span,
            message=f"`{seen.name}` {_TAKES[seen.takes]}, and {what} is {_GIVEN[seen.given]}",
            fixes=_fixes(seen, number),
        )


def _fixes(seen: LossInput, number: int) -> tuple[FixRef, ...]:
    node = seen.argument
    if seen.takes == "logits" and seen.given in ("softmax", "sigmoid") and _inner(node) is not None:
        return (FixRef("pass-logits", "Pass the logits themselves", Applicability.UNSAFE, number),)
    if seen.takes == "integers" and seen.given == "one_hot" and _inner(node) is not None:
        return (FixRef("pass-labels", "Pass the labels themselves", Applicability.UNSAFE, number),)
    return ()


def _inner(node: ast.expr) -> ast.expr | None:
    """What `jax.nn.softmax(x)` and `jax.nn.one_hot(y, n)` are made of."""
    simple = isinstance(node, ast.Call) and node.args and not isinstance(node.args[0], ast.Starred)
    return node.args[0] if isinstance(node, ast.Call) and simple else None


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    seen = unit.loss_inputs[reference.data]
    inner = _inner(seen.argument)
    if inner is None:
        return None
    edit = Edit(seen.span, edits.as_argument(unit, inner))
    return Fix(reference.title, (edit,), reference.applicability)


RULE = Rule(
    name="loss-input-mismatch",
    severity=Severity.ERROR,
    since="0.2.0",
    check=check,
    fix=fix,
    errors=(
        "TypeError: Expected the input to have a dtype that is a subdtype of <class 'numpy.integer'>, got float32 instead",
    ),
    raising=r"integer_labels|cross_entropy",
    examples=(
        Example(
            """
            import jax
            import optax

            def loss(logits, labels):
                losses = optax.softmax_cross_entropy(jax.nn.softmax(logits), labels)  # error: [loss-input-mismatch]
                return losses.mean()
            """,
            fixed="""
            import jax
            import optax

            def loss(logits, labels):
                losses = optax.softmax_cross_entropy(logits, labels)
                return losses.mean()
            """,
        ),
        Example(
            """
            import jax
            import optax

            def loss(logits, labels):
                targets = jax.nn.one_hot(labels, 10)
                return optax.softmax_cross_entropy(logits, targets).mean()
            """
        ),
    ),
)
