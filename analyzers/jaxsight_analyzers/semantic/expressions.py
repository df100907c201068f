"""What each expression evaluates to, and what evaluating it does."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from typing import Any

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.knowledge.facts import FunctionFacts
from jaxsight_analyzers.semantic import (
    annotations,
    arithmetic,
    asking,
    assignments,
    avals,
    bounds,
    callees,
    calls,
    comparisons,
    displays,
    donations,
    effects,
    flow,
    formats,
    imports,
    initialised,
    iteration,
    key_arrays,
    leaves,
    linen_pairs,
    linen_variables,
    makers,
    members,
    methods,
    narrowing,
    nnx_modules,
    optimisers,
    reads,
    records,
    references,
    shape_annotations,
    slices,
)
from jaxsight_analyzers.semantic.events import BranchSeen, ReferenceSeen
from jaxsight_analyzers.semantic.joins import join, join_all
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.scopes import ClassScope
from jaxsight_analyzers.semantic.structures import (
    entries_of,
    items_of,
    parts_of,
    sequence,
    series,
    unfollowed,
)
from jaxsight_analyzers.semantic.values import (
    HOST,
    MISSING,
    NAN,
    NEVER,
    STATIC,
    UNKNOWN,
    FunctionData,
    Kind,
    Reexported,
    Value,
    class_of,
    constant,
    constant_of,
    is_made,
    most_traced,
    own,
    qualified_of,
    record_of,
    tracer,
    truth_of,
)


def evaluate(run: Run, node: ast.expr, /) -> Value:
    """The value of an expression; records what its evaluation does."""
    return _HANDLERS.get(node.__class__, _generic)(run, node)


def _generic(run: Run, node: ast.expr) -> Value:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            evaluate(run, child)
    return UNKNOWN


def _constant(run: Run, node: ast.Constant) -> Value:
    return constant(node.value)


def _name(run: Run, node: ast.Name) -> Value:
    name, frame = node.id, run.frame
    value = run.lookup(name)
    if value.kind is Kind.IMPORTED:
        _refer(run, node, value, "name")
    elif frame.abstract or frame.concrete:
        reads.read(run, node, value)
    if value.donated is not None:
        donations.note_read(run, node, node.id, value)
    scope = frame.environment.scope
    if scope is not None and name in scope.declared and name not in frame.state.names:
        return _as_rebound(value)
    return value


def _as_rebound(value: Value) -> Value:
    """What a function reads of a `global` or `nonlocal` name that it binds itself: no constant."""
    if value.kind is Kind.STATIC:
        return own(UNKNOWN if value.data is None else STATIC)
    return value


def _refer(run: Run, node: ast.expr, value: Value, kind: str) -> None:
    qualified = qualified_of(value) or ""
    if not qualified.startswith("builtins.") and not isinstance(qualified, Reexported):
        guards = run.guards
        guarded = bool(guards) and ("try" in guards or "version" in guards)
        run.task.events.references.append(ReferenceSeen(node, qualified, kind, guarded))


def place_of(node: ast.expr) -> str | None:
    """The text of `self.key`, `state.rng` or `rngs["params"]`: places that hold a value as names do."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = place_of(node.value)
        return None if base is None else f"{base}.{node.attr}"
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        base = place_of(node.value)
        return None if base is None else f"{base}[{node.slice.value!r}]"
    return None


def _attribute(run: Run, node: ast.Attribute) -> Value:
    return base_and_attribute(run, node)[1]


def base_and_attribute(run: Run, node: ast.Attribute) -> tuple[Value, Value]:
    """The values of `base` and of `base.name`; the longest dotted chain is what is referred to."""
    base = _base(run, node.value, node.attr)
    value = _attribute_value(run, base, node)
    if value.kind is Kind.IMPORTED or (qualified_of(base) and value.kind is Kind.STATIC):
        name = value if value.kind is Kind.IMPORTED else _named(base, node)
        _refer(run, node, name, "attribute")
    return base, value


def _base(run: Run, node: ast.expr, name: str) -> Value:
    """The value of `base` in `base.name`. Only to change an object is not to read it."""
    if isinstance(node, ast.Attribute):
        return _attribute_value(run, _base(run, node.value, node.attr), node)
    if not isinstance(node, ast.Name):
        return evaluate(run, node)
    value = run.lookup(node.id)
    if run.frame.traced and run.knowledge.mutator(name) is None:
        reads.read(run, node, value, name)
    donations.note_read(run, node, node.id, value)
    return value


