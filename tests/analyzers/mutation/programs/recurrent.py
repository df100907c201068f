"""A recurrent network and its training, in the style of a script that grew."""
import jax
import jax.numpy as jnp
import numpy as np
import optax

HIDDEN = 8


def uniform(key, shape, scale):
    return jax.random.uniform(key, shape, minval=-scale, maxval=scale)


def init_cell(key, inputs):
    keys = jax.random.split(key, 3)
    return {
        "update": uniform(keys[0], (inputs + HIDDEN, HIDDEN), 0.3),
        "reset": uniform(keys[1], (inputs + HIDDEN, HIDDEN), 0.3),
        "new": uniform(keys[2], (inputs + HIDDEN, HIDDEN), 0.3),
    }


def cell(params, hidden, x):
    joined = jnp.concatenate([x, hidden], axis=-1)
    update = jax.nn.sigmoid(jnp.dot(joined, params["update"]))
    reset = jax.nn.sigmoid(jnp.dot(joined, params["reset"]))
    candidate = jnp.tanh(jnp.concatenate([x, reset * hidden], axis=-1) @ params["new"])
    return (1.0 - update) * hidden + update * candidate


def init(key, inputs, outputs):
    cell_key, out_key = jax.random.split(key)
    return {"cell": init_cell(cell_key, inputs), "out": uniform(out_key, (HIDDEN, outputs), 0.3)}


def dropout(key, x, rate, train):
    if not train:
        return x, key
    key, mask_key = jax.random.split(key)
    keep = jax.random.bernoulli(mask_key, 1.0 - rate, x.shape)
    return jnp.where(keep, x / (1.0 - rate), 0.0), key


def forward(params, key, sequence, train):
    def step(hidden, x):
        hidden = cell(params["cell"], hidden, x)
        return hidden, hidden

    start = jnp.zeros((sequence.shape[1], HIDDEN))
    _, states = jax.lax.scan(step, start, sequence)
    states, key = dropout(key, states, 0.1, train)
    last, key = dropout(key, states[-1], 0.2, train)
    return last @ params["out"], key


def loss_fn(params, key, sequence, target):
    output, _ = forward(params, key, sequence, True)
    error = output - target
    small = jnp.abs(error) < 1.0
    return jnp.mean(jnp.where(small, 0.5 * jnp.square(error), jnp.abs(error) - 0.5))


optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-2))


@jax.jit
def train_step(params, state, key, sequence, target):
    loss, grads = jax.value_and_grad(loss_fn)(params, key, sequence, target)
    updates, new_state = optimizer.update(grads, state, params)
    new_params = optax.apply_updates(params, updates)
    healthy = jnp.isfinite(loss)
    jax.debug.print("loss {} healthy {}", loss, healthy)
    params = jax.tree.map(lambda new, old: jnp.where(healthy, new, old), new_params, params)
    return params, new_state, loss


def evaluate(params, sequence):
    output, _ = forward(params, jax.random.key(0), sequence, False)
    return output


def make_batch(key, length, size):
    phase_key, noise_key = jax.random.split(key)
    phase = jax.random.uniform(phase_key, (size,)) * 2 * np.pi
    time = jnp.arange(length + 1)[:, None] * 0.3
    wave = jnp.sin(time + phase)
    wave = wave + 0.01 * jax.random.normal(noise_key, wave.shape)
    return wave[:-1, :, None], wave[-1, :, None]


def train(seed, steps):
    init_key, key = jax.random.split(jax.random.key(seed))
    params = init(init_key, 1, 1)
    state = optimizer.init(params)
    losses = []
    for _ in range(steps):
        key, batch_key, step_key = jax.random.split(key, 3)
        sequence, target = make_batch(batch_key, 5, 4)
        params, state, loss = train_step(params, state, step_key, sequence, target)
        losses.append(float(loss))
    key, test_key = jax.random.split(key)
    sequence, target = make_batch(test_key, 5, 4)
    predictor = jax.jit(evaluate)
    for start in range(0, 2):
        output = predictor(params, sequence)
    return losses, np.asarray(output), target


print(train(0, 2)[0])
