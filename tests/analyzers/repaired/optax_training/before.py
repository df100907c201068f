# before: raises ValueError
"""Trains a classifier with Optax and keeps its checkpoints with Orbax."""

import os
import tempfile

import jax
import jax.numpy as jnp
import numpy as np
import optax
import orbax.checkpoint as ocp

CLASSES = 3
STEPS = 60
FOLDER = os.path.join(tempfile.mkdtemp(), "runs")


def make_optimizer(peak):
    schedule = optax.warmup_cosine_decay_schedule(0.0, peak, warmup_steps=5, decay_steps=STEPS)
    return optax.chain(
        optax.adamw(schedule(0), weight_decay=1e-4),  # error: [schedule-called-early]
        optax.clip_by_global_norm(1.0),  # error: [clip-after-optimizer]
    )


def init_params(key, features, hidden):
    first, second = jax.random.split(key)
    return {
        "hidden": {
            "w": jax.random.normal(first, (features, hidden)) / jnp.sqrt(features),
            "b": jnp.zeros(hidden),
        },
        "out": {
            "w": jax.random.normal(second, (hidden, CLASSES)) / jnp.sqrt(hidden),
            "b": jnp.zeros(CLASSES),
        },
    }


def predict(params, x):
    x = jnp.tanh(x @ params["hidden"]["w"] + params["hidden"]["b"])
    return jax.nn.softmax(x @ params["out"]["w"] + params["out"]["b"])


def loss_fn(params, x, labels):
    logits = jnp.log(predict(params, x))
    return optax.softmax_cross_entropy_with_integer_labels(
        logits,
        jax.nn.one_hot(labels, CLASSES),  # error: [loss-input-mismatch]
    )


def make_step(tx):
    @jax.jit
    def step(params, opt_state, x, labels):
        loss, grads = jax.value_and_grad(loss_fn)(params, x, labels)  # error: [loss-not-reduced]
        updates, opt_state = tx.update(grads, opt_state)  # error: [update-missing-params]
        return optax.apply_updates(params, updates), opt_state, loss

    return step


def fine_tune(params, batches):
    """A few steps with another optimiser."""
    tx = optax.sgd(0.05, momentum=0.9)
    state = tx.init(params)
    for x, labels in batches:
        grads = jax.grad(loss_fn)(params, x, labels)  # error: [loss-not-reduced]
        updates, new_state = tx.update(grads, state)  # error: [updates-lost]
        params = optax.apply_updates(params, updates)
    return params


def calibrate(params, x, labels):
    """Steps on the bias of the last layer alone, clipped, with optimisers that are put together from parts."""
    tx = optax.chain([optax.clip(1.0), optax.scale_by_adam(), optax.scale(1e-2)])  # error: [chain-of-list]
    bias = params["out"]["b"]

    def loss(bias):
        out = {**params["out"], "b": bias}
        return loss_fn({**params, "out": out}, x, labels).mean()

    state = tx.init(bias)
    for _ in range(3):
        updates, state = tx.update(jax.grad(loss)(bias), state)
        bias = optax.apply_updates(bias, updates)  # climbs, which is seen once the chain is one
    tx = optax.adamw(1e-2)
    state = tx.init(bias)
    grads = jax.grad(loss)(bias)
    updates, state = tx.update(bias, state, grads)  # error: [update-arguments-mismatch]
    after = optax.apply_updates(bias, updates)
    return bool(loss(after) <= loss(params["out"]["b"]))


def load_data(seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, 192)
    centres = 2.0 * np.eye(CLASSES, 4)
    x = centres[labels] + 0.3 * rng.normal(size=(192, 4))
    return jnp.asarray(x, jnp.float32), jnp.asarray(labels)


def train(seed):
    x, labels = load_data(seed)
    params = init_params(jax.random.key(seed), 4, 16)
    tx = make_optimizer(0.05)
    opt_state = tx.init(params)
    step = make_step(tx)
    options = ocp.CheckpointManagerOptions(max_to_keep=2)
    manager = ocp.CheckpointManager(FOLDER, options)  # error: [checkpoint-args-mismatch]
    for number in range(STEPS):
        rows = slice(32 * (number % 6), 32 * (number % 6) + 32)
        params, opt_state, loss = step(params, opt_state, x[rows], labels[rows])
        if number % 20 == 19:
            manager.save(number, params)  # error: [async-save-not-awaited] # error: [checkpoint-args-mismatch]
    params = fine_tune(params, [(x, labels)] * 3)
    return params, (x, labels)


def export(params):
    """The weights alone, for whoever serves them."""
    path = os.path.join(FOLDER, "export")
    checkpointer = ocp.StandardCheckpointer()
    for _ in range(2):
        checkpointer.save(path, params)  # error: [save-to-existing-path] # error: [async-save-not-awaited]
    return path


params, (x, labels) = train(0)
better = calibrate(params, x, labels)
weights = ocp.PyTreeCheckpointer().restore(export(params))
accuracy = jnp.mean(jnp.argmax(predict(params, x), axis=-1) == labels)
with ocp.CheckpointManager(FOLDER) as saved:
    steps = saved.all_steps()
same = jnp.all(weights["out"]["b"] == params["out"]["b"])
result = jnp.array([accuracy > 0.95, same, better, sorted(steps) == [39, 59]])
expected = jnp.array([True, True, True, True])
