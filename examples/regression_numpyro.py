"""Bayesian regression with NumPyro on a simulated experiment whose truth is known.

The slope is 2, the intercept 1, the noise 0.5; the posterior should say so.

    python regression_numpyro.py --samples 500
"""

from __future__ import annotations

import argparse

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from numpyro.infer import MCMC, NUTS, Predictive

INTERCEPT, SLOPE, NOISE = 1.0, 2.0, 0.5


def simulate(key: jax.Array, size: int) -> tuple[jax.Array, jax.Array]:
    """One experiment: doses, and the responses measured with noise."""
    dose = jax.random.normal(key, (size,))
    noise = NOISE * jax.random.normal(key, (size,))
    return dose, INTERCEPT + SLOPE * dose + noise


def model(dose: jax.Array, response: jax.Array | None = None) -> None:
    """A line with normal noise."""
    intercept = numpyro.sample("intercept", dist.Normal(0.0, 5.0))
    slope = numpyro.sample("slope", dist.Normal(0.0, 5.0))
    noise = numpyro.sample("noise", dist.HalfNormal(2.0))
    with numpyro.plate("patients", dose.shape[0]):
        numpyro.sample("response", dist.Normal(intercept + slope * dose, noise), obs=response)


def posterior(
    key: jax.Array, dose: jax.Array, response: jax.Array, samples: int
) -> dict[str, jax.Array]:
    """Samples of the three parameters by NUTS."""
    sampler = MCMC(NUTS(model), num_warmup=samples, num_samples=samples, progress_bar=False)
    sampler.run(key, dose, response)
    return sampler.get_samples()


# jaxsight: inputs slope: f32[S=1000], intercept: f32[S], dose: f32[N=50]
@jax.jit
def credible_band(slope: jax.Array, intercept: jax.Array, dose: jax.Array) -> jax.Array:
    """The lower and upper end of the line at each dose that holds 90 % of the posterior."""
    lines = intercept[:, None] + slope[:, None] * dose[None, :]
    return jnp.quantile(lines, jnp.array([0.05, 0.95]), axis=0)


def exceedance(predicted: jax.Array, thresholds: list[float]) -> list[float]:
    """How often the predicted response lies above each threshold."""
    shares = []
    for threshold in thresholds:
        share = jax.jit(lambda values, limit: jnp.mean(values > limit))
        shares.append(float(share(predicted, threshold)))
    return shares


def analyse(size: int = 200, samples: int = 500) -> dict[str, float]:
    """Simulate, infer and predict: the posterior means, and the share of responses above zero."""
    data_key, chain_key, prediction_key = jax.random.split(jax.random.key(1), 3)
    dose, response = simulate(data_key, size)
    found = posterior(chain_key, dose, response, samples)
    band = credible_band(found["slope"], found["intercept"], dose)
    predictive = Predictive(model, found)(prediction_key, dose)
    above = exceedance(predictive["response"], [0.0, 1.0, 2.0])
    print(f"a band of width {float(jnp.mean(band[1] - band[0])):.2f}")
    means = {name: float(values.mean()) for name, values in found.items()}
    return means | {"above zero": above[0]}


def main() -> None:
    """Read the command line and analyse."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=200)
    parser.add_argument("--samples", type=int, default=500)
    arguments = parser.parse_args()
    for name, value in analyse(arguments.size, arguments.samples).items():
        print(f"{name}: {value:.2f}")


if __name__ == "__main__":
    main()
