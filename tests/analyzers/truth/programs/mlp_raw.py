"""A multilayer perceptron from scratch, trained with plain gradient descent."""
import time

import jax
import jax.numpy as jnp
from jax import grad, jit, random, vmap

SIZES = [8, 16, 3]
STEP = 0.05


def random_layer_params(m, n, key, scale=1e-1):
    w_key, b_key = random.split(key)
    return scale * random.normal(w_key, (n, m)), scale * random.normal(b_key, (n,))


def init_network_params(sizes, key):
    keys = random.split(key, len(sizes))
    return [random_layer_params(m, n, k) for m, n, k in zip(sizes[:-1], sizes[1:], keys)]


def relu(x):
    return jnp.maximum(0, x)


def predict(params, image):
    activations = image
    for w, b in params[:-1]:
        outputs = jnp.dot(w, activations) + b
        activations = relu(outputs)
    final_w, final_b = params[-1]
    logits = jnp.dot(final_w, activations) + final_b
    return logits - jax.scipy.special.logsumexp(logits)


batched_predict = vmap(predict, in_axes=(None, 0))


def one_hot(x, k, dtype=jnp.float32):
    return jnp.array(x[:, None] == jnp.arange(k), dtype)


def accuracy(params, images, targets):
    target_class = jnp.argmax(targets, axis=1)
    predicted_class = jnp.argmax(batched_predict(params, images), axis=1)
    return jnp.mean(predicted_class == target_class)


def loss(params, images, targets):
    preds = batched_predict(params, images)
    return -jnp.mean(preds * targets)


@jit
def update(params, x, y):
    grads = grad(loss)(params, x, y)
    return [(w - STEP * dw, b - STEP * db) for (w, b), (dw, db) in zip(params, grads)]


params = init_network_params(SIZES, random.key(0))
data_key, label_key = random.split(random.key(1))
images = random.normal(data_key, (32, 8))
labels = one_hot(random.randint(label_key, (32,), 0, 3), 3)
for epoch in range(2):
    start = time.time()
    for batch in range(2):
        xb = images[batch * 16:(batch + 1) * 16]
        yb = labels[batch * 16:(batch + 1) * 16]
        params = update(params, xb, yb)
    took = time.time() - start
    acc = accuracy(params, images, labels)
    print(f"epoch {epoch} in {took:.2f}s, accuracy {acc}")
