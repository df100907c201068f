"""Silent gradient mistakes: values cut out with float(), stop_gradient in the wrong place, branches on values."""
import jax
import jax.numpy as jnp
from jax import grad, value_and_grad


def scaled_loss(w, x):
    scale = float(jnp.max(x))
    pred = w * x / scale
    return jnp.mean(pred ** 2)


def piecewise(x):
    if x > 0:
        y = x ** 2
    else:
        y = -x
    return y


def straight_through(x):
    hard = jnp.round(x)
    return x + jax.lax.stop_gradient(hard - x)


def frozen(params, x):
    features = jax.lax.stop_gradient(params["w"] * x)
    return jnp.sum(features * params["v"])


def early_exit(x, tol):
    steps = 0
    while jnp.abs(x) > tol and steps < 5:
        x = x / 2
        steps += 1
    return x * steps


def directional(x, v):
    def f(x):
        if x.sum() > 0:
            return jnp.sin(x).sum()
        return jnp.cos(x).sum()

    out, tangent = jax.jvp(f, (x,), (v,))
    return out, tangent


x = jnp.array([1.0, 2.0])
print(grad(scaled_loss)(1.5, x), grad(piecewise)(2.0), grad(piecewise)(-2.0))
print(grad(lambda v: straight_through(v).sum())(x))
print(value_and_grad(frozen)({"w": 1.0, "v": 2.0}, x))
print(grad(early_exit)(4.0, 1.0), directional(x, jnp.ones(2)))
