"""Keys that are the same in each iteration, or in each run of a body of JAX: how each gets one of its own.

A body that captures a key has the counter folded in, or is run over keys as well; one that is handed its key in the
carry splits it and hands the new one on. `key-reuse-in-loop` offers these.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Edit, Span
from jaxsight_analyzers.fixes import carried_keys, edits, loop_keys
from jaxsight_analyzers.fixes.repeated_bodies import Cure, Function, Loop, loops_of, reads
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.key_streams import KeyReuse
from jaxsight_analyzers.semantic.streams import Argument
from jaxsight_analyzers.semantic.values import Kind

_COUNTED = {"jax.lax.fori_loop": 0}
_MAPS = ("jax.vmap", "builtins.map")


def cures(unit: Unit, reuse: KeyReuse) -> Iterator[Cure]:
    """The ways in which each iteration, or run of a body, can be given another key: the best first."""
    if reuse.repeated_by is None:
        found = loop_keys.cure(unit, reuse)
        yield from () if found is None else (found,)
        return
    for loop in loops_of(unit, reuse):
        if loop.call.node is reuse.node:
            yield from carried_keys.cures(unit, loop, reuse)
            return
        key = _captured(loop.body, reuse)
        if key is not None and not loop_keys.may_be_several(unit, reuse.node, key):
            for cure in (_fold_in, _over_keys, _with_keys, _mapped, _over_leaves):
                found = cure(unit, loop, key)
                if found is not None:
                    yield found
                    return


# A key that the body captures


def _captured(body: Function, reuse: KeyReuse) -> ast.Name | None:
    """The key where it is used, if that is all that the body does with it."""
    if not isinstance(reuse.node, ast.Call):
        return None
    arguments = [*reuse.node.args, *(keyword.value for keyword in reuse.node.keywords)]
    keys = [a for a in arguments if isinstance(a, ast.Name) and a.id == reuse.key]
    own = {argument.arg for argument in ast.walk(body.args) if isinstance(argument, ast.arg)}
    if len(keys) != 1 or reuse.key in own | edits.names_bound_in(body):
        return None
    return keys[0] if reads([body], reuse.key) == keys else None


def _fold_in(unit: Unit, loop: Loop, key: ast.Name) -> Cure | None:
    """The number of the run folded into the key: that of `fori_loop`, or the item of an `arange`."""
    at = _COUNTED.get(loop.call.canonical)
    found: tuple[Edit, ...] = ()
    if at is None:
        at = {"jax.lax.scan": 1, "jax.lax.map": 0}.get(loop.call.canonical)
        counts = loop.argument("xs")
        if at is None or counts is None or _arange(unit, counts.node) is None:
            return None
    counter = loop.parameter(at)
    if counter is None:
        return None
    name = counter.arg
    if not reads([loop.body], name):
        if at == 1:
            return None  # the keys may take its place
        name = edits.unused_in(loop.body, "i") if name.startswith("_") else name
        if name != counter.arg:
            found = (Edit(_name_span(unit, counter), name),)
    fold_in = edits.spell(unit, "jax.random.fold_in")
    used = Edit(unit.model.module.span(key), f"{fold_in.text}({key.id}, {name})")
    return Cure("fold-in", f"Fold `{name}` into `{key.id}`", (used, *found, *fold_in.edits))


def _over_keys(unit: Unit, loop: Loop, key: ast.Name) -> Cure | None:
    """`scan` over keys alone, in place of nothing or of numbers that the body does not read."""
    item = loop.parameter(1)
    if loop.call.canonical != "jax.lax.scan" or item is None or reads([loop.body], item.arg):
        return None
    xs, length = loop.argument("xs"), loop.argument("length")
    split = edits.spell(unit, "jax.random.split")
    if xs is not None and not _is_none(xs.node):
        count = _arange(unit, xs.node)
        changed = None if count is None else [(xs.span, f"{split.text}({key.id}, {count})")]
    else:
        changed = None if length is None else _in_place_of_length(unit, loop, xs, length, key.id)
    if changed is None:
        return None
    made = [Edit(span, text) for span, text in changed]
    renamed = Edit(_name_span(unit, item), key.id)
    title = f"Split `{key.id}` into one key for each step"
    return Cure("scan-keys", title, (renamed, *made, *split.edits))


def _in_place_of_length(
    unit: Unit, loop: Loop, xs: Argument | None, length: Argument, key: str
) -> list[tuple[Span, str]] | None:
    """`xs=jax.random.split(key, n)` for `length=n`."""
    text = f"{edits.spell(unit, 'jax.random.split').text}({key}, {length.text})"
    keyword = next((k for k in loop.call.node.keywords if k.value is length.node), None)
    if keyword is None:
        if xs is None or not loop.call.node.args or loop.call.node.args[-1] is not length.node:
            return None
        return [(Span(xs.span.start, length.span.end), text)]
    if xs is None:
        return [(unit.model.module.span(keyword), f"xs={text}")]
    gone = edits.remove_argument(unit, loop.call.node, keyword)
    return None if gone is None else [(xs.span, text), (gone.span, "")]


def _with_keys(unit: Unit, loop: Loop, key: ast.Name) -> Cure | None:
    """`scan` or `lax.map` over keys beside what it runs over."""
    at = {"jax.lax.scan": 1, "jax.lax.map": 0}.get(loop.call.canonical)
    xs = loop.argument("xs")
    if at is None or xs is None or not isinstance(loop.body, ast.FunctionDef):
        return None
    item, count = loop.parameter(at), _length(unit, loop, at, xs.node)
    if item is None or count is None:
        return None
    split = edits.spell(unit, "jax.random.split")
    keys = f"{split.text}({key.id}, {count})"
    unpacked = _unpacked(loop.body, item)
    if unpacked is not None and isinstance(xs.node, ast.Tuple):
        ends = [unit.model.module.span(part.elts[-1]).end for part in (unpacked, xs.node)]
        made = [Edit(Span(e, e), f", {text}") for e, text in zip(ends, (key.id, keys))]
    else:
        inputs = edits.unused_in(loop.body, "inputs")
        first = edits.place_at(unit, unit.model.module.span(_first(loop.body)).start)
        line = (
            None
            if first is None
            else edits.insert_before(unit, first, f"{item.arg}, {key.id} = {inputs}")
        )
        if line is None:
            return None
        whole = Edit(xs.span, f"({edits.as_argument(unit, xs.node)}, {keys})")
        made = [Edit(_name_span(unit, item), inputs), line, whole]
    title = f"Split `{key.id}` into one key for each step"
    return Cure("scan-keys", title, (*made, *split.edits))


def _mapped(unit: Unit, loop: Loop, key: ast.Name) -> Cure | None:
    """`vmap` or `map` over keys, too."""
    if loop.call.canonical not in _MAPS:
        return None
    outer: ast.AST = loop.call.node
    axes: tuple[Edit, ...] | None = ()
    if loop.call.canonical == "jax.vmap":
        parents = edits.parents_of(unit, loop.call.node)
        outer = parents[0] if parents else outer
        axes = _axes(unit, loop)
        if not isinstance(outer, ast.Call) or outer.func is not loop.call.node:
            return None
    assert isinstance(outer, ast.Call)
    given = outer.args[1:] if loop.call.canonical == "builtins.map" else outer.args
    if axes is None or not given or any(isinstance(one, ast.Starred) for one in given):
        return None
    count = _length(unit, loop, 0, given[0])
    parameter = _new_parameter(unit, loop.body, key.id)
    if count is None or parameter is None or len(given) != len(loop.body.args.args):
        return None
    split = edits.spell(unit, "jax.random.split")
    end = unit.model.module.span(given[-1]).end
    keys = Edit(Span(end, end), f", {split.text}({key.id}, {count})")
    title = f"Split `{key.id}` into one key for each row"
    return Cure("map-keys", title, (parameter, keys, *axes, *split.edits))


def _axes(unit: Unit, loop: Loop) -> tuple[Edit, ...] | None:
    """The edits of `in_axes` for one more argument; None where it is no tuple."""
    axes = loop.argument("in_axes")
    if axes is None or (isinstance(axes.node, ast.Constant) and axes.node.value == 0):
        return ()
    if not isinstance(axes.node, ast.Tuple) or not axes.node.elts:
        return None
    first = axes.node.elts[0]
    if not isinstance(first, ast.Constant) or first.value != 0:
        return None
    end = unit.model.module.span(axes.node.elts[-1]).end
    return (Edit(Span(end, end), ", 0"),)


def _over_leaves(unit: Unit, loop: Loop, key: ast.Name) -> Cure | None:
    """`jax.tree.map` over a tree of keys, too."""
    given = loop.call.node.args[1:]
    plain = all(isinstance(one, ast.Name) for one in given) and not loop.call.node.keywords
    if loop.call.canonical != "jax.tree.map" or not given or not plain:
        return None
    place = edits.place_at(unit, loop.call.span.start)
    parameter = _new_parameter(unit, loop.body, key.id)
    if place is None or parameter is None or not edits.runs_once_in(place.node, loop.call.node):
        return None
    if len(given) != len(loop.body.args.args):
        return None
    tree, end = edits.source(unit, given[0]), unit.model.module.span(given[-1]).end
    leaves, structure = (
        edits.fresh_name(unit, "leaves", place.span.start),
        edits.fresh_name(unit, "treedef", place.span.start),
    )
    keys, indent = (
        edits.fresh_name(unit, "keys", place.span.start),
        edits.newline(unit) + place.indent,
    )
    needed = ("jax.random.split", "jax.tree.flatten", "jax.tree.unflatten")
    split, flatten, unflatten = (edits.spell(unit, name) for name in needed)
    line = edits.insert_before(
        unit,
        place,
        f"{leaves}, {structure} = {flatten.text}({tree}){indent}"
        f"{keys} = {unflatten.text}({structure}, {split.text}({key.id}, len({leaves})))",
    )
    if line is None:
        return None
    title = f"Split `{key.id}` into one key for each leaf"
    return Cure(
        "tree-keys",
        title,
        (line, parameter, Edit(Span(end, end), f", {keys}"), *split.edits, *flatten.edits),
    )


def _new_parameter(unit: Unit, body: Function, name: str) -> Edit | None:
    """One more parameter, where the others are plain."""
    given = body.args
    plain = not (given.vararg or given.kwonlyargs or given.kwarg or given.defaults)
    if not plain or given.posonlyargs or not given.args:
        return None
    end = unit.model.module.span(given.args[-1]).end
    return Edit(Span(end, end), f", {name}")


def _unpacked(body: ast.FunctionDef, item: ast.arg) -> ast.Tuple | None:
    """The target of `a, b = x`, if that is all that is done with `x`."""
    first = _first(body)
    if not isinstance(first, ast.Assign) or not isinstance(first.targets[0], ast.Tuple):
        return None
    only = reads([body], item.arg) == [first.value] and len(first.targets) == 1
    return first.targets[0] if only and first.targets[0].elts else None


def _first(body: ast.FunctionDef) -> ast.stmt:
    first = body.body[0]
    is_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return body.body[1] if is_text and len(body.body) > 1 else first


def _length(unit: Unit, loop: Loop, at: int, xs: ast.expr) -> str | None:
    """How often a body runs, as the text says it; None where `xs` may be no array."""
    parts = xs.elts if isinstance(xs, ast.Tuple) else [xs]
    for part in parts:
        count = _arange(unit, part)
        if count is not None:
            return count
    length = loop.argument("length")
    if length is not None:
        return length.text
    item = loop.parameter(at)
    names: list[str | None] = [None if item is None else item.arg]
    if isinstance(xs, ast.Tuple) and item is not None and isinstance(loop.body, ast.FunctionDef):
        unpacked = _unpacked(loop.body, item)
        targets = [] if unpacked is None else unpacked.elts
        names = [part.id if isinstance(part, ast.Name) else None for part in targets]
    for part, name in zip(parts, names):
        plain = isinstance(part, (ast.Name, ast.Attribute))
        if plain and name is not None and _is_array(unit, loop, name):
            return f"len({edits.source(unit, part)})"
    return None


def _is_array(unit: Unit, loop: Loop, name: str) -> bool:
    """Whether the body computes with what has this name, so that it is the row of an array."""
    xs = loop.argument("xs")
    if xs is not None and xs.kind is Kind.ARRAY:
        return True
    items = {id(node) for node in reads([loop.body], name)}
    computed = any(
        isinstance(node, ast.BinOp) and {id(node.left), id(node.right)} & items
        for node in ast.walk(loop.body)
    )
    return computed or any(
        a.kind is Kind.ARRAY and id(a.node) in items for call in unit.calls for a in call.arguments
    )


def _arange(unit: Unit, node: ast.expr) -> str | None:
    """The `n` of `jnp.arange(n)` and of `jax.random.split(key, n)`."""
    call = unit.call_at(node)
    if call is None or any(a.is_starred or a.is_keyword for a in call.arguments):
        return None
    if call.canonical == "jax.numpy.arange" and len(call.arguments) == 1:
        return call.arguments[0].text
    return None


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _name_span(unit: Unit, parameter: ast.arg) -> Span:
    start = unit.model.module.span(parameter).start
    return Span(start, start + len(parameter.arg))
