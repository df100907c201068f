"""Finds the function a request names, in a module that was imported from the request's text."""

from __future__ import annotations

import ast
import difflib
import hashlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Optional

from jaxsight_runner.failures import Stop, stop
from jaxsight_runner.loading.definitions import qualified_names
from jaxsight_runner.loading.module import executed_part, load_module, parse_file
from jaxsight_runner.loading.needed import needed
from jaxsight_runner.protocol import TargetRequest
from jaxsight_runner.worker import Job


@dataclass(frozen=True)
class Loaded:
    """The user's function, ready to be given arguments."""

    request: TargetRequest
    module: ModuleType
    function: Callable[..., Any]  # a user's function returns anything
    owner: Optional[type]  # the class, when the function is one of its methods and needs `self`
    line: int  # of the `def`, from 1
    first_line: int  # of its first decorator
    left_out: tuple[
        int, ...
    ] = ()  # lines of the file that were not run, as nothing here needs them

    @property
    def hash(self) -> str:
        """Of the text that was run."""
        return hashlib.sha256(self.request.text.encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader of a report has to know of how the target was loaded."""
        if not self.left_out:
            return ()
        lines = [str(line) for line in self.left_out]
        shown = ", ".join(lines[:5]) + (f" and {len(lines) - 5} more" if len(lines) > 5 else "")
        return (f"not run, as `{self.request.qualname}` does not need it: line {shown}",)

    @property
    def parameters(self) -> dict[str, inspect.Parameter]:
        """The parameters by name; a class's `self` is one of them."""
        return dict(inspect.signature(self.function).parameters)


def load_target(request: TargetRequest, job: Job, module: Optional[ModuleType] = None) -> Loaded:
    """Import the file and find the function, or say which names come near.

    `module`: what the same text was imported as before, for another function of it.
    """
    job.enter("import", f"importing {Path(request.path).name}")
    tree = parse_file(request)
    names = qualified_names(tree)
    if "<locals>" in request.qualname:
        raise stop(
            "target",
            f"`{request.qualname}` is defined inside a function; name a function of the module or "
            "a method of one of its classes",
        )
    if request.qualname not in names:
        _refuse_early(request, names)
    line = names.get(request.qualname, 1)
    first_line = _first_line(tree, line)
    wanted = needed(request, [first_line])
    if module is None:
        module, left_out = load_module(request, tree, wanted)
    else:
        _, left_out = executed_part(request, tree, wanted)
    function, owner = _find(request, module, names)
    return Loaded(request, module, function, owner, line, first_line, left_out)


def _refuse_early(request: TargetRequest, names: dict[str, int]) -> None:
    """Spare the import when the name's first part is nowhere bound in the text."""
    head = request.qualname.split(".")[0]
    if head not in request.text:
        raise _unknown(request, names)


def _find(
    request: TargetRequest, module: ModuleType, names: dict[str, int]
) -> tuple[Callable[..., Any], Optional[type]]:
    found: Any = module
    owner: Optional[type] = None
    static = False
    for part in request.qualname.split("."):
        owner = found if inspect.isclass(found) else None
        static = owner is not None and isinstance(
            inspect.getattr_static(owner, part, None), (staticmethod, classmethod)
        )
        try:
            found = getattr(found, part)
        except AttributeError as error:
            raise _unknown(request, names) from error
    if inspect.isclass(found):
        methods = [name for name in names if name.startswith(f"{request.qualname}.")]
        choice = f": name one of its methods, as `{methods[0]}`" if methods else ""
        raise stop("target", f"`{request.qualname}` is a class{choice}")
    if not callable(found):
        kind = type(found).__name__
        raise stop("target", f"`{request.qualname}` is no function but a value of type {kind}")
    if inspect.iscoroutinefunction(found) or inspect.isgeneratorfunction(found):
        raise stop(
            "target", f"`{request.qualname}` is asynchronous or a generator, which JAX cannot trace"
        )
    return found, None if static else owner


def _unknown(request: TargetRequest, names: dict[str, int]) -> Stop:
    near = difflib.get_close_matches(request.qualname, names, n=3, cutoff=0.4)
    last = request.qualname.split(".")[-1]
    near += [name for name in names if name.split(".")[-1] == last and name not in near][:2]
    shown = ", ".join(f"`{name}`" for name in (near or list(names)[:5]))
    hint = f"; did you mean {shown}?" if near else f"; it defines {shown}" if shown else ""
    return stop("target", f"{Path(request.path).name} has no `{request.qualname}`{hint}")


def _first_line(tree: ast.Module, line: int) -> int:
    """The line of a definition's first decorator."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.lineno == line:
            return min([node.lineno, *(item.lineno for item in node.decorator_list)])
    return line