def _named(base: Value, node: ast.Attribute) -> Value:
    return Value(Kind.IMPORTED, data=f"{qualified_of(base)}.{node.attr}")


_CONSTANTS = {"nan": NAN, "inf": constant(math.inf), "pi": constant(math.pi)}
"""What `jnp.nan` and the like are."""


def _attribute_value(run: Run, base: Value, node: ast.Attribute) -> Value:
    qualified = qualified_of(base)
    if qualified is not None:
        name = f"{qualified}.{node.attr}"
        facts = run.facts(name)
        if facts is not None and facts.kind == "constant":
            return _CONSTANTS.get(node.attr, STATIC)
        return Value(Kind.IMPORTED, data=name)
    module = imports.module_of(base)
    if module is not None:
        return imports.member(run, module, node.attr)
    if base.data is not None and node.attr in nnx_modules.TELLING:
        nnx_modules.note_read(run, base, node)
    if run.frame.state.parts:
        place = place_of(node)
        held = None if place is None else run.frame.state.names.get(place)
        if held is not None:
            donations.note_read(run, node, place or "", held)
            return held
    value = _attribute_of(run, base, node)
    if value.tokens and (place := place_of(node)) is not None:
        run.frame.state.hold(place, value)  # the same key at each reading, until it is assigned
    return value


def _attribute_of(run: Run, base: Value, node: ast.Attribute) -> Value:
    if base.kind is Kind.SEQUENCE and node.attr not in ("count", "index"):
        linen_pairs.used(run, node.value, base, f".{node.attr}")
    owner = class_of(base)
    if base.kind is Kind.INSTANCE:
        held = records.field_of(base, node.attr)
        if held is not None:
            return initialised.of(base, held)
    if owner is not None:
        return _class_attribute(run, base, node)
    method = run.knowledge.method(node.attr)
    if method is not None and method.attribute and method.returns == "static":
        return STATIC
    if base.kind in (Kind.ARRAY, Kind.KEY, Kind.KEYS):
        if method is None or not method.attribute:
            return UNKNOWN
        return avals.with_aval(tracer(Kind.ARRAY, base), avals.of_attribute(base, node.attr))
    if base.kind is Kind.TREE:
        if method is not None and method.attribute:
            return tracer(Kind.ARRAY, base)
        return _part_of_unknown(run, base, node)
    if isinstance(base.data, FunctionFacts):
        held = nnx_modules.attribute(run, base, node)
        if held is not None:
            return held
    if base.kind is Kind.UNKNOWN:
        found = optimisers.method_of(base, node.attr) or members.above(run, base, node.attr)
        return _part_of_unknown(run, base, node) if found is None else found
    if base.kind is Kind.FUNCTION and node.attr == "__wrapped__":
        return methods.unwrapped(base)
    if base.kind is Kind.CALLABLE:
        return linen_variables.method_of(run, base, node.attr) or UNKNOWN
    return UNKNOWN


def _part_of_unknown(run: Run, base: Value, node: ast.Attribute | ast.Subscript) -> Value:
    """An attribute or element of something whose structure is not known: maybe a key."""
    place = place_of(node)
    tokens = None if place is None else run.new_key(place, node)
    if base.kind is Kind.TREE and isinstance(node, ast.Subscript):
        return Value(Kind.TREE, base.traced, base.origin, concrete=base.concrete, tokens=tokens)
    # An attribute may be a field that is not traced, such as `apply_fn`.
    return Value(Kind.UNKNOWN, tokens=tokens)


def _class_attribute(run: Run, base: Value, node: ast.Attribute) -> Value:
    owner = class_of(base)
    assert owner is not None
    found = members.read_property(run, base, node.attr, node)
    if found is None:
        found = members.member(run, base, node.attr)
    if found is not None:
        return found
    if node.attr in owner.fields:
        kind = annotations.kind_of_field(run, owner, node.attr)
        whole = base.traced is Certainty.YES and record_of(base) is None
        if (
            whole
            and kind in ("array", "host-array", "pytree", None)
            and _is_leaf(run, owner, node.attr)
            and not records.holds_texts(owner.fields[node.attr].annotation)
        ):
            is_array = kind in ("array", "host-array")
            return tracer(Kind.ARRAY if is_array else Kind.TREE, base)
        value = annotations.value_of(
            run, owner.fields[node.attr].annotation, node.attr, node, owner.home
        )
        return value if value is not None else _part_of_unknown(run, UNKNOWN, node)
    if owner.is_property(node.attr):
        return UNKNOWN
    method = linen_variables.method_of(run, base, node.attr) if base.kind is Kind.INSTANCE else None
    return _part_of_unknown(run, UNKNOWN, node) if method is None else method


