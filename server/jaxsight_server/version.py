"""Which version of JAX Sight this is."""

from __future__ import annotations


def version() -> str:
    """From the installed package's metadata; where only the sources are there, it says so."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed("jaxsight")
    except PackageNotFoundError:
        return "0.0.0+sources"
