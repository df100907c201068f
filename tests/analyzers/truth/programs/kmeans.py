"""k-means with while_loop, k-means++ seeding with fori_loop, and a host loop over restarts."""
import jax
import jax.numpy as jnp
from functools import partial
from jax import jit, lax, vmap


def squared_distances(points, centers):
    diff = points[:, None, :] - centers[None, :, :]
    return (diff ** 2).sum(-1)


@partial(jit, static_argnums=(2,))
def plus_plus(key, points, k):
    n, d = points.shape
    key, first_key = jax.random.split(key)
    first = points[jax.random.randint(first_key, (), 0, n)]
    centers = jnp.full((k, d), jnp.inf).at[0].set(first)

    def pick(i, state):
        key, centers = state
        key, choice_key = jax.random.split(key)
        dist = squared_distances(points, centers)
        closest = jnp.where(jnp.isfinite(dist), dist, jnp.inf).min(axis=1)
        index = jax.random.categorical(choice_key, jnp.log(closest + 1e-9))
        return key, centers.at[i].set(points[index])

    _, centers = lax.fori_loop(1, k, pick, (key, centers))
    return centers


@jit
def lloyd(points, centers, tol=1e-4):
    k = centers.shape[0]

    def assign(centers):
        return jnp.argmin(squared_distances(points, centers), axis=1)

    def not_done(state):
        centers, previous, it = state
        moved = jnp.abs(centers - previous).max()
        return (moved > tol) & (it < 20)

    def improve(state):
        centers, _, it = state
        labels = assign(centers)
        masks = jax.nn.one_hot(labels, k)
        counts = masks.sum(0)
        sums = masks.T @ points
        new = jnp.where(counts[:, None] > 0, sums / jnp.maximum(counts, 1)[:, None], centers)
        return new, centers, it + 1

    start = (centers, centers + 1.0, 0)
    centers, _, iterations = lax.while_loop(not_done, improve, start)
    labels = assign(centers)
    inertia = vmap(lambda p, c: jnp.sum((p - centers[c]) ** 2))(points, labels).sum()
    return centers, labels, inertia, iterations


def kmeans(key, points, k, restarts=2):
    best = None
    for sub in jax.random.split(key, restarts):
        seeds = plus_plus(sub, points, k)
        centers, labels, inertia, its = lloyd(points, seeds)
        score = float(inertia)
        if best is None or score < best[0]:
            best = (score, centers, labels)
    return best


offsets = jnp.array([[0.0, 0.0], [4.0, 4.0], [-4.0, 4.0]])
noise_key, kmeans_key = jax.random.split(jax.random.key(0))
points = (offsets[:, None] + jax.random.normal(noise_key, (3, 10, 2))).reshape(-1, 2)
score, centers, labels = kmeans(kmeans_key, points, 3)
print(score, labels)
