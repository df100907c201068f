"""Heat in a rod: an implicit solver with hand-written derivatives, and an inverse problem.

Where does the rod conduct badly? `recover` finds out from temperatures measured at the end, by
gradient descent through the solver.

    python heat.py --cells 32 --steps 20
"""

from __future__ import annotations

import argparse

import jax
import jax.numpy as jnp
import optax

TIME_STEP = 0.002

Bands = tuple[jax.Array, jax.Array, jax.Array]


def bands(conductivity: jax.Array) -> Bands:
    """The implicit step's matrix `I - dt * d/dx(k d/dx)` as its three diagonals.

    `conductivity` `(n + 1,)` lies on the faces between `n` cells and on the two ends.
    """
    cells = conductivity.shape[0] - 1
    rate = TIME_STEP * cells**2 * conductivity
    return -rate[:-1], 1.0 + rate[:-1] + rate[1:], -rate[1:]


def sweep(matrix: Bands, right: jax.Array) -> jax.Array:
    """Solve a tridiagonal system by elimination; `lower[0]` and `upper[-1]` do not matter."""

    def forwards(carry: tuple[jax.Array, jax.Array], row: tuple[jax.Array, ...]):
        lower, diagonal, upper, value = row
        pivot = diagonal - lower * carry[0]
        reduced = upper / pivot, (value - lower * carry[1]) / pivot
        return reduced, reduced

    def backwards(carry: jax.Array, row: tuple[jax.Array, jax.Array]):
        carry = row[1] - row[0] * carry
        return carry, carry

    zero = jnp.zeros((), right.dtype)
    _, reduced = jax.lax.scan(forwards, (zero, zero), (*matrix, right))
    return jax.lax.scan(backwards, zero, reduced, reverse=True)[1]


# jaxsight: inputs matrix: (f32[N=32] in [-0.5, 0.5], f32[N] in [3, 4], f32[N] in [-0.5, 0.5]), right: f32[N]
@jax.custom_vjp
def solve(matrix: Bands, right: jax.Array) -> jax.Array:
    """Solve a tridiagonal system; its derivative costs one more solve, not two stored sweeps."""
    return sweep(matrix, right)


def solve_forward(matrix: Bands, right: jax.Array):
    """The solution, and what the derivative needs of it."""
    solution = sweep(matrix, right)
    return solution, (matrix, solution)


def solve_backward(residuals: tuple[Bands, jax.Array], cotangent: jax.Array):
    """Solve with the transposed matrix; the matrix's cotangent is an outer product's bands."""
    (lower, diagonal, upper), solution = residuals
    transposed = jnp.roll(upper, 1), diagonal, jnp.roll(lower, -1)
    adjoint = sweep(transposed, cotangent)
    before = jnp.roll(solution, 1).at[0].set(0.0)
    after = jnp.roll(solution, -1).at[-1].set(0.0)
    return (-adjoint * before, -adjoint * solution, -adjoint * after), adjoint


solve.defvjp(solve_forward, solve_backward)


# jaxsight: inputs conductivity: f32[33] in [0.5, 2], temperature: f32[32] in [0, 1]
@jax.custom_vjp
def step(conductivity: jax.Array, temperature: jax.Array) -> jax.Array:
    """The temperature one time step later; both ends of the rod are kept at zero."""
    return sweep(bands(conductivity), temperature)


def step_forward(conductivity: jax.Array, temperature: jax.Array):
    """The next temperature, and what the derivative needs."""
    return step(conductivity, temperature), (conductivity, temperature)


def step_backward(residuals: tuple[jax.Array, jax.Array], cotangent: jax.Array):
    """The matrix is symmetric: one more solve gives the adjoint, a product of slopes the rest."""
    conductivity, temperature = residuals
    adjoint = sweep(bands(conductivity), cotangent)
    rate = TIME_STEP * temperature.shape[0] ** 2
    slope = jnp.diff(temperature, prepend=0.0, append=0.0)
    return -rate * jnp.diff(adjoint, prepend=0.0, append=0.0) * slope, adjoint


step.defvjp(step_forward, step_backward)


def heated_middle(cells: int) -> jax.Array:
    """A rod that is hot in its middle third."""
    temperature = jnp.zeros(cells)
    temperature[cells // 3 : 2 * cells // 3] = 1.0
    return temperature


def simulate(conductivity: jax.Array, temperature: jax.Array, steps: int) -> jax.Array:
    """The temperatures after each of `steps` steps, `(steps, cells)`."""
    history = []
    for _ in range(steps):
        advance = jax.jit(lambda now: step(conductivity, now))
        temperature = advance(temperature)
        history.append(temperature)
    return jnp.stack(history)


# jaxsight: inputs conductivity: f32[33] in [0.5, 2], start: f32[32] in [0, 1], measured: f32[20, 32] in [0, 1]
@jax.jit
def misfit(conductivity: jax.Array, start: jax.Array, measured: jax.Array) -> jax.Array:
    """The mean square difference between the simulated and the measured temperatures."""

    def advance(temperature: jax.Array, target: jax.Array):
        temperature = step(conductivity, temperature)
        return temperature, jnp.mean((temperature - target) ** 2)

    return jnp.mean(jax.lax.scan(advance, start, measured)[1])


def recover(start: jax.Array, measured: jax.Array, iterations: int = 300) -> jax.Array:
    """The conductivity of every face that explains the measurements best."""
    conductivity = jnp.ones(start.shape[0] + 1)
    optimizer = optax.adam(3e-2)
    state = optimizer.init(conductivity)
    slope = jax.jit(jax.grad(misfit))
    for _ in range(iterations):
        updates, state = optimizer.update(slope(conductivity, start, measured), state)
        conductivity = jnp.clip(optax.apply_updates(conductivity, updates), 0.1, 10.0)
    return conductivity


def study(cells: int = 32, steps: int = 20) -> dict[str, float]:
    """Measure a rod with a bad spot at 0.6 and look for it: how wrong the answer is, and the place."""
    faces = jnp.linspace(0.0, 1.0, cells + 1)
    truth = 1.5 - jnp.exp(-(((faces - 0.6) / 0.1) ** 2))
    start = heated_middle(cells)
    measured = simulate(truth, start, steps)
    found = recover(start, measured)
    return {
        "error": float(jnp.abs(found - truth).mean()),
        "error of the first guess": float(jnp.abs(1.0 - truth).mean()),
        "bad spot": float(faces[jnp.argmin(found)]),
    }


def main() -> None:
    """Read the command line and run the study."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=32)
    parser.add_argument("--steps", type=int, default=20)
    arguments = parser.parse_args()
    print(study(arguments.cells, arguments.steps))


if __name__ == "__main__":
    main()
