"""A sequence classifier with nnx.MultiHeadAttention and a list of layers."""
from flax import nnx
import jax
import jax.numpy as jnp
import optax


class EncoderLayer(nnx.Module):
    def __init__(self, dim, heads, rngs):
        self.attn = nnx.MultiHeadAttention(
            num_heads=heads, in_features=dim, decode=False, rngs=rngs
        )
        self.ln1 = nnx.LayerNorm(dim, rngs=rngs)
        self.ln2 = nnx.LayerNorm(dim, rngs=rngs)
        self.mlp = nnx.Sequential(
            nnx.Linear(dim, 2 * dim, rngs=rngs), nnx.gelu, nnx.Linear(2 * dim, dim, rngs=rngs)
        )

    def __call__(self, x, mask=None):
        attended = self.attn(self.ln1(x), mask=mask)
        x = x + attended
        y = self.mlp(self.ln2(x))
        return x + y


class Encoder(nnx.Module):
    def __init__(self, vocab, dim, depth, classes, *, rngs: nnx.Rngs):
        self.embed = nnx.Embed(vocab, dim, rngs=rngs)
        self.layers = nnx.List([EncoderLayer(dim, 2, rngs) for _ in range(depth)])
        self.out = nnx.Linear(dim, classes, rngs=rngs)
        self.scale = nnx.Param(jnp.ones(()))

    def __call__(self, tokens):
        mask = tokens > 0
        attention_mask = nnx.make_attention_mask(mask, mask)
        h = self.embed(tokens) * self.scale[...]
        for layer in self.layers:
            h = layer(h, attention_mask)
        lengths = mask.sum(axis=1, keepdims=True)
        pooled = (h * mask[..., None]).sum(axis=1) / jnp.maximum(lengths, 1)
        return self.out(pooled)


@nnx.jit
def step(model, opt, tokens, labels):
    def loss(model):
        logits = model(tokens)
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

    value, grads = nnx.value_and_grad(loss)(model)
    opt.update(model, grads)
    return value


model = Encoder(20, 8, 2, 3, rngs=nnx.Rngs(params=0))
opt = nnx.Optimizer(model, optax.sgd(0.1, momentum=0.9), wrt=nnx.Param)
k1, k2 = jax.random.split(jax.random.key(0))
tokens = jax.random.randint(k1, (4, 6), 0, 20)
labels = jax.random.randint(k2, (4,), 0, 3)
for i in range(2):
    print(i, step(model, opt, tokens, labels))
