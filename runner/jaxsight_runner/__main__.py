"""Entry point, run by path in the user's interpreter: `python -u .../jaxsight_runner/__main__.py`.

It makes exactly one package importable. The folder it lies in may be a wheel's `site-packages`,
full of things that must not reach the user's program.

Pythons older than the runner needs read this file too, to say so: no syntax newer than 3.6 here.
"""

import json
import sys
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Optional

PACKAGE = Path(__file__).resolve().parent
MINIMUM = (3, 9)


class _OnlyThisPackage:
    """Finds this package where this file lies, and none of its neighbours."""

    @staticmethod
    def find_spec(
        name: str, path: object = None, target: Optional[ModuleType] = None
    ) -> Optional[ModuleSpec]:
        del path
        if name != PACKAGE.name:
            return None
        return PathFinder.find_spec(name, [str(PACKAGE.parent)], target)


def _make_importable() -> None:
    if sys.path and Path(sys.path[0]).resolve() == PACKAGE:
        del sys.path[0]  # else our modules shadow the user's and the standard library's
    sys.meta_path.insert(0, _OnlyThisPackage)


def _refuse() -> None:
    """Says in the protocol's words that this Python is too old to speak it."""
    numbers = [".".join(map(str, version[:3])) for version in (tuple(sys.version_info), MINIMUM)]
    message = "{} is Python {}; JAX Sight runs programs with {} or newer: choose another Python"
    failure = {
        "type": "Failure",
        "job": "",
        "kind": "old-python",
        "message": message.format(sys.executable, *numbers),
        "phase": "start",
    }
    if sys.argv[1:2] == ["capture"]:  # standard output is the user's program's
        Path(sys.argv[2], "report.json").write_text(json.dumps(failure), "utf-8")
        return
    print(json.dumps(failure), flush=True)


if __name__ == "__main__":
    if tuple(sys.version_info) < MINIMUM:
        _refuse()
        raise SystemExit(1)
    _make_importable()

    if sys.argv[1:2] == ["capture"]:  # the user's own program, one function of it watched
        from jaxsight_runner.capturing.capture import main as capture

        capture(sys.argv[2])

    from jaxsight_runner.worker import main

    raise SystemExit(main(sys.argv[1:]))
