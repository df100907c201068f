"""PPO on a pure JAX pendulum-like environment; rollout, advantages and updates are all scans."""
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

NUM_ENVS, NUM_STEPS, EPOCHS = 4, 8, 2
GAMMA, LAMBDA, CLIP = 0.99, 0.95, 0.2


class EnvState(NamedTuple):
    angle: jax.Array
    velocity: jax.Array
    t: jax.Array


class Transition(NamedTuple):
    obs: jax.Array
    action: jax.Array
    log_prob: jax.Array
    value: jax.Array
    reward: jax.Array
    done: jax.Array


class RunnerState(NamedTuple):
    params: dict
    opt_state: optax.OptState
    env_state: EnvState
    obs: jax.Array
    key: jax.Array


def observe(state: EnvState):
    return jnp.stack([jnp.cos(state.angle), jnp.sin(state.angle), state.velocity])


def reset(key):
    angle = jax.random.uniform(key, minval=-jnp.pi, maxval=jnp.pi)
    state = EnvState(angle, jnp.zeros(()), jnp.zeros((), jnp.int32))
    return state, observe(state)


def env_step(key, state: EnvState, action):
    torque = jnp.where(action == 1, 1.0, -1.0)
    velocity = state.velocity + 0.05 * (jnp.sin(state.angle) + torque)
    angle = state.angle + 0.05 * velocity
    t = state.t + 1
    done = t >= 5
    reward = jnp.cos(angle) - 0.1 * velocity ** 2
    fresh, fresh_obs = reset(key)
    moved = EnvState(angle, velocity, t)
    new_state = jax.tree.map(lambda a, b: jnp.where(done, a, b), fresh, moved)
    obs = jnp.where(done, fresh_obs, observe(moved))
    return new_state, obs, reward, done


def init_params(key):
    k1, k2, k3 = jax.random.split(key, 3)
    return {
        "body": jax.random.normal(k1, (3, 16)) * 0.3,
        "pi": jax.random.normal(k2, (16, 2)) * 0.01,
        "v": jax.random.normal(k3, (16, 1)) * 0.1,
    }


def network(params, obs):
    h = jnp.tanh(obs @ params["body"])
    logits = h @ params["pi"]
    value = (h @ params["v"]).squeeze(-1)
    return logits, value


def log_prob_of(logits, action):
    logp = jax.nn.log_softmax(logits)
    return jnp.take_along_axis(logp, action[..., None], axis=-1).squeeze(-1)


def gae(traj, last_value):
    def backwards(carry, tr):
        advantage, next_value = carry
        not_done = 1.0 - tr.done
        delta = tr.reward + GAMMA * next_value * not_done - tr.value
        advantage = delta + GAMMA * LAMBDA * not_done * advantage
        return (advantage, tr.value), advantage

    init = (jnp.zeros_like(last_value), last_value)
    _, advantages = jax.lax.scan(backwards, init, traj, reverse=True)
    return advantages, advantages + traj.value


def make_train(tx):
    def loss_fn(params, traj, advantages, targets):
        logits, value = network(params, traj.obs)
        log_prob = log_prob_of(logits, traj.action)
        ratio = jnp.exp(log_prob - traj.log_prob)
        adv = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        unclipped = ratio * adv
        clipped = jnp.clip(ratio, 1 - CLIP, 1 + CLIP) * adv
        actor = -jnp.minimum(unclipped, clipped).mean()
        critic = ((value - targets) ** 2).mean()
        probs = jax.nn.softmax(logits)
        entropy = -(probs * jnp.log(probs + 1e-8)).sum(-1).mean()
        total = actor + 0.5 * critic - 0.01 * entropy
        return total, (actor, critic, entropy)

    def rollout_step(runner: RunnerState, _):
        key, action_key, env_key = jax.random.split(runner.key, 3)
        logits, value = network(runner.params, runner.obs)
        action = jax.random.categorical(action_key, logits)
        log_prob = log_prob_of(logits, action)
        env_keys = jax.random.split(env_key, NUM_ENVS)
        env_state, obs, reward, done = jax.vmap(env_step)(env_keys, runner.env_state, action)
        transition = Transition(runner.obs, action, log_prob, value, reward, done)
        return runner._replace(env_state=env_state, obs=obs, key=key), transition

    def update_step(runner, _):
        runner, traj = jax.lax.scan(rollout_step, runner, None, length=NUM_STEPS)
        _, last_value = network(runner.params, runner.obs)
        advantages, targets = gae(traj, last_value)

        def epoch(carry, _):
            params, opt_state = carry
            (loss, aux), grads = jax.value_and_grad(loss_fn, has_aux=True)(
                params, traj, advantages, targets
            )
            updates, opt_state = tx.update(grads, opt_state, params)
            params = optax.apply_updates(params, updates)
            return (params, opt_state), loss

        carry = (runner.params, runner.opt_state)
        (params, opt_state), losses = jax.lax.scan(epoch, carry, None, EPOCHS)
        runner = runner._replace(params=params, opt_state=opt_state)
        return runner, (losses.mean(), traj.reward.mean())

    def train(key):
        key, params_key, reset_key = jax.random.split(key, 3)
        params = init_params(params_key)
        opt_state = tx.init(params)
        env_state, obs = jax.vmap(reset)(jax.random.split(reset_key, NUM_ENVS))
        runner = RunnerState(params, opt_state, env_state, obs, key)
        runner, metrics = jax.lax.scan(update_step, runner, None, length=2)
        return runner.params, metrics

    return train


if __name__ == "__main__":
    tx = optax.chain(optax.clip_by_global_norm(0.5), optax.adam(3e-4))
    train = jax.jit(make_train(tx))
    params, (losses, rewards) = train(jax.random.key(0))
    print(losses, rewards)
