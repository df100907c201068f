"""Finds the function a request names, in a module that was imported from the request's text."""

from __future__ import annotations

import ast
import difflib
import inspect
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Optional

from jaxsight_runner.failures import Stop, stop
from jaxsight_runner.inputs.arguments import build_arguments
from jaxsight_runner.inputs.modules import is_module_class
from jaxsight_runner.loading.definitions import qualified_names
from jaxsight_runner.loading.factories import LOCALS, take
from jaxsight_runner.loading.loaded import Loaded
from jaxsight_runner.loading.module import executed_part, load_module, parse_file
from jaxsight_runner.loading.needed import needed
from jaxsight_runner.protocol import Input, TargetRequest
from jaxsight_runner.worker import Job

__all__ = ["Loaded", "load_target"]


def load_target(request: TargetRequest, job: Job, module: Optional[ModuleType] = None) -> Loaded:
    """Import the file and find the function, or say which names come near.

    `module`: what the same text was imported as before, for another function of it. A function that
    is defined inside another is taken from a call of that.
    """
    job.enter("import", f"importing {Path(request.path).name}")
    tree = parse_file(request)
    names = qualified_names(tree)
    request = replace(request, qualname=_spelled(request, names))
    levels = _levels(request.qualname)
    if request.qualname not in names:
        _refuse_early(request, names)
    lines = {level: names.get(level, 1) for level in levels}
    firsts = {level: _first_line(tree, line) for level, line in lines.items()}
    wanted = needed(request, firsts.values())
    if module is None:
        module, left_out = load_module(request, tree, wanted)
    else:
        _, left_out = executed_part(request, tree, wanted)
    outermost = replace(request, qualname=levels[0])
    function, owner, receiver = _find(outermost, module, names)
    loaded = Loaded(
        outermost, module, function, owner, lines[levels[0]], firsts[levels[0]], left_out, receiver
    )
    for level in levels[1:]:
        inner = replace(request, qualname=level)
        others = _parameters(tree, [one for one in lines.values() if one != loaded.line])
        job.enter("arguments", f"calling {loaded.request.qualname}")
        loaded = _inside(replace(loaded, others=others), inner, lines[level], firsts[level], names)
    if len(levels) > 1:
        loaded = replace(
            loaded, others=_parameters(tree, [one for one in lines.values() if one != loaded.line])
        )
    return loaded


# -- functions inside functions


def _spelled(request: TargetRequest, names: dict[str, int]) -> str:
    """The name as Python spells it: `make.<locals>.step`, where `make.step` was meant."""
    given = request.qualname
    if given in names:
        return given
    meant = [name for name in names if name.replace(LOCALS, ".") == given.replace(LOCALS, ".")]
    return meant[0] if len(meant) == 1 else given


def _levels(qualname: str) -> list[str]:
    """`a`, `a.<locals>.b` and `a.<locals>.b.<locals>.c` for the last."""
    parts = qualname.split(LOCALS)
    return [LOCALS.join(parts[: count + 1]) for count in range(len(parts))]


def _inside(
    outer: Loaded, request: TargetRequest, line: int, first_line: int, names: dict[str, int]
) -> Loaded:
    """Call the outer function with its inputs and take the inner one."""
    arguments = build_arguments(outer)
    args, kwargs = arguments.bind(outer.parameters)
    dotted = request.qualname.rpartition(LOCALS)[2]
    name = dotted.split(".")[0]
    made = take(outer.function, args, kwargs, name, request.qualname)
    holder = SimpleNamespace(**{name: made.value})
    found, owner, receiver = _find(replace(request, qualname=dotted), holder, names)
    short = outer.request.qualname
    inputs = [Input(f"{short}.{i.name}", i.value, i.source, i.note) for i in arguments.inputs]
    when = "called it" if made.called else "returned"
    note = f"`{name}` is what it was when `{short}` {when}"
    return Loaded(
        request,
        outer.module,
        found,
        owner,
        line,
        first_line,
        outer.left_out,
        receiver,
        factory_inputs=(*outer.factory_inputs, *inputs),
        factory_notes=(*outer.factory_notes, note),
        scope={**outer.scope, **made.scope},
    )


def _parameters(tree: ast.Module, lines: list[int]) -> frozenset[str]:
    """The parameters of the functions that are defined on these lines."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.lineno in lines:
            spec = node.args
            found |= {item.arg for item in [*spec.posonlyargs, *spec.args, *spec.kwonlyargs]}
    return frozenset(found)


# -- finding


def _refuse_early(request: TargetRequest, names: dict[str, int]) -> None:
    """Spare the import when the name's first part is nowhere bound in the text."""
    head = request.qualname.split(".")[0]
    if head not in request.text or LOCALS in request.qualname:
        raise _unknown(request, names)


def _find(
    request: TargetRequest, module: Any, names: dict[str, int]
) -> tuple[Callable[..., Any], Optional[type], Optional[str]]:
    """The function, the class that gives it `self`, and the expression for that where there is one."""
    found: Any = module
    owner: Optional[type] = None
    static = False
    parts = request.qualname.split(".")
    for part in parts:
        owner = found if inspect.isclass(found) else None
        static = owner is not None and isinstance(
            inspect.getattr_static(owner, part, None), (staticmethod, classmethod)
        )
        try:
            found = getattr(found, part)
        except AttributeError as error:
            raise _unknown(request, names) from error
    if is_module_class(found) and _has_call(found):
        return found.__call__, found, None
    kind = _class_of(found)
    wraps = hasattr(found, "__wrapped__")  # Equinox's compiled functions are modules, too
    if not wraps and is_module_class(kind) and _has_call(kind):
        return kind.__call__, kind, request.qualname
    holder = _class_of(getattr(found, "__self__", None))
    if inspect.ismethod(found) and is_module_class(holder):
        return found.__func__, holder, ".".join(parts[:-1])
    if inspect.isclass(found):
        methods = [name for name in names if name.startswith(f"{request.qualname}.")]
        choice = f": name one of its methods, as `{methods[0]}`" if methods else ""
        raise stop("target", f"`{request.qualname}` is a class{choice}")
    return _refuse_uncallable(found, request), None if static else owner, None


def _class_of(value: object) -> Any:
    return type(value)


def _has_call(owner: type) -> bool:
    return any("__call__" in vars(base) for base in owner.__mro__)


def _refuse_uncallable(found: Any, request: TargetRequest) -> Callable[..., Any]:
    if not callable(found):
        kind = type(found).__name__
        raise stop("target", f"`{request.qualname}` is no function but a value of type {kind}")
    if inspect.iscoroutinefunction(found) or inspect.isgeneratorfunction(found):
        raise stop(
            "target", f"`{request.qualname}` is asynchronous or a generator, which JAX cannot trace"
        )
    return found


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
