"""Message passing on a padded graph batch; features in nested dataclasses and dicts."""
from __future__ import annotations

from typing import Any

import flax
import jax
import jax.numpy as jnp
import jax.tree_util as jtu
import numpy as np
import optax


@flax.struct.dataclass
class Graph:
    nodes: jax.Array
    edges: dict[str, jax.Array]
    globals_: jax.Array
    n_nodes: int = flax.struct.field(pytree_node=False)

    @classmethod
    def ring(cls, n, features, rng):
        senders = np.arange(n)
        receivers = (senders + 1) % n
        edges = {"senders": jnp.asarray(senders), "receivers": jnp.asarray(receivers)}
        return cls(
            nodes=jnp.asarray(rng.standard_normal((n, features)), dtype=jnp.float32),
            edges=edges,
            globals_=jnp.zeros(()),
            n_nodes=n,
        )


def mlp_init(key, sizes):
    out = []
    for i, k in enumerate(jax.random.split(key, len(sizes) - 1)):
        out.append({"w": jax.random.normal(k, sizes[i : i + 2]) / np.sqrt(sizes[i])})
    return out


def mlp(params, x):
    for i, layer in enumerate(params):
        x = x @ layer["w"]
        if i < len(params) - 1:
            x = jax.nn.relu(x)
    return x


def message_pass(params, graph: Graph) -> Graph:
    sent = graph.nodes[graph.edges["senders"]]
    received = graph.nodes[graph.edges["receivers"]]
    messages = mlp(params["edge"], jnp.concatenate([sent, received], axis=-1))
    incoming = jax.ops.segment_sum(messages, graph.edges["receivers"], graph.n_nodes)
    nodes = graph.nodes + mlp(params["node"], jnp.concatenate([graph.nodes, incoming], axis=-1))
    return graph.replace(nodes=nodes)


def encode(params: dict[str, Any], graph: Graph, rounds: int = 2):
    for _ in range(rounds):
        graph = message_pass(params, graph)
    pooled = graph.nodes.mean(axis=0)
    energy = mlp(params["readout"], pooled)[0]
    return graph.replace(globals_=energy)


def loss_fn(params, graph, target):
    out = encode(params, graph)
    error = out.globals_ - target
    regulariser = sum(jnp.sum(leaf ** 2) for leaf in jtu.tree_leaves(params))
    return error ** 2 + 1e-4 * regulariser


def make_step(tx):
    @jax.jit
    def step(params, opt_state, graph, target):
        value, grads = jax.value_and_grad(loss_fn)(params, graph, target)
        updates, opt_state = tx.update(grads, opt_state, params)
        return optax.apply_updates(params, updates), opt_state, value

    return step


def describe(params):
    lines = []
    for path, leaf in jtu.tree_flatten_with_path(params)[0]:
        lines.append(f"{jtu.keystr(path)}: {leaf.shape}")
    return "\n".join(lines)


rng = np.random.default_rng(0)
graphs = [(Graph.ring(4, 3, rng), 1.0), (Graph.ring(5, 3, rng), -1.0)]
edge_key, node_key, readout_key = jax.random.split(jax.random.key(0), 3)
params = {
    "edge": mlp_init(edge_key, [6, 8, 4]),
    "node": mlp_init(node_key, [7, 8, 3]),
    "readout": mlp_init(readout_key, [3, 4, 1]),
}
tx = optax.multi_transform(
    {"fast": optax.adam(1e-2), "slow": optax.sgd(1e-3)},
    {"edge": "fast", "node": "fast", "readout": "slow"},
)
opt_state = tx.init(params)
step = make_step(tx)
for graph, target in graphs:
    params, opt_state, value = step(params, opt_state, graph, target)
    print(value)
print(describe(params))
