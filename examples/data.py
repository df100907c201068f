"""Data sets that are made, not downloaded: a spiral to classify and a noisy curve to fit."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import numpy as np

CLASSES = 3


def spiral(per_class: int = 200, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Three arms of a spiral in the plane: points `(n, 2)` and the arm each belongs to `(n,)`."""
    generator = np.random.default_rng(seed)
    points = np.zeros((per_class * CLASSES, 2), dtype=np.float32)
    labels = np.zeros(per_class * CLASSES, dtype=np.int32)
    for arm in range(CLASSES):
        radius = np.linspace(0.05, 1.0, per_class)
        angle = 4.0 * radius + arm * 2.0 * np.pi / CLASSES
        angle += generator.normal(0.0, 0.08, per_class)
        rows = slice(arm * per_class, (arm + 1) * per_class)
        points[rows] = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
        labels[rows] = arm
    return points, labels


def noisy_wave(size: int = 512, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A sine whose noise grows from left to right: inputs `(n, 1)` and values `(n, 1)`."""
    generator = np.random.default_rng(seed)
    x = generator.uniform(-1.0, 1.0, (size, 1)).astype(np.float32)
    spread = 0.05 + 0.2 * (x + 1.0) / 2.0
    y = np.sin(3.0 * x) + spread * generator.normal(size=(size, 1))
    return x, y.astype(np.float32)


def shuffles(key: jax.Array, size: int, epochs: int) -> Iterator[jax.Array]:
    """A new order of the rows for every epoch."""
    for epoch in range(epochs):
        yield jax.random.permutation(key, size)
