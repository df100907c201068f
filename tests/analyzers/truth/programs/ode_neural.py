"""A neural ODE: fixed-step RK4 in scan, adaptive Heun in while_loop, trained on a spiral."""
from typing import Callable, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax


class StepState(NamedTuple):
    t: jnp.ndarray
    y: jnp.ndarray
    dt: jnp.ndarray
    steps: jnp.ndarray


def rk4_step(f: Callable, y, t, dt, *args):
    k1 = f(y, t, *args)
    k2 = f(y + 0.5 * dt * k1, t + 0.5 * dt, *args)
    k3 = f(y + 0.5 * dt * k2, t + 0.5 * dt, *args)
    k4 = f(y + dt * k3, t + dt, *args)
    return y + dt / 6.0 * (k1 + 2 * k2 + 2 * k3 + k4)


def odeint_fixed(f, y0, ts, *args):
    def body(y, interval):
        t0, t1 = interval
        y = rk4_step(f, y, t0, t1 - t0, *args)
        return y, y

    _, ys = lax.scan(body, y0, (ts[:-1], ts[1:]))
    return jnp.concatenate([y0[None], ys])


def odeint_adaptive(f, y0, t1, *args, rtol=1e-3, max_steps=50):
    def heun(y, t, dt):
        k1 = f(y, t, *args)
        euler = y + dt * k1
        k2 = f(euler, t + dt, *args)
        better = y + 0.5 * dt * (k1 + k2)
        error = jnp.max(jnp.abs(better - euler))
        return better, error

    def cond(state: StepState):
        return (state.t < t1) & (state.steps < max_steps)

    def body(state: StepState):
        dt = jnp.minimum(state.dt, t1 - state.t)
        y_new, error = heun(state.y, state.t, dt)
        accept = error < rtol
        factor = jnp.clip(0.9 * jnp.sqrt(rtol / (error + 1e-12)), 0.2, 5.0)
        t = jnp.where(accept, state.t + dt, state.t)
        y = jnp.where(accept, y_new, state.y)
        return StepState(t, y, dt * factor, state.steps + 1)

    start = StepState(jnp.array(0.0), y0, jnp.array(0.1), jnp.array(0))
    final = lax.while_loop(cond, body, start)
    return final.y, final.steps


def spiral(y, t):
    a = jnp.array([[-0.1, 2.0], [-2.0, -0.1]])
    return a @ y


def neural_field(y, t, params):
    hidden = jnp.tanh(params["w1"] @ y + params["b1"])
    return params["w2"] @ hidden


def init(key, width=8):
    k1, k2 = jax.random.split(key)
    return {
        "w1": jax.random.normal(k1, (width, 2)) * 0.5,
        "b1": jnp.zeros(width),
        "w2": jax.random.normal(k2, (2, width)) * 0.1,
    }


def trajectory_loss(params, y0, ts, target):
    predicted = odeint_fixed(neural_field, y0, ts, params)
    return jnp.mean(jnp.square(predicted - target))


@jax.jit
def train_step(params, y0, ts, target):
    loss, grads = jax.value_and_grad(trajectory_loss)(params, y0, ts, target)
    new_params = {name: params[name] - 0.01 * grads[name] for name in params}
    return new_params, loss


def main():
    ts = jnp.linspace(0.0, 1.0, 9)
    y0 = jnp.array([2.0, 0.0])
    target = odeint_fixed(spiral, y0, ts)
    params = init(jax.random.key(0))
    for _ in range(2):
        params, loss = train_step(params, y0, ts, target)
    end, steps = jax.jit(lambda y: odeint_adaptive(spiral, y, 1.0))(y0)
    end_many, _ = jax.vmap(lambda y: odeint_adaptive(neural_field, y, 1.0, params))(target)
    print(loss, end, steps, end_many.shape)


if __name__ == "__main__":
    main()
