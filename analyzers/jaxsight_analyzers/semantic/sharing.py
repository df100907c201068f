"""One run for many files that stay as they are: what they run of one another's code is run once.

Each file is in turn the one whose own code runs. The runs of functions and the names that it asks
for are taken from memory whoever asked for them before. They say nothing of who asks, so they would
be the same in a run of the file's own, except for the limits that count all that a file asks for.
So a file that comes near one of these is analysed in a run of its own (`ApartError`), and no result
depends on which files were analysed before. The budget is compared with what is live in the end: a
run of the file's own spends more on its way there, and may give up a call that is followed here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from jaxsight_analyzers.semantic import imports
from jaxsight_analyzers.semantic.budget import Budget
from jaxsight_analyzers.semantic.module import GlobalName, Module
from jaxsight_analyzers.semantic.run import MAX_MODULES, Run
from jaxsight_analyzers.semantic.scopes import FunctionScope
from jaxsight_analyzers.semantic.tasks import Activation, ApartError, Asked, Dependency, Task

_NO_LIMIT = 1 << 30


def share(run: Run) -> Run:
    """Make a new run one that files share."""
    run.is_shared = True
    run.most_modules = _NO_LIMIT
    run.revision = 1
    return run


def begin(run: Run, path: str) -> Module:
    """The module of the file whose turn it is."""
    run.begin_file()
    module = imports.module_at(run, path)
    assert module is not None
    module.renew()
    return module


def check(run: Run, module: Module, live: Collection[Task]) -> None:
    """Have the file analysed on its own if it asks for more than one file may."""
    activations = [task for task in live if isinstance(task, Activation)]
    ways = Counter(task.scope for task in activations)
    functions = sum(isinstance(s, FunctionScope) for piece in module.pieces for s in piece.scopes)
    spent = {True: 0, False: 0}
    for task in live:
        spent[run.is_own(task)] += task.spent + isinstance(task, Activation)
    if not Budget(functions).allows(spent[True], spent[False]):
        raise ApartError
    if any(n > run.most_ways(scope) for scope, n in ways.items()):
        raise ApartError
    files = {used.path for used in _reached(module, live) if isinstance(used, Asked)}
    if len(files) > MAX_MODULES:
        raise ApartError


def names(module: Module, live: Iterable[Task]) -> list[GlobalName]:
    """The names of a file that what is live follows from."""
    reached = _reached(module, live)
    return [used for used in reached if isinstance(used, GlobalName) and used.module is module]


def asked(module: Module, live: Iterable[Task]) -> set[str]:
    """The paths that were looked for in what is live, and in what that follows from."""
    found = [used.paths for used in _reached(module, live) if isinstance(used, Asked)]
    return {path for paths in found for path in paths}


def _reached(module: Module, live: Iterable[Task]) -> set[Dependency]:
    reached: set[Dependency] = {module.text, *live}
    waiting: list[Task] = list(live)
    while waiting:
        for used in waiting.pop().uses:
            if used not in reached:
                reached.add(used)
                if isinstance(used, Task):
                    waiting.append(used)
    return reached
