"""Key reuse: the parent is used after it was split, in a script, a function and a class."""
import jax

key = jax.random.key(0)
subkey, other = jax.random.split(key)
first = jax.random.normal(subkey, (2,))
second = jax.random.normal(key, (2,))  # mistake


class Sampler:
    def __init__(self, seed):
        self.key = jax.random.key(seed)

    def draw(self, shape):
        self.key, sub = jax.random.split(self.key)
        return jax.random.uniform(sub, shape)

    def forgetful(self, shape):
        return jax.random.uniform(self.key, shape)


def init(rng):
    w_rng, b_rng = jax.random.split(rng)
    w = jax.random.normal(w_rng, (2, 2))
    b = jax.random.normal(rng, (2,))  # mistake
    return w, b


sampler = Sampler(1)
a, b = sampler.draw((2,)), sampler.draw((2,))
c = sampler.forgetful((2,))
d = sampler.forgetful((2,))
w, bias = init(other)
print(first, second, a, b, c, d, w, bias)
