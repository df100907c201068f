"""Bayesian regression in NumPyro: NUTS, posterior predictive, and an intercept-only rival."""
import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.infer import MCMC, NUTS, Predictive, log_likelihood


def simulate(n, seed):
    rng = np.random.RandomState(seed)
    X = rng.randn(n, 2)
    y = X @ np.array([1.0, -0.5]) + 0.3 + 0.1 * rng.randn(n)
    return X, y


def model(X, y=None, prior_scale=1.0):
    n, d = X.shape
    alpha = numpyro.sample("alpha", dist.Normal(0.0, prior_scale))
    with numpyro.plate("features", d):
        beta = numpyro.sample("beta", dist.Normal(0.0, prior_scale))
    sigma = numpyro.sample("sigma", dist.HalfNormal(1.0))
    mu = numpyro.deterministic("mu", alpha + X @ beta)
    with numpyro.plate("data", n):
        return numpyro.sample("obs", dist.Normal(mu, sigma), obs=y)


def intercept_only(X, y=None):
    loc = numpyro.sample("loc", dist.Normal(0, 2))
    scale = numpyro.sample("scale", dist.Exponential(1.0))
    with numpyro.plate("data", X.shape[0]):
        numpyro.sample("obs", dist.Normal(loc, scale), obs=y)


def fit(model, key, *args, **kwargs):
    kernel = NUTS(model, max_tree_depth=3)
    mcmc = MCMC(kernel, num_warmup=5, num_samples=5, progress_bar=False)
    mcmc.run(key, *args, **kwargs)
    return mcmc


def expected_log_predictive(model, samples, X, y):
    ll = log_likelihood(model, samples, X, y)["obs"]
    total = jax.scipy.special.logsumexp(ll, axis=0) - jnp.log(ll.shape[0])
    return total.sum()


def main():
    X, y = simulate(20, seed=1)
    key = jax.random.key(0)
    scores = {}
    for name, m in [("full", model), ("intercept", intercept_only)]:
        key, fit_key = jax.random.split(key)
        mcmc = fit(m, fit_key, X, y)
        samples = mcmc.get_samples()
        scores[name] = expected_log_predictive(m, samples, X, y)
        if name == "full":
            key, predict_key = jax.random.split(key)
            predictive = Predictive(m, samples)
            draws = predictive(predict_key, X)
            print(draws["obs"].shape, draws["mu"].mean())
    print({name: float(score) for name, score in scores.items()})


if __name__ == "__main__":
    main()
