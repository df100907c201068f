"""A local level model with numpyro's scan, reparameterised, and handlers used by hand."""
import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from numpyro import handlers
from numpyro.contrib.control_flow import scan
from numpyro.infer import MCMC, NUTS, init_to_median
from numpyro.infer.reparam import LocScaleReparam


def level_model(y=None, T=10):
    drift = numpyro.sample("drift", dist.Normal(0.0, 0.1))
    q = numpyro.sample("q", dist.LogNormal(-1.0, 0.5))
    r = numpyro.sample("r", dist.LogNormal(-1.0, 0.5))

    def transition(level, y_t):
        level = numpyro.sample("level", dist.Normal(level + drift, q))
        obs = numpyro.sample("y", dist.Normal(level, r), obs=y_t)
        return level, obs

    start = numpyro.sample("start", dist.Normal(0.0, 1.0))
    _, ys = scan(transition, start, y, length=T)
    return ys


@handlers.reparam(config={"group": LocScaleReparam(0)})
def hierarchical(groups, n_groups, y=None):
    loc = numpyro.sample("loc", dist.Normal(0, 1))
    scale = numpyro.sample("scale", dist.HalfNormal(1))
    with numpyro.plate("groups", n_groups):
        group = numpyro.sample("group", dist.Normal(loc, scale))
    mean = group[groups]
    with numpyro.plate("obs_plate", groups.shape[0]):
        numpyro.sample("obs", dist.Normal(mean, 0.5), obs=y)


def prior_draw(key):
    seeded = handlers.seed(level_model, key)
    trace = handlers.trace(seeded).get_trace(T=5)
    return trace["drift"]["value"], trace["q"]["value"]


key_prior, key_many, key_mcmc, key_h = jax.random.split(jax.random.key(2), 4)
drift, q = prior_draw(key_prior)
many, _ = jax.vmap(prior_draw)(jax.random.split(key_many, 3))
print(drift, q, many.shape)
y = jnp.cumsum(jnp.ones(10)) * 0.1
mcmc = MCMC(
    NUTS(level_model, init_strategy=init_to_median, max_tree_depth=2),
    num_warmup=3, num_samples=3, progress_bar=False,
)
mcmc.run(key_mcmc, y=y)
print(mcmc.get_samples()["drift"].mean())
groups = jnp.array([0, 0, 1, 1, 2])
mcmc2 = MCMC(NUTS(hierarchical, max_tree_depth=2), num_warmup=3, num_samples=3, progress_bar=False)
mcmc2.run(key_h, groups, 3, y=y[:5])
print(mcmc2.get_samples(group_by_chain=True)["loc"].shape)
