"""Compiles a method whose object JAX cannot take as an argument, or keeps what the object held before.

## Why is this bad?

`@jax.jit` above a method compiles a function whose first argument is `self`. An instance of an ordinary class is neither an array nor a
container that JAX knows, and the first call raises `TypeError: Error interpreting argument to <function
Model.__call__ ...> as an abstract array. The problematic value is of type <class 'Model'>`.

With `static_argnums=0` the object is a part of what the compiled code is found by. A dataclass without `frozen=True` has no
hash: `ValueError: Non-hashable static arguments are not supported`. Objects of ordinary classes are told apart by identity, so
what was compiled goes on with the attributes of the first call: later assignments have no effect.

## Fix safety

Safe for a dataclass of arrays, which `register_dataclass` makes a container of its fields. Otherwise unsafe: a static
`self` must not change, and lives as long as the compiled code.

## Limits

Bases, decorators and metaclasses of libraries may register a class, and so may a call in the file: then nothing is reported. Of a
class that others are to derive from, only "may" is said.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import (
    Applicability,
    Certainty,
    Edit,
    Finding,
    Fix,
    FixRef,
    Severity,
    Span,
)
from jaxsight_analyzers.fixes import edits, registration, static_arguments
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.compilation_streams import CompiledMethod


def check(unit: Unit) -> Iterator[Finding]:
    for number, compiled in enumerate(unit.compiled_methods):
        of_self = compiled.of_self
        if not of_self.static:
            if not unit.registers_classes:
                yield _traced(unit, compiled, number)
        elif not of_self.hashable:
            yield _unhashable(unit, compiled, number)
        elif of_self.changed and of_self.kind == "object":
            yield _stale(compiled)


def _traced(unit: Unit, compiled: CompiledMethod, number: int) -> Finding:
    owner, sure = compiled.of_self.owner.name, compiled.of_self.certainty
    fixes: list[FixRef] = []
    if registration.register(unit, compiled.of_self.owner) is not None:
        is_safe = compiled.of_self.of_arrays and sure is Certainty.YES
        applicability = Applicability.SAFE if is_safe else Applicability.UNSAFE
        fixes.append(FixRef("register", f"Register `{owner}` as a pytree", applicability, number))
    name = _first(compiled)
    if compiled.of_self.hashable and static_arguments.of_method(unit, compiled, name) is not None:
        title = f"Mark `{name}` static"
        fixes.append(FixRef("mark-self-static", title, Applicability.UNSAFE, number))
    verb = "is" if sure is Certainty.YES else "may be"
    return Finding(
        span=compiled.span,
        message=(
            f"`{compiled.by}` gets `{name}` of `{owner}.{compiled.method}` as an argument, "
            f"but `{owner}` {verb} no pytree"
        ),
        certainty=sure,
        fixes=tuple(fixes),
    )


def _unhashable(unit: Unit, compiled: CompiledMethod, number: int) -> Finding:
    owner = compiled.of_self.owner.name
    fixes: tuple[FixRef, ...] = ()
    if _by_identity(unit, compiled) is not None:
        title = f"Compare instances of `{owner}` by identity"
        fixes = (FixRef("compare-by-identity", title, Applicability.UNSAFE, number),)
    return Finding(
        span=compiled.span,
        message=(
            f"`{_first(compiled)}` of `{owner}.{compiled.method}` is static, "
            f"but instances of `{owner}` have no hash, so each call fails"
        ),
        fixes=fixes,
    )


def _stale(compiled: CompiledMethod) -> Finding:
    owner, name = compiled.of_self.owner.name, _first(compiled)
    attribute, writer = compiled.of_self.changed[0]
    return Finding(
        span=compiled.span,
        message=(
            f"`{name}` is static, so `{owner}.{compiled.method}` may go on with the `{name}.{attribute}` "
            f"of its first call after `{writer}` sets it"
        ),
        certainty=Certainty.MAYBE,
    )


def _first(compiled: CompiledMethod) -> str:
    arguments = compiled.function.args
    return (*arguments.posonlyargs, *arguments.args)[0].arg


def _by_identity(unit: Unit, compiled: CompiledMethod) -> tuple[Edit, ...] | None:
    """The edits that give a dataclass the hash that objects have."""
    owner = compiled.of_self.owner
    if compiled.of_self.kind != "dataclass" or not unit.model.module.owns(owner.node):
        return None
    if len(owner.node.decorator_list) != 1:
        return None
    (decorator,) = owner.node.decorator_list
    if isinstance(decorator, ast.Call):
        return (edits.add_keyword(unit, decorator, "eq=False"),)
    end = unit.model.module.span(decorator).end
    return (Edit(Span(end, end), "(eq=False)"),)


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    compiled = unit.compiled_methods[reference.data]
    if reference.kind == "register":
        edited = registration.register(unit, compiled.of_self.owner)
    elif reference.kind == "compare-by-identity":
        edited = _by_identity(unit, compiled)
    else:
        parameter = static_arguments.of_method(unit, compiled, _first(compiled))
        edited = None if parameter is None else static_arguments.mark(unit, parameter)
    return None if edited is None else Fix(reference.title, edited, reference.applicability)


RULE = Rule(
    name="jit-method-self",
    severity=Severity.ERROR,
    since="0.1.0",
    check=check,
    fix=fix,
    errors=(
        "TypeError: Error interpreting argument to ... as an abstract array",
        "ValueError: Non-hashable static arguments are not supported",
    ),
    examples=(
        Example(
            """
            from dataclasses import dataclass

            import jax

            @dataclass
            class Model:
                w: jax.Array

                @jax.jit  # error: [jit-method-self]
                def __call__(self, x):
                    return x * self.w
            """,
            fixed="""
            from dataclasses import dataclass

            import jax

            @jax.tree_util.register_dataclass
            @dataclass
            class Model:
                w: jax.Array

                @jax.jit
                def __call__(self, x):
                    return x * self.w
            """,
        ),
        Example(
            """
            from functools import partial

            import jax

            class Model:
                def __init__(self, rate):
                    self.rate = rate

                @partial(jax.jit, static_argnames="self")
                def __call__(self, x):
                    return x * self.rate
            """
        ),
    ),
)
