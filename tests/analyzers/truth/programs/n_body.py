"""Gravity between bodies: pairwise forces by nested vmap, leapfrog by scan, a pytree dataclass."""
from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
from jax.tree_util import register_dataclass


@register_dataclass
@dataclass
class System:
    position: jax.Array
    velocity: jax.Array
    mass: jax.Array

    @property
    def momentum(self):
        return (self.mass[:, None] * self.velocity).sum(axis=0)


def pair_acceleration(xi, xj, mj, softening=1e-2):
    r = xj - xi
    d2 = jnp.sum(r * r) + softening ** 2
    return mj * r / d2 ** 1.5


def accelerations(position, mass):
    on_one = jax.vmap(pair_acceleration, in_axes=(None, 0, 0))
    on_all = jax.vmap(lambda xi: on_one(xi, position, mass).sum(axis=0))
    return on_all(position)


def kinetic(system: System):
    speed2 = jnp.sum(system.velocity ** 2, axis=-1)
    return 0.5 * jnp.sum(system.mass * speed2)


def potential(system: System):
    def pair(i, j):
        r = jnp.linalg.norm(system.position[i] - system.position[j]) + 1e-2
        return jnp.where(i < j, -system.mass[i] * system.mass[j] / r, 0.0)

    idx = jnp.arange(system.mass.shape[0])
    pairs = jax.vmap(jax.vmap(pair, (None, 0)), (0, None))(idx, idx)
    return pairs.sum()


def leapfrog(system: System, dt: float) -> System:
    a = accelerations(system.position, system.mass)
    half = system.velocity + 0.5 * dt * a
    position = system.position + dt * half
    a = accelerations(position, system.mass)
    velocity = half + 0.5 * dt * a
    return replace(system, position=position, velocity=velocity)


def simulate(system, dt, steps):
    def body(state, _):
        state = leapfrog(state, dt)
        energy = kinetic(state) + potential(state)
        return state, energy

    return jax.lax.scan(body, system, length=steps)


simulate_jit = jax.jit(simulate, static_argnums=2)


def create(key, n):
    pos_key, vel_key, mass_key = jax.random.split(key, 3)
    position = jax.random.normal(pos_key, (n, 3))
    velocity = 0.1 * jax.random.normal(vel_key, (n, 3))
    mass = jax.random.uniform(mass_key, (n,), minval=0.5, maxval=1.5)
    return System(position, velocity, mass)


def final_distance(mass_scale, system):
    scaled = replace(system, mass=system.mass * mass_scale)
    end, _ = simulate(scaled, 0.01, 4)
    return jnp.linalg.norm(end.position[0] - end.position[1])


if __name__ == "__main__":
    system = create(jax.random.key(5), 4)
    before = system.momentum
    system, energies = simulate_jit(system, 0.01, 6)
    after = system.momentum
    print(energies[-1] - energies[0], jnp.abs(after - before).max())
    print(jax.grad(final_distance)(1.0, system))
