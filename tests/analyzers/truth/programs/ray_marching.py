"""Ray marching of signed distance functions; scenes are composed functions, the image is vmapped."""
from functools import partial, reduce

import jax
import jax.numpy as jnp
from jax import lax


def sphere(center, radius):
    center = jnp.asarray(center)
    return lambda p: jnp.linalg.norm(p - center) - radius


def box(size):
    size = jnp.asarray(size)

    def sdf(p):
        q = jnp.abs(p) - size
        outside = jnp.linalg.norm(jnp.maximum(q, 0.0))
        inside = jnp.minimum(jnp.max(q), 0.0)
        return outside + inside

    return sdf


def plane(height):
    def sdf(p):
        return p[1] - height

    return sdf


def union(*shapes):
    return lambda p: reduce(jnp.minimum, [shape(p) for shape in shapes])


def smooth_union(a, b, k=0.3):
    def sdf(p):
        da, db = a(p), b(p)
        h = jnp.clip(0.5 + 0.5 * (db - da) / k, 0.0, 1.0)
        return db * (1 - h) + da * h - k * h * (1 - h)

    return sdf


def normalize(v):
    return v / jnp.linalg.norm(v)


def march(scene, origin, direction, max_steps=12):
    def body(_, t):
        return t + scene(origin + t * direction)

    t = lax.fori_loop(0, max_steps, body, 0.0)
    return origin + t * direction, t


def shade(scene, light, point, t):
    normal = normalize(jax.grad(scene)(point))
    diffuse = jnp.maximum(jnp.dot(normal, normalize(light - point)), 0.0)
    fog = jnp.exp(-0.1 * t)
    return diffuse * fog


def camera_ray(uv, fov=1.0):
    u, v = uv
    return normalize(jnp.array([u * fov, v * fov, 1.0]))


@partial(jax.jit, static_argnames=("scene", "width", "height"))
def render(scene, light, origin, width, height):
    xs = jnp.linspace(-1, 1, width)
    ys = jnp.linspace(1, -1, height)
    grid = jnp.stack(jnp.meshgrid(xs, ys), axis=-1)

    def pixel(uv):
        direction = camera_ray(uv)
        point, t = march(scene, origin, direction)
        color = shade(scene, light, point, t)
        return jnp.where(t > 20.0, 0.0, color)

    return jax.vmap(jax.vmap(pixel))(grid)


scene = union(smooth_union(sphere([0.0, 0.0, 3.0], 0.8), box([0.5, 0.5, 0.5])), plane(-1.0))
light = jnp.array([2.0, 3.0, 0.0])
image = render(scene, light, jnp.array([0.0, 0.0, -2.0]), 6, 4)
brightness = jax.grad(lambda l: render(scene, l, jnp.zeros(3), 6, 4).mean())(light)
print(image.shape, image.mean(), brightness)