def _is_leaf(run: Run, owner: ClassScope, name: str) -> bool:
    left = leaves.left_alone(run, owner)
    return left is not None and name not in left


def jax_result(run: Run, kind: Kind, arguments: tuple[Value, ...]) -> Value:
    """A result of a JAX function: traced where an argument is, or where every result is."""
    most = most_traced(arguments)
    if run.frame.constants_traced:
        if most.traced is Certainty.YES and not most.concrete:
            return Value(kind, Certainty.YES, most.origin)
        return Value(kind, Certainty.YES, None)
    return tracer(kind, most)


def _ternary(run: Run, node: ast.IfExp) -> Value:
    test = evaluate(run, node.test)
    known = truth_of(test)
    if known is not None:
        return evaluate(run, node.body if known else node.orelse)
    note_branch(run, node, node.test, "ternary", test)
    with flow.branch(run, node.test, True):
        narrowing.narrow(run, node.test, True)
        first = evaluate(run, node.body)
        after = run.frame.state
    with flow.branch(run, node.test, False):
        narrowing.narrow(run, node.test, False)
        second = evaluate(run, node.orelse)
        other = run.frame.state
    flow.meet(run, after, other)
    return join(first, second)


def note_branch(run: Run, node: ast.AST, test: ast.expr, kind: str, value: Value) -> None:
    """Record a test that Python decides."""
    if value.traced is not Certainty.NO and value.kind not in (Kind.INSTANCE, Kind.REFERENCE):
        if is_made(value) and makers.needed(run, value, test, "a branch"):
            return
        guards = run.guards
        if isinstance(test, ast.BoolOp):  # `not isinstance(x, Tracer) and x > 0`
            guards = (*guards, *(guard for guard in run.test(test).guards if guard == "tracer"))
        run.events.branches.append(BranchSeen(node, test, kind, value, run.frame, guards))


def _subscript(run: Run, node: ast.Subscript) -> Value:
    base = evaluate(run, node.value)
    index = slices.index_of(run, node, base)
    if base.kind is Kind.IMPORTED:
        effects.library_item(run, node, base)
        shape_annotations.note(run, node, base.data)
    asking.index(run, node, base, index)
    place = place_of(node)
    if place is not None:
        held = run.frame.state.names.get(place)
        if held is not None:
            donations.note_read(run, node, place, held)
            return held
    value = element_of(run, base, index, node)
    if base.kind is Kind.ARRAY:
        bounds.note(run, node, base, index)
    if place is not None and value.tokens and base.kind in (Kind.UNKNOWN, Kind.TREE):
        run.frame.state.hold(place, value)
    return value


def element_of(run: Run, base: Value, index: Value, node: ast.Subscript) -> Value:
    """The value of `base[index]`."""
    number = constant_of(index)
    of_module = linen_variables.element(base, number)
    if of_module is not None:
        return of_module
    items = items_of(base)
    if items is not None and isinstance(number, int) and -len(items) <= number < len(items):
        return items[number]
    entries = entries_of(base)
    if entries is not None and number is not MISSING and not isinstance(number, (list, dict)):
        return entries.get(number, UNKNOWN)
    if base.kind is Kind.KEYS:
        return key_arrays.subscript(run, base, index, node)
    if base.kind is Kind.ARRAY:
        made = tracer(Kind.ARRAY, most_traced((base, index)))
        return made if base.data is None else avals.with_aval(made, avals.of_element(base, index))
    if base.kind is Kind.REFERENCE:
        return tracer(Kind.ARRAY, base) if references.is_of_array(node.slice) else UNKNOWN
    if base.kind in (Kind.TREE, Kind.UNKNOWN):
        return _part_of_unknown(run, base, node)
    if parts_of(base) is not None:
        return _part_of_container(run, base, node)
    if base.kind is Kind.HOST:
        return HOST
    if base.kind is Kind.STATIC:
        return STATIC
    return UNKNOWN


