"""An ensemble trained in parallel by vmap over keys and parameters, with in_axes as pytrees."""
import dataclasses
from typing import Optional

import jax
import jax.numpy as jnp
import optax


@dataclasses.dataclass(frozen=True)
class Settings:
    members: int = 3
    hidden: int = 8
    learning_rate: float = 1e-2
    noise: Optional[float] = 0.1
    bootstrap: bool = True


def init_member(key, settings: Settings):
    k_in, k_out = jax.random.split(key)
    return {
        "in": {"w": jax.random.normal(k_in, (1, settings.hidden)), "b": jnp.zeros(settings.hidden)},
        "out": {"w": jax.random.normal(k_out, (settings.hidden, 2)) * 0.1, "b": jnp.zeros(2)},
    }


def apply_linear(p, x):
    return x @ p["w"] + p["b"]


def predict(params, x):
    h = jax.nn.softplus(apply_linear(params["in"], x))
    out = apply_linear(params["out"], h)
    mean, raw = out[..., 0], out[..., 1]
    return mean, jax.nn.softplus(raw) + 1e-3


def nll(params, x, y, weights):
    mean, scale = predict(params, x)
    per_point = jnp.log(scale) + 0.5 * ((y - mean) / scale) ** 2
    return jnp.average(per_point, weights=weights)


def bootstrap_weights(key, n, settings):
    if not settings.bootstrap:
        return jnp.ones(n)
    picks = jax.random.randint(key, (n,), 0, n)
    return jnp.bincount(picks, length=n).astype(jnp.float32)


class Ensemble:
    def __init__(self, key, settings):
        self.settings = settings
        self.opt = optax.adam(settings.learning_rate)
        keys = jax.random.split(key, settings.members)
        self.params = jax.vmap(lambda k: init_member(k, settings))(keys)
        self.opt_state = jax.vmap(self.opt.init)(self.params)
        in_axes = (0, 0, None, None, 0)
        self.step = jax.jit(jax.vmap(self._member_step, in_axes=in_axes))

    def _member_step(self, params, opt_state, x, y, weights):
        loss, grads = jax.value_and_grad(nll)(params, x, y, weights)
        updates, opt_state = self.opt.update(grads, opt_state)
        new_params = optax.apply_updates(params, updates)
        return new_params, opt_state, loss

    def fit(self, key, x, y, epochs):
        n = x.shape[0]
        keys = jax.random.split(key, self.settings.members)
        weights = jnp.stack([bootstrap_weights(k, n, self.settings) for k in keys])
        losses = []
        for _ in range(epochs):
            self.params, self.opt_state, loss = self.step(
                self.params, self.opt_state, x, y, weights
            )
            losses.append(loss.mean().item())
        return losses

    def __call__(self, x):
        means, scales = jax.vmap(predict, in_axes=(0, None))(self.params, x)
        mean = means.mean(0)
        variance = (scales ** 2 + means ** 2).mean(0) - mean ** 2
        return mean, jnp.sqrt(variance)


settings = Settings()
init_key, fit_key, noise_key = jax.random.split(jax.random.key(0), 3)
x = jnp.linspace(-1, 1, 12)[:, None]
y = jnp.sin(3 * x[:, 0])
if settings.noise is not None:
    y = y + settings.noise * jax.random.normal(noise_key, y.shape)
ensemble = Ensemble(init_key, settings)
print(ensemble.fit(fit_key, x, y, epochs=2))
mean, std = ensemble(x)
print(mean.shape, std.max())
