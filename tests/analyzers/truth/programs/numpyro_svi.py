"""Stochastic variational inference with a hand-written guide, an autoguide and a mixture."""
import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
import optax
from jax import random
from numpyro.distributions import constraints
from numpyro.infer import SVI, Trace_ELBO
from numpyro.infer.autoguide import AutoNormal


def eight_schools(J, sigma, y=None):
    mu = numpyro.sample("mu", dist.Normal(0, 5))
    tau = numpyro.sample("tau", dist.HalfCauchy(5))
    with numpyro.plate("J", J):
        theta = numpyro.sample("theta", dist.Normal(mu, tau))
        numpyro.sample("obs", dist.Normal(theta, sigma), obs=y)


def guide(J, sigma, y=None):
    mu_loc = numpyro.param("mu_loc", 0.0)
    mu_scale = numpyro.param("mu_scale", 1.0, constraint=constraints.positive)
    numpyro.sample("mu", dist.Normal(mu_loc, mu_scale))
    tau_loc = numpyro.param("tau_loc", 1.0)
    numpyro.sample("tau", dist.LogNormal(tau_loc, 0.5))
    theta_loc = numpyro.param("theta_loc", jnp.zeros(J))
    with numpyro.plate("J", J):
        numpyro.sample("theta", dist.Normal(theta_loc, 1.0))


def mixture(data, k=2):
    weights = numpyro.sample("weights", dist.Dirichlet(jnp.ones(k)))
    with numpyro.plate("components", k):
        locs = numpyro.sample("locs", dist.Normal(0.0, 10.0))
    with numpyro.plate("data", len(data)):
        mixing = dist.Categorical(weights)
        likelihood = dist.MixtureSameFamily(mixing, dist.Normal(locs, 1.0))
        numpyro.sample("obs", likelihood, obs=data)


def run(svi, key, steps, *args):
    state = svi.init(key, *args)

    def body(state, _):
        state, loss = svi.update(state, *args)
        return state, loss

    state, losses = jax.lax.scan(body, state, None, length=steps)
    return svi.get_params(state), losses


y = jnp.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
sigma = jnp.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])
key1, key2, key3 = random.split(random.key(0), 3)
svi = SVI(eight_schools, guide, numpyro.optim.Adam(0.05), Trace_ELBO())
params, losses = run(svi, key1, 3, 8, sigma, y)
print(params["mu_loc"], losses[-1])
auto = AutoNormal(eight_schools)
result = SVI(eight_schools, auto, optax.adam(0.05), Trace_ELBO(num_particles=2)).run(
    key2, 3, 8, sigma, y, progress_bar=False
)
print(result.losses[-1])
data = jnp.concatenate([y / 10.0, -y / 10.0])
marginal = SVI(mixture, AutoNormal(mixture), numpyro.optim.Adam(0.05), Trace_ELBO())
print(marginal.run(key3, 2, data, progress_bar=False).losses[-1])
