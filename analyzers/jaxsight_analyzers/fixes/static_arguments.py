"""Marks a parameter static where its function is compiled, in whichever way that is written.

`@jax.jit` becomes `@partial(jax.jit, static_argnames="n")`; from JAX 0.8.1 on `@jax.jit(static_argnames="n")`
does too. `jax.jit(f)`, `@jax.jit(...)` and `@partial(jax.jit, ...)` get one keyword more, or one name more
in a keyword that is there.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import NamedTuple

from jaxsight_analyzers.diagnostic import Edit, Related, Route, Span
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.compilation_streams import CompiledMethod, Passed
from jaxsight_analyzers.semantic.contexts import Transformation
from jaxsight_analyzers.semantic.parameters import FunctionNode, all_arguments
from jaxsight_analyzers.semantic.routes import TracedHere


class Parameter(NamedTuple):
    """A parameter whose argument a compiled function gets as a tracer."""

    name: str
    function: FunctionNode
    compiled_by: Transformation

    @property
    def title(self) -> str:
        """What the fix is called."""
        return f"Mark `{self.name}` static"


def behind(unit: Unit, related: Iterable[Related | Route]) -> Parameter | None:
    """The parameter that makes something a tracer, by a stream's `related`; None where none could be static.

    That is so where nothing but one `jit` traces it, and the parameter is no `*args`. Whether what
    callers pass may be static, at least a name or number alone, is for those who ask to know.
    """
    for route in related:
        if isinstance(route, TracedHere) and route.origin is not None:
            for frame in route.frame.chain():
                parameter = _of(frame.node, frame.transformations, route.origin.name)
                if parameter is not None and _declares(parameter, route.origin.node):
                    return parameter if _is_possible(unit, parameter) else None
    return None


def of_call(unit: Unit, passed: Passed) -> Parameter | None:
    """The parameter that an argument is passed for; None where it could not be static."""
    if passed.parameter is None:
        return None
    parameter = Parameter(passed.parameter, passed.function, passed.compiled_by)
    return parameter if _is_possible(unit, parameter) else None


def of_method(unit: Unit, compiled: CompiledMethod, name: str) -> Parameter | None:
    """A parameter of a compiled method; None where it could not be static."""
    parameter = Parameter(name, compiled.function, compiled.compiled_by)
    return parameter if _is_possible(unit, parameter) else None


def _of(node: ast.AST, applied: tuple[Transformation, ...], name: str) -> Parameter | None:
    tracing = [one for one in applied if one.abstract]
    if len(tracing) != 1 or not tracing[0].compiles:
        return None
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        return Parameter(name, node, tracing[0])
    return None


def _declares(parameter: Parameter, argument: ast.AST) -> bool:
    return any(one is argument for one in all_arguments(parameter.function.args))


def _is_possible(unit: Unit, parameter: Parameter) -> bool:
    """Whether there is a place to say it, and nothing is said of the parameter there."""
    compiled, module = parameter.compiled_by, unit.model.module
    if compiled.static_unknown or not module.owns(compiled.node) or _position(parameter) is None:
        return False
    if compiled.facts.static.argnames is None or compiled.qualified.startswith("flax.linen."):
        return False
    names = {parameter.name, _position(parameter)}
    return names.isdisjoint(compiled.donated) and _edited(unit, parameter) is not None


def _position(parameter: Parameter) -> int | None:
    """Which one it is of those that are given by position; -1: by name only; None: no name of its own."""
    arguments = parameter.function.args
    names = [one.arg for one in (*arguments.posonlyargs, *arguments.args)]
    if parameter.name in names:
        position = names.index(parameter.name) - parameter.compiled_by.bound
        return position if position >= 0 else None
    return -1 if any(one.arg == parameter.name for one in arguments.kwonlyargs) else None


def mark(unit: Unit, parameter: Parameter) -> tuple[Edit, ...]:
    """The edits that make a parameter static; `behind` has looked whether there are any."""
    return _edited(unit, parameter) or ()


def unmark(unit: Unit, parameter: Parameter) -> tuple[Edit, ...] | None:
    """The edits that have a parameter traced; None where it is not named by a literal that can be changed."""
    call, naming = parameter.compiled_by.node, parameter.compiled_by.facts.static
    if not isinstance(call, ast.Call) or not unit.model.module.owns(call):
        return None
    chosen = (parameter.name, _position(parameter))
    found: list[Edit] = []
    for keyword in call.keywords:
        if keyword.arg not in (naming.argnames, naming.argnums) or keyword.arg is None:
            continue
        value = keyword.value
        items = value.elts if isinstance(value, (ast.Tuple, ast.List)) else [value]
        if not all(isinstance(one, ast.Constant) for one in items):
            return None
        kept = [one for one in items if getattr(one, "value", None) not in chosen]
        if len(kept) == len(items):
            continue
        edit = _with_items(unit, keyword.value, kept) or _without(unit, call, keyword.arg)
        if edit is None:
            return None
        found.append(edit)
    return tuple(found) or None


def _with_items(unit: Unit, value: ast.expr, kept: list[ast.expr]) -> Edit | None:
    """A literal with fewer items; None for none."""
    if not kept:
        return None
    written = [edits.source(unit, one) for one in kept]
    text = written[0] if len(written) == 1 else f"({', '.join(written)})"
    return Edit(unit.model.module.span(value), text)


def _without(unit: Unit, call: ast.Call, keyword: str) -> Edit | None:
    """A call without its only keyword: `jax.jit` for `partial(jax.jit, static_argnums=1)`."""
    if len(call.keywords) > 1 or (call.args and not _is_partial(unit, call)):
        return edits.without_keyword(unit, call, keyword)
    plain = call.args[0] if call.args else call.func
    return Edit(unit.model.module.span(call), edits.source(unit, plain))


def _edited(unit: Unit, parameter: Parameter) -> tuple[Edit, ...] | None:
    node = parameter.compiled_by.node
    decorators = getattr(parameter.function, "decorator_list", ())
    is_decorator = any(one is node for one in decorators)
    if is_decorator and isinstance(node, (ast.Name, ast.Attribute)):
        return _called(unit, node, parameter)
    if isinstance(node, ast.Call) and (is_decorator or not _is_partial(unit, node)):
        return _with_keyword(unit, node, parameter)
    return None


def _called(
    unit: Unit, decorator: ast.Name | ast.Attribute, parameter: Parameter
) -> tuple[Edit, ...]:
    """`@jax.jit` with its first keyword."""
    span, written = unit.model.module.span(decorator), edits.source(unit, decorator)
    keyword = f'{parameter.compiled_by.facts.static.argnames}="{parameter.name}"'
    if parameter.compiled_by.facts.name == "jax.jit" and unit.is_at_least("jax", "0.8.1"):
        return (Edit(span, f"{written}({keyword})"),)
    partial = edits.spell(unit, "functools.partial")
    return (Edit(span, f"{partial.text}({written}, {keyword})"), *partial.edits)


def _is_partial(unit: Unit, call: ast.Call) -> bool:
    """Whether it is a `partial(jax.jit, ...)`, which may be given other functions too."""
    return edits.source(unit, call.func) == edits.spell(unit, "functools.partial").text


def _with_keyword(unit: Unit, call: ast.Call, parameter: Parameter) -> tuple[Edit, ...] | None:
    """A call of `jit` that names one static argument more."""
    naming = parameter.compiled_by.facts.static
    given = {one.arg: one.value for one in call.keywords}
    if None in given or len(call.args) > 1 + _is_partial(unit, call):
        return None
    by_name = given.get(naming.argnames)
    by_number = given.get(naming.argnums)
    if by_name is not None:
        return _both(unit, by_name, by_number, parameter)
    if by_number is None:
        return (edits.add_keyword(unit, call, f'{naming.argnames}="{parameter.name}"'),)
    position = _position(parameter)
    if position is not None and position >= 0:
        return _joined(unit, by_number, str(position))
    names = _named_by(parameter, by_number)
    if names is None:
        return None
    # with names JAX no longer looks up those that belong to the numbers
    written = ", ".join(f'"{name}"' for name in (*names, parameter.name))
    return (edits.add_keyword(unit, call, f"{naming.argnames}=({written})"),)


def _both(
    unit: Unit, by_name: ast.expr, by_number: ast.expr | None, parameter: Parameter
) -> tuple[Edit, ...] | None:
    """One name more, and one number more where there are numbers."""
    named = _joined(unit, by_name, f'"{parameter.name}"')
    position = _position(parameter)
    if named is None or by_number is None or position is None or position < 0:
        return named
    numbered = _joined(unit, by_number, str(position))
    return None if numbered is None else (*named, *numbered)


def _joined(unit: Unit, known: ast.expr, another: str) -> tuple[Edit, ...] | None:
    """A literal with one item more: `0` -> `(0, 1)`, `["a"]` -> `["a", "b"]`; None for what is no literal."""
    span, written = unit.model.module.span(known), edits.source(unit, known)
    if isinstance(known, ast.Constant):
        return (Edit(span, f"({written}, {another})"),)
    if not isinstance(known, (ast.Tuple, ast.List)) or written[:1] not in ("(", "["):
        return None
    if not known.elts:
        closing = "," if isinstance(known, ast.Tuple) else ""
        return (Edit(span, f"{written[0]}{another}{closing}{written[-1]}"),)
    if not all(isinstance(one, ast.Constant) for one in known.elts):
        return None
    if len(known.elts) == 1 and isinstance(known, ast.Tuple):
        return (Edit(span, f"({edits.source(unit, known.elts[0])}, {another})"),)
    last = unit.model.module.span(known.elts[-1]).end
    return (Edit(Span(last, last), f", {another}"),)


def _named_by(parameter: Parameter, numbers: ast.expr) -> list[str] | None:
    """The names of the parameters that literal `static_argnums` mean."""
    items = numbers.elts if isinstance(numbers, (ast.Tuple, ast.List)) else [numbers]
    arguments = parameter.function.args
    names = [one.arg for one in (*arguments.posonlyargs, *arguments.args)]
    names = names[parameter.compiled_by.bound :]
    found: list[str] = []
    for one in items:
        number = one.value if isinstance(one, ast.Constant) else None
        if not isinstance(number, int) or not 0 <= number < len(names):
            return None
        found.append(names[number])
    return found
