"""Points, meshes and images: batched geometry with array updates."""
import functools

import jax
import jax.numpy as jnp
import numpy as np


@jax.jit
def normalise(points):
    centre = jnp.mean(points, axis=0)
    shifted = points - centre
    size = jnp.linalg.norm(shifted, axis=-1).max()
    return jnp.where(size > 0, shifted / size, shifted)


def rotation(angle):
    cosine, sine = jnp.cos(angle), jnp.sin(angle)
    matrix = jnp.eye(3)
    matrix = matrix.at[0, 0].set(cosine)
    matrix = matrix.at[0, 1].set(-sine)
    matrix = matrix.at[1, 0].set(sine)
    matrix = matrix.at[1, 1].set(cosine)
    return matrix


@jax.jit
def turned(points, angle):
    return points @ rotation(angle).T


@functools.partial(jax.jit, static_argnames=("periodic",))
def laplacian(image, periodic):
    if periodic:
        padded = jnp.pad(image, 1, mode="wrap")
    else:
        padded = jnp.pad(image, 1)
    return padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:] - 4 * image


@jax.jit
def splat(image, points, values):
    cells = jnp.floor(points * image.shape[0]).astype(jnp.int32)
    cells = jnp.clip(cells, 0, image.shape[0] - 1)
    image = image.at[cells[:, 0], cells[:, 1]].add(values)
    border = jnp.zeros_like(image).at[0].set(1.0)
    image = image.at[0, :].set(0.0)
    return image - border * jnp.max(image)


def distance_field(grid, points):
    def nearest(place):
        squared = jnp.sum(jnp.square(points - place), axis=-1)
        return jnp.sqrt(jnp.min(squared))

    return jax.vmap(nearest)(grid)


def smooth(image, steps):
    def body(image, _):
        change = laplacian(image, periodic=True)
        largest = jnp.max(jnp.abs(change))
        rate = jnp.where(largest > 1.0, 0.1, 0.2)
        image = image + rate * change
        image = image.at[0, 0].set(0.0)
        return image, largest

    return jax.lax.scan(body, image, None, length=steps)


@functools.partial(jax.jit, static_argnums=1)
def histogram(values, signed):
    low, high = (-1.0, 1.0) if signed else (0.0, 1.0)
    scaled = jnp.clip((values - low) / (high - low), 0.0, 0.999)
    bins = jnp.zeros(8)
    return bins.at[jnp.floor(scaled * 8).astype(jnp.int32)].add(1.0)


def ray_hits(origin, direction, centre, radius):
    offset = origin - centre
    b = jnp.dot(offset, direction)
    c = jnp.dot(offset, offset) - radius**2
    inside = b**2 - c
    distance = -b - jnp.sqrt(jnp.maximum(inside, 0.0))
    return jnp.where(inside > 0, distance, jnp.inf)


@jax.jit
def render(origin, directions, centre):
    distances = jax.vmap(ray_hits, in_axes=(None, 0, None, None))(origin, directions, centre, 0.5)
    hit = jnp.isfinite(distances)
    jax.debug.print("hits {}", hit.sum())
    shade = jnp.exp(-jnp.where(hit, distances, 0.0))
    return jnp.where(hit, shade, 0.0)


def cloud(key, count):
    place_key, noise_key = jax.random.split(key)
    points = jax.random.uniform(place_key, (count, 3))
    return points + 0.01 * jax.random.normal(noise_key, points.shape)


def augment(key, points, copies):
    out = []
    turn = jax.jit(turned)
    for _ in range(copies):
        key, angle_key, jitter_key = jax.random.split(key, 3)
        angle = jax.random.uniform(angle_key) * np.pi
        jitter = 0.01 * jax.random.normal(jitter_key, points.shape)
        out.append(turn(points + jitter, angle))
    return jnp.stack(out)


def main():
    cloud_key, augment_key, splat_key = jax.random.split(jax.random.key(2), 3)
    points = normalise(cloud(cloud_key, 6))
    copies = augment(augment_key, points, 2)
    values = jax.random.uniform(splat_key, (6,))
    image = splat(jnp.zeros((4, 4)), jnp.abs(points[:, :2]), values)
    image, changes = smooth(image, 2)
    print(laplacian(image, periodic=False).sum(), changes, copies.shape)
    print(histogram(points[:, 0], True), histogram(values, False))
    print(distance_field(points[:2], points).shape)
    print(render(jnp.zeros(3), jnp.eye(3), jnp.ones(3)))


main()
