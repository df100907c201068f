"""How names of libraries are written in messages."""

from __future__ import annotations


def display(qualified: str) -> str:
    """A qualified name as people write it."""
    qualified = qualified.replace("()", "")  # what a call returns is described by that name
    for prefix, short in (("jax.numpy.", "jnp."), ("numpy.", "np."), ("builtins.", "")):
        if qualified.startswith(prefix):
            return short + qualified[len(prefix) :]
    return qualified
