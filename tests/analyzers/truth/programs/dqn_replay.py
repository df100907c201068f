"""DQN with a replay buffer on the host, epsilon-greedy acting and a target network."""
import collections
import random as pyrandom

import numpy as np
import jax
import jax.numpy as jnp
import optax

Batch = collections.namedtuple("Batch", ["obs", "actions", "rewards", "next_obs", "dones"])


class ReplayBuffer:
    def __init__(self, capacity):
        self.storage = collections.deque(maxlen=capacity)

    def add(self, *transition):
        self.storage.append(transition)

    def sample(self, size):
        chosen = pyrandom.sample(list(self.storage), size)
        columns = [np.array(column) for column in zip(*chosen)]
        return Batch(*columns)

    def __len__(self):
        return len(self.storage)


class Chain:
    """Walk left and right; the right end pays."""

    def __init__(self, length=5):
        self.length = length
        self.position = 0

    def reset(self):
        self.position = 0
        return self._obs()

    def step(self, action):
        move = 1 if action == 1 else -1
        self.position = min(max(self.position + move, 0), self.length - 1)
        reward = 1.0 if self.position == self.length - 1 else 0.0
        return self._obs(), reward, reward > 0

    def _obs(self):
        obs = np.zeros(self.length, dtype=np.float32)
        obs[self.position] = 1.0
        return obs


class Agent:
    def __init__(self, obs_dim, n_actions, key, lr=1e-2, gamma=0.9):
        self.n_actions = n_actions
        self.gamma = gamma
        self.optimizer = optax.adam(lr)
        k1, k2 = jax.random.split(key)
        self.params = {
            "w1": jax.random.normal(k1, (obs_dim, 16)) * 0.1,
            "w2": jax.random.normal(k2, (16, n_actions)) * 0.1,
        }
        self.target = self.params
        self.opt_state = self.optimizer.init(self.params)
        self._update = jax.jit(self._update_fn)
        self._q = jax.jit(self.q_values)

    def q_values(self, params, obs):
        hidden = jax.nn.relu(obs @ params["w1"])
        return hidden @ params["w2"]

    def act(self, key, obs, epsilon):
        explore_key, action_key = jax.random.split(key)
        if jax.random.uniform(explore_key) < epsilon:
            return int(jax.random.randint(action_key, (), 0, self.n_actions))
        q = self._q(self.params, obs)
        return int(q.argmax())

    def _loss(self, params, target, batch):
        q = self.q_values(params, batch.obs)
        chosen = q[jnp.arange(q.shape[0]), batch.actions]
        next_q = self.q_values(target, batch.next_obs).max(axis=-1)
        goal = batch.rewards + self.gamma * next_q * (1.0 - batch.dones)
        td = chosen - jax.lax.stop_gradient(goal)
        return jnp.mean(optax.huber_loss(td))

    def _update_fn(self, params, target, opt_state, batch):
        loss, grads = jax.value_and_grad(self._loss)(params, target, batch)
        updates, opt_state = self.optimizer.update(grads, opt_state)
        params = optax.apply_updates(params, updates)
        return params, opt_state, loss

    def learn(self, batch):
        self.params, self.opt_state, loss = self._update(
            self.params, self.target, self.opt_state, batch
        )
        return float(loss)


def main():
    pyrandom.seed(0)
    env, buffer = Chain(), ReplayBuffer(100)
    agent = Agent(env.length, 2, jax.random.key(0))
    key = jax.random.key(1)
    obs = env.reset()
    for step in range(20):
        key, act_key = jax.random.split(key)
        action = agent.act(act_key, obs, epsilon=0.5)
        next_obs, reward, done = env.step(action)
        buffer.add(obs, action, reward, next_obs, float(done))
        obs = env.reset() if done else next_obs
        if len(buffer) >= 8:
            loss = agent.learn(buffer.sample(8))
        if step % 10 == 9:
            agent.target = agent.params
            print(step, loss)


main()
