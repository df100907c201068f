"""Gaussian process regression: kernels as closures, marginal likelihood, L-BFGS from optax."""
import jax
import jax.numpy as jnp
import jax.scipy as jsp
import optax


def rbf(lengthscale, variance):
    def k(x, y):
        d = (x - y) / lengthscale
        return variance * jnp.exp(-0.5 * jnp.sum(d ** 2))
    return k


def periodic(period, lengthscale):
    def k(x, y):
        s = jnp.sin(jnp.pi * jnp.abs(x - y) / period)
        return jnp.exp(-2.0 * jnp.sum(s ** 2) / lengthscale ** 2)
    return k


def add(*kernels):
    return lambda x, y: sum(k(x, y) for k in kernels)


def gram(kernel, xs, ys):
    return jax.vmap(lambda x: jax.vmap(lambda y: kernel(x, y))(ys))(xs)


def build_kernel(raw):
    p = jax.tree.map(jax.nn.softplus, raw)
    return add(rbf(p["ls"], p["var"]), periodic(p["period"], 1.0))


def neg_log_marginal(raw, x, y):
    kernel = build_kernel(raw)
    noise = jax.nn.softplus(raw["noise"])
    n = x.shape[0]
    K = gram(kernel, x, x) + (noise + 1e-4) * jnp.eye(n)
    L = jnp.linalg.cholesky(K)
    alpha = jsp.linalg.cho_solve((L, True), y)
    log_det = jnp.log(jnp.diagonal(L)).sum()
    return 0.5 * y @ alpha + log_det + 0.5 * n * jnp.log(2 * jnp.pi)


def fit(raw, x, y, iterations):
    objective = lambda raw: neg_log_marginal(raw, x, y)  # noqa: E731
    solver = optax.lbfgs(memory_size=3)
    state = solver.init(raw)
    value_and_grad = optax.value_and_grad_from_state(objective)

    @jax.jit
    def step(raw, state):
        value, grad = value_and_grad(raw, state=state)
        updates, state = solver.update(
            grad, state, raw, value=value, grad=grad, value_fn=objective
        )
        return optax.apply_updates(raw, updates), state, value

    for _ in range(iterations):
        raw, state, value = step(raw, state)
    return raw, value


@jax.jit
def posterior(raw, x, y, x_new):
    kernel = build_kernel(raw)
    noise = jax.nn.softplus(raw["noise"])
    K = gram(kernel, x, x) + (noise + 1e-4) * jnp.eye(len(x))
    Ks = gram(kernel, x, x_new)
    factor = jsp.linalg.cho_factor(K, lower=True)
    mean = Ks.T @ jsp.linalg.cho_solve(factor, y)
    v = jsp.linalg.cho_solve(factor, Ks)
    cov = gram(kernel, x_new, x_new) - Ks.T @ v
    return mean, jnp.sqrt(jnp.clip(jnp.diag(cov), 1e-9))


x = jnp.linspace(0, 1, 12)
y = jnp.sin(6 * x) + 0.1 * jax.random.normal(jax.random.key(0), x.shape)
raw = {"ls": jnp.array(0.1), "var": jnp.array(1.0), "period": jnp.array(0.5), "noise": jnp.array(-2.0)}
raw, value = fit(raw, x, y, iterations=2)
mean, std = posterior(raw, x, y, jnp.linspace(0, 1, 5))
print(value, mean, std)
