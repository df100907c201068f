"""A hidden Markov model: forward-backward, Viterbi, Baum-Welch; log space everywhere."""
import jax
import jax.numpy as jnp
from jax.scipy.special import logsumexp


class HMM:
    """Parameters live outside of the object; it only knows sizes."""

    def __init__(self, n_states, n_obs):
        self.n_states, self.n_obs = n_states, n_obs

    def init(self, key):
        k_pi, k_a, k_b = jax.random.split(key, 3)
        return {
            "pi": jax.nn.log_softmax(jax.random.normal(k_pi, (self.n_states,))),
            "A": jax.nn.log_softmax(jax.random.normal(k_a, (self.n_states, self.n_states)), axis=1),
            "B": jax.nn.log_softmax(jax.random.normal(k_b, (self.n_states, self.n_obs)), axis=1),
        }

    @staticmethod
    def forward(params, obs):
        alpha0 = params["pi"] + params["B"][:, obs[0]]

        def step(alpha, o):
            new = logsumexp(alpha[:, None] + params["A"], axis=0) + params["B"][:, o]
            return new, new

        last, rest = jax.lax.scan(step, alpha0, obs[1:])
        return jnp.vstack([alpha0, rest]), logsumexp(last)

    @staticmethod
    def backward(params, obs):
        def step(beta, o):
            new = logsumexp(params["A"] + params["B"][:, o] + beta, axis=1)
            return new, new

        beta_last = jnp.zeros(params["pi"].shape)
        _, betas = jax.lax.scan(step, beta_last, obs[1:], reverse=True)
        return jnp.vstack([betas, beta_last])

    def em_step(self, params, sequences):
        gammas, xis, logliks = jax.vmap(self._expect, in_axes=(None, 0))(params, sequences)
        pi = logsumexp(gammas[:, 0], axis=0)
        A = logsumexp(xis, axis=(0, 1))
        one_hot = jax.nn.one_hot(sequences, self.n_obs)
        B = jnp.log(jnp.einsum("nts,nto->so", jnp.exp(gammas), one_hot) + 1e-8)
        new = {"pi": pi, "A": A, "B": B}
        new = {k: v - logsumexp(v, axis=-1, keepdims=True) for k, v in new.items()}
        return new, logliks.sum()

    def _expect(self, params, obs):
        alphas, loglik = self.forward(params, obs)
        betas = self.backward(params, obs)
        gamma = alphas + betas - loglik
        emit = params["B"][:, obs[1:]].T
        xi = (
            alphas[:-1, :, None] + params["A"][None] + emit[:, None, :] + betas[1:, None, :] - loglik
        )
        return gamma, xi, loglik


def viterbi(params, obs):
    first = params["pi"] + params["B"][:, obs[0]]

    def forward(score, o):
        candidates = score[:, None] + params["A"]
        best = jnp.max(candidates, axis=0) + params["B"][:, o]
        return best, jnp.argmax(candidates, axis=0)

    last, pointers = jax.lax.scan(forward, first, obs[1:])

    def backward(state, pointer):
        previous = pointer[state]
        return previous, state

    end = jnp.argmax(last)
    start, path = jax.lax.scan(backward, end, pointers, reverse=True)
    return jnp.concatenate([start[None], path])


def main():
    hmm = HMM(2, 3)
    key, data_key = jax.random.split(jax.random.key(1))
    params = hmm.init(key)
    sequences = jax.random.randint(data_key, (4, 7), 0, 3)
    em = jax.jit(hmm.em_step)
    previous = -jnp.inf
    for i in range(3):
        params, loglik = em(params, sequences)
        if loglik < previous - 1e-3:
            raise RuntimeError("the likelihood fell")
        previous = loglik
    paths = jax.jit(jax.vmap(viterbi, (None, 0)))(params, sequences)
    print(previous, paths[0])


if __name__ == "__main__":
    main()
