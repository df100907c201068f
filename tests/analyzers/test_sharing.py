"""Files that share a run: what comes of each is what comes of it alone, whichever were before it."""

from __future__ import annotations

import itertools

import pytest

from jaxsight_analyzers.engine import Analysis, analyse
from jaxsight_analyzers.project.outgoing import outgoing
from jaxsight_analyzers.project.sharing import Sharing
from jaxsight_analyzers.project.workspace import Workspace
from jaxsight_analyzers.semantic import memo
from jaxsight_analyzers.semantic.run import MAX_ACTIVATIONS_ELSEWHERE, Run
from jaxsight_analyzers.semantic.tasks import Activation
from jaxsight_analyzers.settings import Config

HELPERS = """\
import jax
import jax.numpy as jnp


def checked(x, low):
    if x > low:
        return x
    return jnp.abs(x)


def sampled(key, n):
    return jax.random.normal(key, (n,)), jax.random.uniform(key)


def applied(function, *args):
    return function(*args)
"""
ONE = """\
import jax
from helpers import applied, checked, sampled


@jax.jit
def step(x):
    y = checked(x, 1.0)
    if applied(lambda v: v + 1, y) > 0:
        return y
    return x


def draw(key):
    return sampled(key, 3), sampled(key, 3)
"""
OTHER = """\
import jax
from helpers import checked
from one import step


def outer(x):
    scale = 2.0
    return checked(x, 1.0) + step(x * scale)


jax.vmap(jax.grad(outer))(jax.numpy.ones(3))
print(checked(3, 1.0))
"""
MANY_WAYS = "import jax\nfrom helpers import checked\n\n@jax.jit\ndef many(x):\n" + "".join(
    f"    x = checked(x, {number})\n" for number in range(MAX_ACTIVATIONS_ELSEWHERE + 2)
)
TEXTS = {"helpers.py": HELPERS, "one.py": ONE, "other.py": OTHER, "ways.py": MANY_WAYS}


def said(analysis: Analysis) -> tuple[object, ...]:
    asked = analysis.state.interpretation.asked - {analysis.source.path}
    return analysis.diagnostics, analysis.given_up, outgoing(analysis.model), sorted(asked)


def alone(path: str) -> tuple[object, ...]:
    workspace = Workspace.of(TEXTS)
    source = workspace.source(path)
    assert source is not None
    return said(analyse(source, workspace=workspace))


def test_the_files_before_have_no_say() -> None:
    expected = {path: alone(path) for path in TEXTS}

    for order in itertools.permutations(TEXTS):
        sharing = Sharing(Workspace.of(TEXTS))
        found = {path: said(sharing.analyse(path, Config(), {}, None, ())) for path in order}
        assert found == expected, order

    assert expected["ways.py"][1]  # this one is called in too many ways, and says so
    assert any(expected[path][0] for path in ("one.py", "other.py"))


def test_what_one_file_runs_of_another_is_run_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    execute = memo.functions.execute

    def noted(run: Run, activation: Activation) -> object:
        ran.append(activation.scope.qualname)
        return execute(run, activation)

    monkeypatch.setattr(memo.functions, "execute", noted)
    texts = {f"user_{n}.py": "from helpers import sampled\nsampled(1, 2)\n" for n in range(5)}
    sharing = Sharing(Workspace.of({**TEXTS, **texts}))
    for path in texts:
        sharing.analyse(path, Config(), {}, None, ())

    assert ran.count("sampled") == 1
