"""A GAN on a one-dimensional mixture; generator and discriminator take turns."""
import jax, jax.numpy as jnp, optax
from jax import random as jr
from functools import partial

LATENT = 2

def dense(key, n_in, n_out):
    return dict(w=jr.normal(key, (n_in, n_out)) / jnp.sqrt(n_in), b=jnp.zeros(n_out))

def init(key, sizes):
    ks = jr.split(key, len(sizes) - 1)
    return [dense(k, i, o) for k, i, o in zip(ks, sizes[:-1], sizes[1:])]

def forward(layers, x):
    *hidden, last = layers
    for layer in hidden:
        x = jax.nn.leaky_relu(x @ layer['w'] + layer['b'])
    return x @ last['w'] + last['b']

def real_batch(key, n):
    which, noise = jr.split(key)
    centre = jnp.where(jr.bernoulli(which, 0.5, (n, 1)), 2.0, -2.0)
    return centre + 0.1 * jr.normal(noise, (n, 1))

def bce(logits, label):
    return optax.sigmoid_binary_cross_entropy(logits, jnp.full_like(logits, label)).mean()

def d_loss(d, g, key, n):
    kr, kz = jr.split(key)
    real = real_batch(kr, n)
    fake = forward(g, jr.normal(kz, (n, LATENT)))
    return bce(forward(d, real), 1.0) + bce(forward(d, fake), 0.0)

def g_loss(g, d, key, n):
    z = jr.normal(key, (n, LATENT))
    return bce(forward(d, forward(g, z)), 1.0)

d_opt, g_opt = optax.adam(1e-3, b1=0.5), optax.adam(1e-3, b1=0.5)

@partial(jax.jit, static_argnums=(5,))
def step(d, g, ds, gs, key, n):
    k1, k2 = jr.split(key)
    dl, dg = jax.value_and_grad(d_loss)(d, g, k1, n)
    up, ds = d_opt.update(dg, ds)
    d = optax.apply_updates(d, up)
    gl, gg = jax.value_and_grad(g_loss)(g, d, k2, n)
    up, gs = g_opt.update(gg, gs)
    g = optax.apply_updates(g, up)
    return d, g, ds, gs, dl, gl

kd, kg, kt = jr.split(jr.key(3), 3)
D, G = init(kd, [1, 8, 1]), init(kg, [LATENT, 8, 1])
DS, GS = d_opt.init(D), g_opt.init(G)
for i in range(3):
    D, G, DS, GS, dl, gl = step(D, G, DS, GS, jr.fold_in(kt, i), 16)
    print(i, dl, gl)
