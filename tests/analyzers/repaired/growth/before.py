# before: raises AssertionError
"""A growth model of several tanks: fitted with NUTS, and checked against what it predicts."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro import handlers
from numpyro.infer import MCMC, NUTS, Predictive

TANKS, STEPS = 2, 5


def rate_prior(scale):
    return numpyro.sample("rate", dist.LogNormal(0.0, scale))


def growth(levels=None):
    """All tanks grow alike, from a start that all share; each is measured with an offset of its own."""
    start = numpyro.sample("start", dist.Normal(1.0, 0.5))
    rate = rate_prior(0.3)

    def grow(level, _):
        level = numpyro.sample("level", dist.Normal(level * rate, 0.1))  # error: [sample-in-jax-control-flow]
        return level, level

    last, _ = jax.lax.scan(grow, start, None, length=STEPS)
    offsets = []
    for tank in range(TANKS):
        offset = numpyro.sample("offset", dist.Normal(0.0, 0.1))  # error: [duplicate-site-name]
        offsets.append(offset)
    numpyro.sample("seen", dist.Normal(last + jnp.stack(offsets), 0.2), obs=levels)


def kinds(y):
    """Which of two sorts a tank is of, and what is seen of it."""
    kind = numpyro.sample("kind", dist.Bernoulli(0.3))  # error: [discrete-latent-nuts]
    mean = numpyro.sample("mean", 1.0 + 2.0 * kind)  # error: [sample-without-distribution]
    numpyro.sample("y", dist.Normal(mean, 1.0), obs=y)


def centre(y=None):
    mu = numpyro.sample("mu", dist.Normal(0.0, 1.0))
    numpyro.sample("y", dist.Normal(mu, 1.0), obs=y)


def describe():
    return numpyro.sample("unit", dist.Normal(0.0, 1.0))


data = np.array([1.5, 1.7], dtype=np.float32)
fit_key, predict_key = jax.random.split(jax.random.key(0))
numpyro.set_host_device_count(2)  # error: [host-device-count-too-late]
devices = jax.local_device_count()
unit = describe()  # error: [sample-outside-seed]

mcmc = MCMC(NUTS(growth), num_warmup=20, num_samples=20, num_chains=2, progress_bar=False)
mcmc.run(fit_key, jnp.asarray(data))
samples = mcmc.get_samples()
drawn = Predictive(growth, samples)(predict_key, data)  # error: [obs-kept-in-predictive]

sorts = MCMC(NUTS(kinds), num_warmup=5, num_samples=5, progress_bar=False)
sites = handlers.trace(handlers.seed(kinds, jax.random.key(2))).get_trace(jnp.float32(2.0))
centred = MCMC(centre, num_warmup=5, num_samples=5, progress_bar=False)  # error: [mcmc-arguments]
centred.run(jax.random.key(3), y=jnp.float32(2.0))
prior = Predictive(centre)  # error: [predictive-without-samples]

result = (
    devices,
    sorted(samples),
    sorted(sites),
    bool((drawn["seen"] == data).all()),
    centred.get_samples()["mu"].shape,
    prior(jax.random.key(4))["y"].shape,
)
expected = (2, ["level", "offset_0", "offset_1", "rate", "start"], ["kind", "mean", "y"], False, (5,), (1000,))
