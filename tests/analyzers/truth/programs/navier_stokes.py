"""Incompressible flow in a periodic box, pseudo-spectral, as a class with jitted methods."""
from functools import partial

import jax
import jax.numpy as jnp


class SpectralSolver:
    def __init__(self, n: int, viscosity: float, dt: float, forcing: bool = True):
        self.n = n
        self.nu = viscosity
        self.dt = dt
        self.forcing = forcing
        freqs = jnp.fft.fftfreq(n, 1.0 / n)
        self.kx, self.ky = jnp.meshgrid(freqs, freqs, indexing="ij")
        self.k2 = self.kx ** 2 + self.ky ** 2
        self.inv_k2 = jnp.where(self.k2 == 0, 0.0, 1.0 / jnp.where(self.k2 == 0, 1.0, self.k2))
        cutoff = n // 3
        self.mask = (jnp.abs(self.kx) < cutoff) & (jnp.abs(self.ky) < cutoff)

    def velocity(self, omega_hat):
        psi_hat = omega_hat * self.inv_k2
        u = jnp.fft.ifft2(1j * self.ky * psi_hat).real
        v = jnp.fft.ifft2(-1j * self.kx * psi_hat).real
        return u, v

    def tendency(self, omega_hat):
        u, v = self.velocity(omega_hat)
        wx = jnp.fft.ifft2(1j * self.kx * omega_hat).real
        wy = jnp.fft.ifft2(1j * self.ky * omega_hat).real
        advection = jnp.fft.fft2(u * wx + v * wy)
        rhs = -advection * self.mask - self.nu * self.k2 * omega_hat
        if self.forcing:
            rhs = rhs + self._force()
        return rhs

    def _force(self):
        y = jnp.linspace(0, 2 * jnp.pi, self.n, endpoint=False)
        f = jnp.broadcast_to(jnp.cos(4 * y), (self.n, self.n))
        return jnp.fft.fft2(f)

    @partial(jax.jit, static_argnums=0)
    def step(self, omega_hat):
        k1 = self.tendency(omega_hat)
        midpoint = omega_hat + 0.5 * self.dt * k1
        k2 = self.tendency(midpoint)
        return omega_hat + self.dt * k2

    @partial(jax.jit, static_argnames=("self", "steps"))
    def run(self, omega_hat, steps):
        def body(_, w):
            return self.step(w)

        return jax.lax.fori_loop(0, steps, body, omega_hat)

    def enstrophy(self, omega_hat):
        omega = jnp.fft.ifft2(omega_hat).real
        return 0.5 * jnp.mean(omega ** 2)


def initial_vorticity(key, n):
    noise = jax.random.normal(key, (n, n))
    return jnp.fft.fft2(noise - noise.mean())


solver = SpectralSolver(16, 1e-2, 1e-3)
omega_hat = initial_vorticity(jax.random.PRNGKey(0), solver.n)
for chunk in range(2):
    omega_hat = solver.run(omega_hat, 3)
    value = solver.enstrophy(omega_hat)
    print(chunk, value)
omega_hat = solver.step(omega_hat)
