"""Calls NumPy or SciPy on a value that JAX traces.

## Why is this bad?

NumPy works on numbers in the host's memory. While a function is traced its arrays are stand-ins
without numbers, and NumPy's functions raise `TracerArrayConversionError`: under `jax.jit` and
`jax.vmap`, and under `jax.grad` too. `jax.numpy` has the same functions for traced values.

## Fix safety

Safe where `jax.numpy` has a function of the same name that understands these arguments in the same
way, and the argument is certainly traced: the call cannot have worked. Otherwise unsafe.

## Limits

A few NumPy functions hand a tracer to its own method and work (`np.mean`, `np.sum`, `np.shape` ...);
they are not reported. NumPy on what is static while tracing (`np.prod(x.shape)`) is right, and
is not reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Finding, Severity
from jaxsight_analyzers.fixes import counterparts
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit


def check(unit: Unit) -> Iterator[Finding]:
    yield from counterparts.failing_on_traced(unit, "numpy", "scipy", "pandas", "cv2")


RULE = Rule(
    name="numpy-on-traced",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=counterparts.fix,
    errors=(
        "TracerArrayConversionError: The numpy.ndarray conversion method __array__() was called on traced array",
    ),
    raising=r"\b(np|onp|numpy|scipy|sp)\.\w",
    examples=(
        Example(
            """
            import jax
            import jax.numpy as jnp
            import numpy as np

            @jax.jit
            def f(x):
                return np.sin(x) + 1  # error: [numpy-on-traced]
            """,
            fixed="""
            import jax
            import jax.numpy as jnp
            import numpy as np

            @jax.jit
            def f(x):
                return jnp.sin(x) + 1
            """,
        ),
        Example(
            """
            import jax
            import numpy as np

            @jax.jit
            def f(x):
                return x.reshape(int(np.prod(x.shape))) + np.pi
            """
        ),
    ),
)
