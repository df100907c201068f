"""`jaxsight explain`: a rule's page, or what a traceback is about."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace

from jaxsight_analyzers.registry import all_rules
from jaxsight_analyzers.report.page import page_named


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "rule", metavar="RULE", nargs="?", help="the name of a rule, such as `key-reuse`"
    )
    what.add_argument(
        "--traceback",
        metavar="FILE",
        help="a traceback, or a log with one; - reads standard input: names the rule that prevents "
        "the error, the line of your code and the cure",
    )


def run(arguments: Namespace) -> int:
    """Print the page, or explain the traceback; 2 where there is none."""
    if arguments.traceback is not None:
        return _explain_traceback(arguments.traceback)
    name: str = arguments.rule
    page = page_named(name)
    if page is None:
        from jaxsight_analyzers.config import nearest

        names = [name for rule in all_rules() for name in (rule.name, *rule.aliases)]
        hint = nearest(name, names) or "; `jaxsight rules` lists them"
        return _error(f"there is no rule `{name}`{hint}")
    print(page, end="")
    return 0


def _explain_traceback(name: str) -> int:
    from jaxsight_analyzers.report.text import Style
    from jaxsight_server.commands.explain_traceback import explain_traceback, traceback_text
    from jaxsight_server.terminal import is_coloured

    try:
        text = traceback_text(name)
    except OSError as error:
        return _error(f"{name}: cannot be read: {error.strerror}")
    said = explain_traceback(text, Style(coloured=is_coloured()))
    if said is None:
        return _error("no traceback was found in the text: it ends with the name of the error")
    print(said.text)
    return 0 if said.is_known else 2


def _error(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 2
