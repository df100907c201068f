"""Imports JAXopt, which is no longer maintained.

## Why is this bad?

JAXopt warns when it is imported: `DeprecationWarning: JAXopt is no longer maintained. See https://docs.jax.dev/en/latest/ for maintained alternatives.` Its last release is
0.8.5 of April 2025. It still works with the releases of JAX at the time of writing, but nobody mends it for those to come.

What takes the place of each solver, run with Optax 0.2.8, Optimistix 0.1 and Lineax 0.1:

| JAXopt | instead |
|---|---|
| `LBFGS`, `BFGS` | `optax.lbfgs()` with `optax.value_and_grad_from_state`; `optimistix.BFGS(rtol, atol)` or `optimistix.LBFGS(rtol, atol)` with `optimistix.minimise` |
| `NonlinearCG` | `optimistix.NonlinearCG(rtol, atol)` |
| `GradientDescent`, `OptaxSolver`, `PolyakSGD`, `ArmijoSGD` | a loop over an `optax` optimiser: `optax.sgd`, `optax.polyak_sgd`, with a line search `optax.scale_by_backtracking_linesearch` |
| `ProjectedGradient`, `projection.*` | an `optax` optimiser followed by one of `optax.projections`: `projection_box`, `projection_simplex`, `projection_l1_ball`, `projection_l2_ball`, ... |
| `GaussNewton`, `LevenbergMarquardt` | `optimistix.GaussNewton`, `optimistix.LevenbergMarquardt` with `optimistix.least_squares` |
| `Bisection` | `optimistix.Bisection` with `optimistix.root_find` and `options={"lower": ..., "upper": ...}` |
| `Broyden`, `ScipyRootFinding` | `optimistix.Newton`, `optimistix.Chord` with `optimistix.root_find` |
| `FixedPointIteration`, `AndersonAcceleration` | `optimistix.FixedPointIteration` with `optimistix.fixed_point` |
| `ScipyMinimize` | `scipy.optimize.minimize(jax.value_and_grad(f), x, jac=True)`, or `optimistix.minimise` |
| `linear_solve.*` | `lineax.linear_solve`, `jax.scipy.sparse.linalg.cg`, `gmres` and `bicgstab` |
| `implicit_diff.custom_root`, `custom_fixed_point` | what `optimistix` does by itself: `adjoint=optimistix.ImplicitAdjoint()`; `lineax` under `jax.custom_vjp` |
| `loss.*`, `objective.*` | `optax.losses` |
| `tree_util.*` | `optax.tree`, such as `optax.tree.add` and `optax.tree.norm` |
| `BoxOSQP`, `OSQP`, `CvxpyQP`, `EqualityConstrainedQP`, `BlockCoordinateDescent`, `MirrorDescent`, `ProximalGradient` | nothing that does the same: keep JAXopt and pin it, or see `qpax` for quadratic programs |

## Limits

Reported once for a file, at its first import. An import that is caught with `except ImportError` is not reported, nor are the
files of JAXopt itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Finding, Severity, Tag
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.streams import Reference


def check(unit: Unit) -> Iterator[Finding]:
    mine = [one for one in unit.own_imports if _is_of_jaxopt(one)]
    if not mine:
        return
    everywhere = [one for one in unit.imports if _is_of_jaxopt(one)]
    first = min(everywhere, key=lambda one: one.span)
    is_own = any("._src" in one.qualified for one in everywhere)
    is_own = is_own or "jaxopt/_src/" in unit.whole.source.path.replace("\\", "/")
    if is_own or all(one.node is not first.node for one in mine):
        return
    yield Finding(
        span=first.span,
        message="JAXopt is no longer maintained: Optax, Optimistix and Lineax have most of what it does",
        tag=Tag.DEPRECATED,
    )


def _is_of_jaxopt(reference: Reference) -> bool:
    return reference.qualified.partition(".")[0] == "jaxopt" and not reference.guarded


RULE = Rule(
    name="jaxopt-unmaintained",
    severity=Severity.WARNING,
    since="0.1.0",
    check=check,
    examples=(
        Example(
            """
            import jaxopt  # error: [jaxopt-unmaintained]

            def fit(loss, params):
                return jaxopt.LBFGS(fun=loss, maxiter=100).run(params).params
            """
        ),
        Example(
            """
            import optax

            def fit(params):
                return optax.lbfgs().init(params)
            """
        ),
    ),
)
