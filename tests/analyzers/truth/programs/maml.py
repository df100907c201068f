"""Model-agnostic meta-learning on sinusoids: gradients of gradients under vmap."""
from functools import partial
import jax.numpy as jnp
from jax import grad, jit, random, tree_util, value_and_grad, vmap


def net(params, x):
    (w1, b1), (w2, b2) = params
    h = jnp.tanh(x[:, None] * w1 + b1)
    return h @ w2 + b2


def mse(params, x, y):
    return jnp.mean((net(params, x) - y) ** 2)


def inner_update(params, x, y, alpha=0.1):
    grads = grad(mse)(params, x, y)
    return tree_util.tree_map(lambda p, g: p - alpha * g, params, grads)


def adapt(params, x, y, steps):
    for _ in range(steps):
        params = inner_update(params, x, y)
    return params


def maml_loss(params, x1, y1, x2, y2, steps=1):
    adapted = adapt(params, x1, y1, steps)
    return mse(adapted, x2, y2)


def batch_maml_loss(params, tasks, steps):
    x1, y1, x2, y2 = tasks
    per_task = vmap(partial(maml_loss, params, steps=steps))(x1, y1, x2, y2)
    return jnp.mean(per_task)


def sample_task(key, shots=5):
    k_amp, k_phase, k_train, k_test = random.split(key, 4)
    amplitude = random.uniform(k_amp, minval=0.1, maxval=5.0)
    phase = random.uniform(k_phase, maxval=jnp.pi)

    def curve(x):
        return amplitude * jnp.sin(x + phase)

    x1 = random.uniform(k_train, (shots,), minval=-5.0, maxval=5.0)
    x2 = random.uniform(k_test, (shots,), minval=-5.0, maxval=5.0)
    return x1, curve(x1), x2, curve(x2)


@partial(jit, static_argnums=2)
def meta_step(params, key, steps):
    tasks = vmap(sample_task)(random.split(key, 4))
    loss, grads = value_and_grad(batch_maml_loss)(params, tasks, steps)
    new = []
    for (w, b), (gw, gb) in zip(params, grads):
        new.append((w - 0.01 * gw, b - 0.01 * gb))
    return new, loss


key = random.key(0)
key, k1, k2 = random.split(key, 3)
params = [(random.normal(k1, (8,)), jnp.zeros(8)), (0.3 * random.normal(k2, (8,)), jnp.zeros(()))]
for outer in range(2):
    key, sub = random.split(key)
    params, loss = meta_step(params, sub, 2)
    print(outer, loss)
key, test_key = random.split(key)
x1, y1, x2, y2 = sample_task(test_key)
print(mse(params, x2, y2), mse(adapt(params, x1, y1, 3), x2, y2))
