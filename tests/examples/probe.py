"""Runs the examples in the current folder, in an interpreter that has JAX; prints what happened.

Started by `test_examples.py`, once for each interpreter and state of the examples. One JSON object
on the last line of stdout: for each probe its result, or the error as `Type: message`.
"""

# pyright: basic
# JAX's own types are unknown in part, and the examples are imported by name.

from __future__ import annotations

import contextlib
import io
import json
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

PROBES: list[Callable[[], Any]] = []


def probe(function: Callable[[], Any]) -> Callable[[], Any]:
    """Registers a probe."""
    PROBES.append(function)
    return function


def compilations(function: Callable[[], object]) -> int:
    """How many programs XLA compiles while `function` runs."""
    import jax
    from jax._src import monitoring

    seen: list[str] = []

    def listen(event: str, duration_secs: float, **kwargs: object) -> None:  # names are jax's
        seen.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        function()
    finally:
        monitoring.unregister_event_duration_listener(listen)
    return sum("backend_compile" in event for event in seen)


@probe
def versions() -> Any:
    """Which JAX this is."""
    import jax

    return jax.__version__


@probe
def shuffled_epochs() -> Any:
    """The orders of three epochs."""
    import jax

    data = import_module("data")
    return [order.tolist() for order in data.shuffles(jax.random.key(0), 6, 3)]


@probe
def counted_parameters() -> Any:
    """The number of parameters of the NNX model."""
    from flax import nnx

    nnx_example = import_module("train_nnx")
    return nnx_example.parameter_count(nnx_example.Classifier(8, rngs=nnx.Rngs(0)))


@probe
def nnx_step() -> Any:
    """What one step prints."""
    import jax
    import optax
    from flax import nnx

    example = import_module("train_nnx")
    model = example.Classifier(8, rngs=nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, optax.adam(1e-3), wrt=nnx.Param)
    points, labels = import_module("data").spiral(10)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        try:
            example.train_step(model, optimizer, points, labels)
            jax.effects_barrier()
        except Exception as error:
            return {"printed": printed.getvalue(), "raised": type(error).__name__}
    return {"printed": printed.getvalue(), "raised": None}


@probe
def nnx_training() -> Any:
    """A short training, and whether the checkpoint gives the same model back."""
    import numpy as np

    example = import_module("train_nnx")
    folder = Path("checkpoint")
    result = example.train(epochs=12, per_class=100, folder=folder)
    model = example.load(folder)
    model.eval()
    points, labels = import_module("data").spiral(100)
    return result | {"loaded": float(np.asarray(example.accuracy(model, points, labels)))}


@probe
def linen_training() -> Any:
    """A short training."""
    return import_module("train_linen").train(epochs=15, size=256)


@probe
def simulated_noise() -> Any:
    """The correlation of the noise with the doses; zero but for chance."""
    import jax
    import jax.numpy as jnp

    example = import_module("regression_numpyro")
    dose, response = example.simulate(jax.random.key(0), 400)
    noise = response - example.INTERCEPT - example.SLOPE * dose
    return float(jnp.corrcoef(dose, noise)[0, 1])


@probe
def posterior() -> Any:
    """The posterior means."""
    return import_module("regression_numpyro").analyse(size=200, samples=200)


@probe
def exceedance_compilations() -> Any:
    """How many programs three and then six thresholds compile."""
    import jax.numpy as jnp

    example = import_module("regression_numpyro")
    values = jnp.arange(10.0)
    example.exceedance(values, [1.0])
    return [compilations(lambda n=n: example.exceedance(values, [1.0] * n)) for n in (3, 6)]


@probe
def heated_rod() -> Any:
    """The temperatures at the start."""
    return import_module("heat").heated_middle(6).tolist()


@probe
def simulation_compilations() -> Any:
    """How many programs three and then six steps of the simulation compile."""
    import jax.numpy as jnp

    example = import_module("heat")
    rod = jnp.linspace(0.0, 1.0, 8)
    example.simulate(jnp.ones(9), rod, 1)
    return [compilations(lambda n=n: example.simulate(jnp.ones(9), rod, n)) for n in (3, 6)]


@probe
def heat_study() -> Any:
    """The inverse problem, solved."""
    return import_module("heat").study(cells=24, steps=12)


@probe
def derivative_errors() -> Any:
    """The relative error of each hand-written derivative, against JAX's own of the plain code."""
    import jax
    import jax.numpy as jnp
    from jax.flatten_util import ravel_pytree

    example = import_module("heat")
    conductivity, heat = jnp.linspace(0.5, 2.0, 9), jnp.sin(jnp.arange(8.0))
    matrix = example.bands(conductivity)

    def plain_step(conductivity: Any, temperature: Any) -> Any:
        return example.sweep(example.bands(conductivity), temperature)

    def error(function: Any, reference: Any, *primals: Any) -> float:
        def derivative(of: Any) -> Any:
            slope = jax.grad(lambda *given: (of(*given) ** 2).sum(), argnums=(0, 1))
            return ravel_pytree(slope(*primals))[0]

        flat, wanted = derivative(function), derivative(reference)
        return float(jnp.linalg.norm(flat - wanted) / jnp.linalg.norm(wanted))

    return {
        "solve": error(example.solve, example.sweep, matrix, heat),
        "step": error(example.step, plain_step, conductivity, heat),
    }


def outcome(function: Callable[[], Any]) -> Any:
    """The probe's result, or the error it ended in."""
    try:
        return function()
    except Exception as error:
        traceback.print_exc()
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"


def main() -> None:
    """Run the probes named on the command line, or all."""
    sys.path.insert(0, str(Path.cwd()))
    results = {f.__name__: outcome(f) for f in PROBES if f.__name__ in (sys.argv[1:] or f.__name__)}
    print(json.dumps(results))


if __name__ == "__main__":
    main()
