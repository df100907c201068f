"""The command line: one entry point that imports a subcommand only when it is asked for."""

from __future__ import annotations

import gc
import os
import sys
from argparse import ArgumentParser, HelpFormatter, Namespace
from functools import cache
from importlib import import_module
from typing import Protocol, cast

COMMANDS = {
    "check": "find mistakes in JAX code, and mend them",
    "rules": "list every rule",
    "explain": "print a rule's page, or say what a traceback is about",
    "bench": "measure a function on this machine's device",
    "grad": "validate a function's gradient against a numerical reference",
    "inspect": "say what JAX and the compiler make of a function, line by line",
    "sharding": "say what each device computes, holds and sends when a function runs on several",
    "shapes": "say the shape of every local variable of a function",
    "diagnose": "call a function a few times, and say what goes wrong or costs time",
    "capture": "run a program of yours, and record the inputs that a function gets",
    "doctor": "say which Python, JAX and devices are used, and what is wrong",
    "server": "run the language server on standard input and output",
}

RUN_PROGRAMS = frozenset({"capture"})
"""Commands that run a program of the user's: what follows `--` is the program's."""


class Command(Protocol):
    """A module of `commands`."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare its options."""
        ...

    def run(self, arguments: object) -> int:
        """Do it, and return the exit code."""
        ...


class _Help(HelpFormatter):
    """Help as wide as the terminal. argparse makes a formatter for each option that is declared, and
    its own imports the compression libraries to learn the width.
    """

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_width())


@cache
def _width() -> int:
    if (columns := os.environ.get("COLUMNS", "")).isdecimal():
        return max(int(columns) - 2, 20)
    try:
        return max(os.get_terminal_size().columns - 2, 20)
    except OSError:  # not a terminal
        return 78


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand; the exit codes are a contract."""
    gc.set_threshold(100_000)  # what we import and make lives long; the default looks at it often
    words = sys.argv[1:] if arguments is None else arguments
    name = words[0] if words else ""
    if name not in COMMANDS:
        return _overview(name)
    module = command(name)
    parser = parser_of(name, module)
    own, program = words[1:], list[str]()
    if name in RUN_PROGRAMS and "--" in own:
        own, program = own[: own.index("--")], own[own.index("--") + 1 :]
    try:
        return module.run(parser.parse_args(own, Namespace(program=program)))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        sys.stderr.close()
        return 0


def command(name: str) -> Command:
    """The module of a subcommand."""
    return cast("Command", import_module(f"jaxsight_server.commands.{name}"))


def parser_of(name: str, module: Command) -> ArgumentParser:
    """The options of a subcommand."""
    parser = ArgumentParser(
        prog=f"jaxsight {name}", description=_sentence(COMMANDS[name]), formatter_class=_Help
    )
    module.add_arguments(parser)
    return parser


def _overview(name: str) -> int:
    if name in ("--version", "-V"):
        from jaxsight_server.version import version

        print(f"jaxsight {version()}")
        return 0
    width = max(map(len, COMMANDS))
    lines = [f"  {command.ljust(width)}  {does}" for command, does in COMMANDS.items()]
    text = "usage: jaxsight COMMAND [OPTION ...]\n\n" + "\n".join(lines)
    text += "\n\n`jaxsight COMMAND --help` says more."
    if name in ("--help", "-h", "help"):
        print(f"See what JAX does with your code while you write it.\n\n{text}")
        return 0
    problem = f"jaxsight: there is no command `{name}`\n\n" if name else ""
    print(problem + text, file=sys.stderr)
    return 2


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


if __name__ == "__main__":
    raise SystemExit(main())
