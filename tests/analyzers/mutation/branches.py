"""Mistakes with control flow: Python decides what JAX traces."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.analyzers.mutation.program import FUNCTIONS, Edit, Mutant, Program, lines, place

RULE = "traced-if"
WHERE = ("jax.numpy.where", "jax.lax.select")
PARTIAL = "functools.partial"


def _wheres(program: Program) -> Iterator[ast.Call]:
    for call in program.calls(*WHERE):
        if len(call.args) == 3 and not call.keywords:
            yield call


def where_to_ternary(program: Program) -> Iterator[Mutant]:
    """`jnp.where(c, a, b)` becomes `a if c else b`."""
    for call in _wheres(program):
        test, yes, no = map(program.source, call.args)
        text = f"(({yes}) if {test} else ({no}))"
        yield Mutant(
            "where-to-ternary", RULE, place(call), program.edited(Edit(call, text)), lines(call)
        )


def where_to_if(program: Program) -> Iterator[Mutant]:
    """`x = jnp.where(c, a, b)` becomes an `if` statement."""
    for call in _wheres(program):
        statement = program.statement(call)
        if isinstance(statement, ast.Assign) and statement.value is call:
            target = program.source(statement.targets[0])
            test, yes, no = map(program.source, call.args)
            space = program.indent(statement)
            text = (
                f"if {test}:\n{space}    {target} = {yes}\n{space}else:\n{space}    {target} = {no}"
            )
            yield Mutant(
                "where-to-if",
                RULE,
                place(call),
                program.edited(Edit(statement, text)),
                lines(statement),
            )


def where_to_return(program: Program) -> Iterator[Mutant]:
    """`return jnp.where(c, a, b)` becomes a return in a branch and one after it."""
    for call in _wheres(program):
        statement = program.statement(call)
        if isinstance(statement, ast.Return) and statement.value is call:
            test, yes, no = map(program.source, call.args)
            space = program.indent(statement)
            text = f"if {test}:\n{space}    return {yes}\n{space}return {no}"
            yield Mutant(
                "return-in-branch",
                RULE,
                place(call),
                program.edited(Edit(statement, text)),
                lines(statement),
            )


def early_return(program: Program) -> Iterator[Mutant]:
    """What a function returns at its end it returns early too, if a local is positive."""
    for function in ast.walk(program.tree):
        if not isinstance(function, FUNCTIONS):
            continue
        last = function.body[-1]
        if not isinstance(last, ast.Return) or last.value is None:
            continue
        for name in _locals(function):
            space = program.indent(last)
            value = program.source(last.value)
            text = f"if ({name} > 0).any():\n{space}    return {value}\n{space}return {value}"
            yield Mutant(
                "return-in-branch",
                RULE,
                place(last, name),
                program.edited(Edit(last, text)),
                (last.lineno,),
            )


def _locals(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """The parameters, and the names that the function's own statements bind."""
    names = [each.arg for each in function.args.args if each.arg != "self"]
    for statement in function.body:
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                elements = target.elts if isinstance(target, ast.Tuple) else [target]
                names += [each.id for each in elements if isinstance(each, ast.Name)]
    return list(dict.fromkeys(names))


def cond_to_if(program: Program) -> Iterator[Mutant]:
    """`x = lax.cond(p, f, g, y)` becomes `if p: x = f(y)` and so on."""
    for call in program.calls("jax.lax.cond"):
        statement = program.statement(call)
        if len(call.args) < 3 or call.keywords or getattr(statement, "value", None) is not call:
            continue
        test, yes, no = map(program.source, call.args[:3])
        operands = ", ".join(map(program.source, call.args[3:]))
        start = program.span(statement)[0]
        before = program.text[start : program.span(call)[0]]  # `return ` or `x = `
        space = program.indent(statement)
        text = (
            f"if {test}:\n{space}    {before}({yes})({operands})\n"
            f"{space}else:\n{space}    {before}({no})({operands})"
        )
        yield Mutant(
            "cond-to-if",
            RULE,
            place(call),
            program.edited(Edit(statement, text)),
            (statement.lineno,),
        )


def cond_to_ternary(program: Program) -> Iterator[Mutant]:
    """`lax.cond(p, f, g, y)` becomes `f(y) if p else g(y)`."""
    for call in program.calls("jax.lax.cond"):
        if len(call.args) < 3 or call.keywords:
            continue
        test, yes, no = map(program.source, call.args[:3])
        operands = ", ".join(map(program.source, call.args[3:]))
        text = f"(({yes})({operands}) if {test} else ({no})({operands}))"
        yield Mutant(
            "cond-to-if",
            RULE,
            place(call, "ternary"),
            program.edited(Edit(call, text)),
            lines(call),
        )


def static_made_dynamic(program: Program) -> Iterator[Mutant]:
    """A static argument that the function branches on is no longer declared static."""
    for function in ast.walk(program.tree):
        if not isinstance(function, FUNCTIONS):
            continue
        for decorator in function.decorator_list:
            for keyword in getattr(decorator, "keywords", ()):
                yield from _without(program, function, keyword)


def _without(
    program: Program, function: ast.FunctionDef | ast.AsyncFunctionDef, keyword: ast.keyword
) -> Iterator[Mutant]:
    if keyword.arg not in ("static_argnames", "static_argnums"):
        return
    given: list[object] = []
    value = ast.literal_eval(keyword.value)
    given = [*value] if isinstance(value, (tuple, list)) else [value]
    parameters = [*function.args.args, *function.args.kwonlyargs]
    for each in given:
        name = parameters[each].arg if isinstance(each, int) else str(each)
        tests = [
            node.test
            for node in ast.walk(function)
            if isinstance(node, (ast.If, ast.IfExp)) and _mentions(node.test, name)
        ]
        if tests:
            left = tuple(other for other in given if other != each)
            yield Mutant(
                "static-made-dynamic",
                RULE,
                place(keyword, name),
                program.edited(Edit(keyword.value, repr(left))),
                lines(*tests),
            )


def _mentions(node: ast.AST, name: str) -> bool:
    return any(isinstance(each, ast.Name) and each.id == name for each in ast.walk(node))
