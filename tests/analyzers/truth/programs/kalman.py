"""Kalman filter and smoother; parameters in a NamedTuple, likelihood maximised by gradient ascent."""
import jax
import jax.numpy as jnp
from jax import lax
from typing import NamedTuple, Tuple


class LGSSM(NamedTuple):
    F: jnp.ndarray
    Q: jnp.ndarray
    H: jnp.ndarray
    R: jnp.ndarray
    m0: jnp.ndarray
    P0: jnp.ndarray


class Belief(NamedTuple):
    mean: jnp.ndarray
    cov: jnp.ndarray


def predict(model: LGSSM, belief: Belief) -> Belief:
    mean = model.F @ belief.mean
    cov = model.F @ belief.cov @ model.F.T + model.Q
    return Belief(mean, cov)


def gaussian_logpdf(residual, S):
    chol = jnp.linalg.cholesky(S)
    z = jax.scipy.linalg.solve_triangular(chol, residual, lower=True)
    logdet = 2.0 * jnp.sum(jnp.log(jnp.diag(chol)))
    k = residual.shape[0]
    return -0.5 * (z @ z + logdet + k * jnp.log(2 * jnp.pi))


def update(model: LGSSM, belief: Belief, y) -> Tuple[Belief, jnp.ndarray]:
    residual = y - model.H @ belief.mean
    S = model.H @ belief.cov @ model.H.T + model.R
    K = jnp.linalg.solve(S, model.H @ belief.cov).T
    mean = belief.mean + K @ residual
    cov = belief.cov - K @ S @ K.T
    return Belief(mean, cov), gaussian_logpdf(residual, S)


def kalman_filter(model: LGSSM, ys):
    def step(carry, y):
        belief, total = carry
        prior = predict(model, belief)
        posterior, ll = update(model, prior, y)
        return (posterior, total + ll), (prior, posterior)

    init = (Belief(model.m0, model.P0), 0.0)
    (_, loglik), (priors, posteriors) = lax.scan(step, init, ys)
    return loglik, priors, posteriors


def rts_smoother(model, priors, posteriors):
    last = jax.tree.map(lambda a: a[-1], posteriors)

    def step(smoothed, inputs):
        prior, posterior = inputs
        gain = jnp.linalg.solve(prior.cov, model.F @ posterior.cov).T
        mean = posterior.mean + gain @ (smoothed.mean - prior.mean)
        cov = posterior.cov + gain @ (smoothed.cov - prior.cov) @ gain.T
        out = Belief(mean, cov)
        return out, out

    rest = jax.tree.map(lambda a: a[:-1], posteriors)
    nexts = jax.tree.map(lambda a: a[1:], priors)
    _, smoothed = lax.scan(step, last, (nexts, rest), reverse=True)
    return smoothed


def constant_velocity(log_q, log_r, dt=0.1):
    F = jnp.array([[1.0, dt], [0.0, 1.0]])
    Q = jnp.exp(log_q) * jnp.eye(2)
    H = jnp.array([[1.0, 0.0]])
    R = jnp.exp(log_r) * jnp.eye(1)
    return LGSSM(F, Q, H, R, jnp.zeros(2), jnp.eye(2))


@jax.jit
def ascend(theta, ys):
    def negative(theta):
        model = constant_velocity(theta[0], theta[1])
        loglik, *_ = kalman_filter(model, ys)
        return -loglik

    value, grad = jax.value_and_grad(negative)(theta)
    return theta - 0.01 * grad, value


def simulate(key, n):
    def step(state, key):
        state = state + 0.1 * jax.random.normal(key, state.shape)
        return state, state[:1]

    _, ys = lax.scan(step, jnp.zeros(2), jax.random.split(key, n))
    return ys


ys = simulate(jax.random.key(0), 12)
theta = jnp.array([-1.0, -1.0])
for _ in range(2):
    theta, nll = ascend(theta, ys)
model = constant_velocity(*theta)
_, priors, posteriors = kalman_filter(model, ys)
smoothed = jax.jit(rts_smoother)(model, priors, posteriors)
print(nll, smoothed.mean[-1])
