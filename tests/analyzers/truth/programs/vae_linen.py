"""A variational autoencoder in Linen: setup style, several methods, ELBO."""
import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from jax import random


class Encoder(nn.Module):
    latents: int

    @nn.compact
    def __call__(self, x):
        x = nn.Dense(32, name="fc1")(x)
        x = nn.relu(x)
        mean_x = nn.Dense(self.latents, name="fc2_mean")(x)
        logvar_x = nn.Dense(self.latents, name="fc2_logvar")(x)
        return mean_x, logvar_x


class Decoder(nn.Module):
    @nn.compact
    def __call__(self, z):
        z = nn.Dense(32, name="fc1")(z)
        z = nn.relu(z)
        z = nn.Dense(20, name="fc2")(z)
        return z


class VAE(nn.Module):
    latents: int = 4

    def setup(self):
        self.encoder = Encoder(self.latents)
        self.decoder = Decoder()

    def __call__(self, x, z_rng):
        mean, logvar = self.encoder(x)
        z = reparameterize(z_rng, mean, logvar)
        recon_x = self.decoder(z)
        return recon_x, mean, logvar

    def generate(self, z):
        return nn.sigmoid(self.decoder(z))


def reparameterize(rng, mean, logvar):
    std = jnp.exp(0.5 * logvar)
    eps = random.normal(rng, logvar.shape)
    return mean + eps * std


@jax.vmap
def kl_divergence(mean, logvar):
    return -0.5 * jnp.sum(1 + logvar - jnp.square(mean) - jnp.exp(logvar))


@jax.vmap
def binary_cross_entropy_with_logits(logits, labels):
    log_p = nn.log_sigmoid(logits)
    log_not_p = jnp.log(-jnp.expm1(log_p))
    return -jnp.sum(labels * log_p + (1.0 - labels) * log_not_p)


def compute_metrics(recon_x, x, mean, logvar):
    bce_loss = binary_cross_entropy_with_logits(recon_x, x).mean()
    kld_loss = kl_divergence(mean, logvar).mean()
    return {"bce": bce_loss, "kld": kld_loss, "loss": bce_loss + kld_loss}


def model():
    return VAE(latents=4)


optimizer = optax.adam(1e-3)


@jax.jit
def train_step(params, opt_state, batch, z_rng):
    def loss_fn(params):
        recon_x, mean, logvar = model().apply({"params": params}, batch, z_rng)
        bce_loss = binary_cross_entropy_with_logits(recon_x, batch).mean()
        kld_loss = kl_divergence(mean, logvar).mean()
        loss = bce_loss + kld_loss
        return loss

    grads = jax.grad(loss_fn)(params)
    updates, opt_state = optimizer.update(grads, opt_state, params)
    return optax.apply_updates(params, updates), opt_state


@jax.jit
def eval_f(params, images, z, z_rng):
    def eval_model(vae):
        recon_images, mean, logvar = vae(images, z_rng)
        comparison = jnp.concatenate([images[:2], nn.sigmoid(recon_images[:2])])
        generated = vae.generate(z)
        metrics = compute_metrics(recon_images, images, mean, logvar)
        return metrics, comparison, generated

    return nn.apply(eval_model, model())({"params": params})


def train_and_evaluate(epochs, batch_size):
    rng = random.key(0)
    rng, key, data_key, eval_key = random.split(rng, 4)
    data = random.bernoulli(data_key, 0.3, (batch_size * 2, 20)).astype(jnp.float32)
    init_data = jnp.ones((batch_size, 20), jnp.float32)
    params = model().init(key, init_data, rng)["params"]
    opt_state = optimizer.init(params)
    z_key, eval_rng = random.split(eval_key)
    z = random.normal(z_key, (4, 4))
    train_key = random.key(7)
    for epoch in range(epochs):
        for i in range(2):
            train_key, step_key = random.split(train_key)
            batch = data[i * batch_size:(i + 1) * batch_size]
            params, opt_state = train_step(params, opt_state, batch, step_key)
        metrics, comparison, sample = eval_f(params, data, z, eval_rng)
        print(epoch, metrics["loss"], comparison.shape, sample.shape)


train_and_evaluate(1, 8)