def _part_of_container(run: Run, base: Value, node: ast.Subscript) -> Value:
    """A slice of a container, or an item of it that is not known which."""
    items, entries = items_of(base), entries_of(base)
    if not isinstance(node.slice, ast.Slice):
        if base.kind is Kind.SERIES:
            return iteration.item_of(run, base, node.value, 0)
        inside = unfollowed(join_all(parts_of(base) or ()))
        return UNKNOWN if inside is NEVER else inside
    if items is None or entries is not None:
        return base if base.kind is Kind.SERIES else UNKNOWN
    bounds: list[int | None] = []
    for part in (node.slice.lower, node.slice.upper, node.slice.step):
        bound = None if part is None else constant_of(evaluate(run, part))
        if bound is not None and not isinstance(bound, int):
            return series(join_all(items))
        bounds.append(bound)
    start, stop, step = bounds
    if step != 0:
        return sequence(items[start:stop:step])
    return series(join_all(items))


def _slice(run: Run, node: ast.Slice) -> Value:
    for part in (node.lower, node.upper, node.step):
        if part is not None:
            evaluate(run, part)
    return STATIC


def _lambda(run: Run, node: ast.Lambda) -> Value:
    scope = run.scopes.functions[node]
    for default in (*node.args.defaults, *node.args.kw_defaults):
        if default is not None:
            evaluate(run, default)
    frame = run.frame
    inside = frame.module.around(frame.environment)
    if inside is not None:
        inside.is_closed_over = True
    data = FunctionData(scope, inside, made_in=frame.mark, passes=frame.loops)
    run.task.pending.setdefault(node, (data, frame))
    return Value(Kind.FUNCTION, data=data)


def _walrus(run: Run, node: ast.NamedExpr) -> Value:
    value = evaluate(run, node.value)
    assignments.bind(run, node.target, value)
    return value


def _starred(run: Run, node: ast.Starred) -> Value:
    return evaluate(run, node.value)


def _text(run: Run, node: ast.JoinedStr) -> Value:
    values: list[Value] = []
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            value = evaluate(run, part.value)
            values.append(value)
            if part.format_spec is not None:
                evaluate(run, part.format_spec)
                formats.of_fstring(run, node, part, value)
    return formats.text_with(values)


def _await(run: Run, node: ast.Await) -> Value:
    evaluate(run, node.value)
    return UNKNOWN


def _yield(run: Run, node: ast.Yield | ast.YieldFrom) -> Value:
    if node.value is not None:
        evaluate(run, node.value)
    callees.note_suspended(run, run.frame, "generator")
    return UNKNOWN


def _binary(run: Run, node: ast.BinOp) -> Value:
    return arithmetic.binary(run, node)


def _unary(run: Run, node: ast.UnaryOp) -> Value:
    return arithmetic.unary(run, node)


def _call(run: Run, node: ast.Call) -> Value:
    return calls.call(run, node)


def _compare(run: Run, node: ast.Compare) -> Value:
    return comparisons.compare(run, node)


def _bool_op(run: Run, node: ast.BoolOp) -> Value:
    return comparisons.bool_op(run, node)


_HANDLERS: dict[type[ast.expr], Callable[[Run, Any], Value]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Call: _call,
    ast.BinOp: _binary,
    ast.Compare: _compare,
    ast.BoolOp: _bool_op,
    ast.UnaryOp: _unary,
    ast.IfExp: _ternary,
    ast.Tuple: displays.tuple_or_list,
    ast.List: displays.tuple_or_list,
    ast.Set: displays.set_display,
    ast.Dict: displays.dict_display,
    ast.Subscript: _subscript,
    ast.Slice: _slice,
    ast.Lambda: _lambda,
    ast.ListComp: displays.comprehension,
    ast.SetComp: displays.comprehension,
    ast.GeneratorExp: displays.comprehension,
    ast.DictComp: displays.dict_comprehension,
    ast.NamedExpr: _walrus,
    ast.Starred: _starred,
    ast.JoinedStr: _text,
    ast.Await: _await,
    ast.Yield: _yield,
    ast.YieldFrom: _yield,
}
