"""A growth model of several tanks: fitted with NUTS, and checked against what it predicts."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro import handlers
from numpyro.contrib.control_flow import scan
from numpyro.infer import MCMC, NUTS, Predictive

TANKS, STEPS = 2, 5


def rate_prior(scale):
    return numpyro.sample("rate", dist.LogNormal(0.0, scale))


def growth(levels=None):
    """All tanks grow alike, from a start that all share; each is measured with an offset of its own."""
    start = numpyro.sample("start", dist.Normal(1.0, 0.5))
    rate = rate_prior(0.3)

    def grow(level, _):
        level = numpyro.sample("level", dist.Normal(level * rate, 0.1))
        return level, level

    last, _ = scan(grow, start, None, length=STEPS)
    offsets = []
    for tank in range(TANKS):
        offset = numpyro.sample(f"offset_{tank}", dist.Normal(0.0, 0.1))
        offsets.append(offset)
    numpyro.sample("seen", dist.Normal(last + jnp.stack(offsets), 0.2), obs=levels)


def kinds(y):
    """Which of two sorts a tank is of, and what is seen of it."""
    kind = numpyro.sample("kind", dist.Bernoulli(0.3), infer={"enumerate": "parallel"})
    mean = numpyro.deterministic("mean", 1.0 + 2.0 * kind)
    numpyro.sample("y", dist.Normal(mean, 1.0), obs=y)


def centre(y=None):
    mu = numpyro.sample("mu", dist.Normal(0.0, 1.0))
    numpyro.sample("y", dist.Normal(mu, 1.0), obs=y)


def describe():
    return numpyro.sample("unit", dist.Normal(0.0, 1.0))


data = np.array([1.5, 1.7], dtype=np.float32)
numpyro.set_host_device_count(2)
fit_key, predict_key = jax.random.split(jax.random.key(0))
devices = jax.local_device_count()
unit = handlers.seed(describe, rng_seed=0)()

mcmc = MCMC(NUTS(growth), num_warmup=20, num_samples=20, num_chains=2, progress_bar=False)
mcmc.run(fit_key, jnp.asarray(data))
samples = mcmc.get_samples()
drawn = Predictive(growth, samples)(predict_key)

sorts = MCMC(NUTS(kinds), num_warmup=5, num_samples=5, progress_bar=False)
sites = handlers.trace(handlers.seed(kinds, jax.random.key(2))).get_trace(jnp.float32(2.0))
centred = MCMC(NUTS(centre), num_warmup=5, num_samples=5, progress_bar=False)
centred.run(jax.random.key(3), y=jnp.float32(2.0))
prior = Predictive(centre, num_samples=1000)

result = (
    devices,
    sorted(samples),
    sorted(sites),
    bool((drawn["seen"] == data).all()),
    centred.get_samples()["mu"].shape,
    prior(jax.random.key(4))["y"].shape,
)
expected = (2, ["level", "offset_0", "offset_1", "rate", "start"], ["kind", "mean", "y"], False, (5,), (1000,))
