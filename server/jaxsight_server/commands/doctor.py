"""`jaxsight doctor`: what is used, what is wrong, and how to mend it."""

from __future__ import annotations

import json
import platform
import sys
from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jaxsight_analyzers import rewrites
from jaxsight_analyzers.config import find_config, load_config
from jaxsight_analyzers.environment import find_libraries
from jaxsight_analyzers.registry import all_rules
from jaxsight_analyzers.settings import Config
from jaxsight_runner.protocol import EnvironmentReport, EnvironmentRequest, Failure
from jaxsight_server.interpreters import find_interpreter
from jaxsight_server.version import version

_TIMEOUT = 120.0  # seconds: the first start of JAX on a cold disk or a busy GPU is slow


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--python", metavar="PATH", help="look at this Python instead of the project's"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: Namespace) -> int:
    """Look, ask the project's Python what JAX it has, and print both."""
    here = Path.cwd()
    place = find_config(here)
    loaded = None if place is None else load_config(place)
    config = loaded.config if loaded is not None else Config(root=str(here))
    configured = config.resolved(config.runner.interpreter) if config.runner.interpreter else None
    found = find_interpreter(here / "_", explicit=arguments.python, configured=configured)
    libraries = find_libraries(here, found.path if found else None, config)
    report: dict[str, Any] = {
        "version": 1,
        "jaxsight": {
            "version": version(),
            "python": platform.python_version(),
            "executable": sys.executable,
        },
        "rules": len(all_rules()),
        "configuration": {"path": None if place is None else str(place)},
        "interpreter": None if found is None else {"path": str(found.path), "why": found.why},
        "libraries": [
            {"name": one.name, "version": one.version, "from": one.origin} for one in libraries
        ],
        "environment": None,
        "devices": [],
        "problems": [],
    }
    problems: list[str] = report["problems"]
    if loaded is not None:
        problems += [f"{e.path}:{e.line}: {e.message}" for e in loaded.errors]
    if not rewrites.are_available():
        problems.append(
            "libcst is not installed beside JAX Sight: fixes that rewrite loops and branches are not offered"
        )
    if found is None:
        problems.append(
            "no Python was found to run your code: make a `.venv`, or name one with --python"
        )
    else:
        _ask(found.path, here, report, problems)
    print(json.dumps(report, indent=2, ensure_ascii=False) if arguments.json else _text(report))
    return 0


def _ask(interpreter: Path, cwd: Path, report: dict[str, Any], problems: list[str]) -> None:
    """Start the runner in the user's Python, because the user asked."""
    import asyncio

    from jaxsight_server.runner_client import RunnerClient

    answer = asyncio.run(
        RunnerClient().run(EnvironmentRequest(), interpreter=interpreter, cwd=cwd, timeout=_TIMEOUT)
    )
    if isinstance(answer, EnvironmentReport):
        report["environment"] = asdict(answer.environment)
        report["devices"] = [asdict(device) for device in answer.devices]
        problems += answer.problems
    elif isinstance(answer, Failure):
        problems.append(answer.message)


def _text(report: dict[str, Any]) -> str:
    ours = report["jaxsight"]
    lines = [f"JAX Sight {ours['version']} · {report['rules']} rules · Python {ours['python']}"]
    path = report["configuration"]["path"]
    lines.append(f"Settings    {path or 'none: the defaults hold'}")
    python = report["interpreter"]
    lines.append(
        "Your Python " + (f"{python['path']} ({python['why']})" if python else "not found")
    )
    lines += [
        f"  {library['name']:<18} {library['version']:<12} {library['from']}"
        for library in report["libraries"]
    ]
    environment = report["environment"]
    if environment:
        lines.append(f"JAX runs    {environment['jax']} on {environment['platform']}")
        for device in report["devices"]:
            memory = f", {device['memory'] / 2**30:.0f} GiB" if device["memory"] else ""
            lines.append(
                f"  device {device['id']}: {device['kind']} ({device['platform']}{memory})"
            )
        for name, value in environment["flags"].items():
            lines.append(f"  {name}={value}")
    problems = report["problems"]
    if problems:
        lines.append("What is wrong:")
        lines += [f"  - {problem}" for problem in problems]
    else:
        lines.append("Nothing is wrong.")
    return "\n".join(lines)
