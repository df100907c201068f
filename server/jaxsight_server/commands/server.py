"""`jaxsight server`: the language server on standard input and output."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options; editors that pass `--stdio` get what they ask for."""
    parser.add_argument("--stdio", action="store_true", help="the default, and the only way")


def run(arguments: Namespace) -> int:
    """Serve until the client is gone."""
    del arguments
    from jaxsight_server.server import serve

    return serve()
