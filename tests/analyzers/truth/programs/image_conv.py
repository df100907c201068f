"""A convolutional net with lax.conv, data augmentation under vmap, matplotlib-free evaluation."""
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import numpy.random as npr
from jax import jit, grad, lax, vmap
from jax import random as rnd


def conv(x, w, stride=1):
    dims = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(x, w, (stride, stride), "SAME", dimension_numbers=dims)


def max_pool(x, size=2):
    window = (1, size, size, 1)
    return lax.reduce_window(x, -jnp.inf, lax.max, window, window, "VALID")


def init(rng_key, channels=(1, 4, 8), classes=3, image=8):
    conv_keys = rnd.split(rng_key, len(channels))
    weights = []
    for k, cin, cout in zip(conv_keys, channels[:-1], channels[1:]):
        fan_in = 9 * cin
        weights.append(rnd.normal(k, (3, 3, cin, cout)) * (2.0 / fan_in) ** 0.5)
    flat = (image // 2 ** len(weights)) ** 2 * channels[-1]
    head = rnd.normal(conv_keys[-1], (flat, classes)) * 0.01
    return weights, head


def forward(params, images, verbose=False):
    weights, head = params
    x = images
    for i, w in enumerate(weights):
        x = conv(x, w)
        x = jax.nn.relu(x)
        x = max_pool(x)
        if verbose:
            print("layer", i, x.shape)
    flat = x.reshape(x.shape[0], -1)
    return flat @ head


def augment_one(key, image):
    flip_key, shift_key = rnd.split(key)
    flipped = jnp.where(rnd.bernoulli(flip_key), image[:, ::-1], image)
    offset = rnd.randint(shift_key, (2,), 0, 3)
    padded = jnp.pad(flipped, ((1, 1), (1, 1), (0, 0)))
    start = (offset[0], offset[1], 0)
    return lax.dynamic_slice(padded, start, image.shape)


def augment(key, images):
    return vmap(augment_one)(rnd.split(key, len(images)), images)


def cross_entropy(params, batch, key):
    images, labels = batch
    logits = forward(params, augment(key, images))
    logp = jax.nn.log_softmax(logits)
    return -logp[jnp.arange(labels.shape[0]), labels].mean()


@jit
def sgd(params, batch, key, lr):
    g = grad(cross_entropy)(params, batch, key)
    return jax.tree_util.tree_map(lambda a, b: a - lr * b, params, g)


def data_stream(n, batch_size, seed=0):
    rng = npr.RandomState(seed)
    images = rng.rand(n, 8, 8, 1).astype(np.float32)
    labels = (images.mean((1, 2, 3)) * 10).astype(np.int32) % 3
    while True:
        perm = rng.permutation(n)
        for i in range(n // batch_size):
            idx = perm[i * batch_size:(i + 1) * batch_size]
            yield images[idx], labels[idx]


stream = data_stream(24, 8)
params = init(rnd.key(0))
key = rnd.key(1)
for it, batch in enumerate(itertools.islice(stream, 3)):
    key, sub = rnd.split(key)
    lr = 0.1 * 0.9 ** it
    params = sgd(params, batch, sub, lr)
images, labels = next(stream)
logits = jit(forward, static_argnames="verbose")(params, images, verbose=True)
print(np.mean(np.argmax(logits, -1) == labels))
