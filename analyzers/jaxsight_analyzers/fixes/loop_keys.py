"""Keys that are the same in each iteration of a loop of Python: the counter folded in, or one key split for all."""

from __future__ import annotations

import ast
import re

from jaxsight_analyzers.diagnostic import Edit
from jaxsight_analyzers.fixes import edits, wider_splits
from jaxsight_analyzers.fixes.repeated_bodies import Cure, reads
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.key_streams import KeyReuse
from jaxsight_analyzers.semantic.values import Kind

_MOST = 4  # keys that one split makes in an iteration
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def cure(unit: Unit, reuse: KeyReuse) -> Cure | None:
    """How the innermost loop around the use of a key gives each iteration another one."""
    key = None if reuse.argument is None else key_in(reuse.argument)
    again = _again(unit, reuse)
    if key is None or len(again) >= _MOST or may_be_several(unit, reuse.node, key):
        return None
    if reuse.earlier_node is not reuse.node:
        return _before(unit, reuse, edits.source(unit, key))
    place = edits.place_at(unit, unit.model.module.span(key).start)
    if place is None:
        return None
    comprehension = next(
        (node for node in edits.parents_of(unit, key) if isinstance(node, _COMPREHENSIONS)), None
    )
    if comprehension is not None:
        return _in_comprehension(unit, comprehension, key)
    counter = edits.loop_counter(place)
    if counter is not None:
        folded = _folded(unit, key, counter)
        if not again:
            return _fold_in(unit, key, counter)
        return _split_between(unit, place, [key, *again], folded, "fold-in")
    loops = [one for one in place.parents if isinstance(one, (ast.For, ast.While))]
    if not loops or not isinstance(key, ast.Name):
        return None
    wider = None if again else wider_splits.widened(unit, key)
    if wider is not None:
        return Cure("split", f"Split `{key.id}` in each iteration", wider)
    return _split_between(unit, place, [key, *again], None, "split")


def key_in(argument: ast.expr) -> ast.Name | ast.Attribute | None:
    """The key in an argument: itself, or the only one in `{"dropout": key}`."""
    if isinstance(argument, ast.Dict) and len(argument.values) == 1:
        argument = argument.values[0]
    if isinstance(argument, ast.Attribute) and isinstance(argument.value, ast.Name):
        return argument
    return argument if isinstance(argument, ast.Name) else None


def may_be_several(unit: Unit, node: ast.AST, key: ast.expr) -> bool:
    """Whether a call gets an array of keys: by what the model knows, else by a name such as `keys`."""
    name = (
        key.attr if isinstance(key, ast.Attribute) else key.id if isinstance(key, ast.Name) else ""
    )
    call = unit.call_at(node)
    arguments = () if call is None else call.arguments
    if name.endswith("s") or any(a.node is key and a.kind is Kind.KEYS for a in arguments):
        return True
    places = edits.places_at(unit, unit.model.module.span(key).start)
    whole = edits.text(unit, places[0].span) if places else ""
    return re.search(rf"^[ \t]*{name} = [\w.]*\bsplit\(", whole, re.M) is not None


def _before(unit: Unit, reuse: KeyReuse, key: str) -> Cure | None:
    """A key of its own for the use in the iteration before, after which the loop splits or draws again."""
    earlier = argument_with(unit, reuse.earlier_node, key)
    place = None if earlier is None else edits.place_at(unit, unit.model.module.span(earlier).start)
    if earlier is None or place is None or not isinstance(earlier, ast.Name):
        return None
    unused = _unused_sibling(unit, reuse, earlier)
    if unused is not None:
        title = f"Use the other key that `{key}` is split into"
        return Cure("use-subkey", title, unused)
    return _split_between(unit, place, [earlier], None, "split")


def _unused_sibling(unit: Unit, reuse: KeyReuse, earlier: ast.Name) -> tuple[Edit, ...] | None:
    """The edits that use `subkey` of `key, subkey = split(key)` in place of `key`, if nothing else does."""
    places = edits.places_at(unit, unit.model.module.span(reuse.node).start)
    statement = places[-1].node if places else None
    if not isinstance(statement, ast.Assign) or statement.value is not reuse.node:
        return None
    target = statement.targets[0]
    if not isinstance(target, ast.Tuple) or len(target.elts) != 2 or len(statement.targets) > 1:
        return None
    names = [part for part in target.elts if isinstance(part, ast.Name)]
    others = [part for part in names if part.id != earlier.id]
    if len(names) != 2 or len(others) != 1 or reads([places[0].node], others[0].id):
        return None
    (other,), span = others, unit.model.module.span
    if other.id != "_":
        return (Edit(span(earlier), other.id),)
    name = edits.fresh_name(unit, "subkey", span(earlier).start)
    return (Edit(span(other), name), Edit(span(earlier), name))


def argument_with(unit: Unit, node: ast.AST, key: str) -> ast.Name | ast.Attribute | None:
    """The key in the argument of a call that is just that."""
    if not isinstance(node, ast.Call):
        return None
    arguments = (*node.args, *(keyword.value for keyword in node.keywords))
    keys = (key_in(argument) for argument in arguments)
    return next((one for one in keys if one is not None and edits.source(unit, one) == key), None)


def _again(unit: Unit, reuse: KeyReuse) -> list[ast.expr]:
    """Where the same iteration uses the key again."""
    found = [
        key
        for other in unit.key_reuses
        if other.earlier_node is reuse.node and not other.in_loop and other.argument is not None
        if (key := key_in(other.argument)) is not None
    ]
    return sorted(found, key=lambda key: unit.model.module.span(key))


def _folded(unit: Unit, key: ast.expr, counter: str) -> edits.Spelling:
    fold_in = edits.spell(unit, "jax.random.fold_in")
    return edits.Spelling(f"{fold_in.text}({edits.source(unit, key)}, {counter})", fold_in.edits)


def _fold_in(unit: Unit, key: ast.expr, counter: str) -> Cure:
    text, folded = edits.source(unit, key), _folded(unit, key, counter)
    used = Edit(unit.model.module.span(key), folded.text)
    return Cure("fold-in", f"Fold `{counter}` into `{text}`", (used, *folded.edits))


def _split_between(
    unit: Unit, place: edits.Place, uses: list[ast.expr], folded: edits.Spelling | None, kind: str
) -> Cure | None:
    """A key for each use, split at the head of what an iteration does with it: off it, or off what is folded."""
    key, start = edits.source(unit, uses[0]), place.span.start
    places = [edits.first_of_two(unit, start, unit.model.module.span(use).start) for use in uses]
    if any(one is None or one.node is not place.node for one in places):
        return None
    if any(edits.source(unit, use) != key for use in uses) or len(uses) > _MOST:
        return None
    split = edits.spell(unit, "jax.random.split")
    names = edits.fresh_names(unit, "subkey", len(uses), start)
    made = names if folded is not None else [key, *names]
    width = "" if len(made) == 2 else f", {len(made)}"
    source = key if folded is None else folded.text
    line = edits.insert_before(unit, place, f"{', '.join(made)} = {split.text}({source}{width})")
    if line is None:
        return None
    used = [Edit(unit.model.module.span(use), name) for use, name in zip(uses, names)]
    title = f"Split `{key}` in each iteration"
    needed = split.edits if folded is None else (*split.edits, *folded.edits)
    return Cure(kind, title, (line, *used, *dict.fromkeys(needed)))


def _in_comprehension(unit: Unit, node: _Comprehension, key: ast.expr) -> Cure | None:
    if len(node.generators) != 1 or not any(inner is key for inner in _drawn(node)):
        return None
    generator, text = node.generators[0], edits.source(unit, key)
    target, iterated = generator.target, generator.iter
    if text.partition(".")[0] in edits.names_bound_in(target) or not isinstance(iterated, ast.Call):
        return None
    span = unit.model.module.span
    name = iterated.func.id if isinstance(iterated.func, ast.Name) else ""
    if name == "range" and isinstance(target, ast.Name):
        unread = not reads([node], target.id)
        if unread and len(iterated.args) == 1 and not isinstance(iterated.args[0], ast.Starred):
            split, subkey = edits.spell(unit, "jax.random.split"), edits.unused_in(node, "subkey")
            count = edits.source(unit, iterated.args[0])
            made = (
                Edit(span(key), subkey),
                Edit(span(target), subkey),
                Edit(span(iterated), f"{split.text}({text}, {count})"),
            )
            title = f"Split `{text}` into one key for each item"
            return Cure("split-for-each", title, (*made, *split.edits))
        return None if target.id.startswith("_") else _fold_in(unit, key, target.id)
    if (
        name == "enumerate"
        and isinstance(target, ast.Tuple)
        and isinstance(target.elts[0], ast.Name)
    ):
        return _fold_in(unit, key, target.elts[0].id) if target.elts[0].id != "_" else None
    return None


def _drawn(node: _Comprehension) -> list[ast.AST]:
    """What a comprehension computes for each item, without functions and comprehensions in it."""
    found: list[ast.AST] = []
    is_dict = isinstance(node, ast.DictComp)
    parts: list[ast.AST] = [node.key, node.value] if is_dict else [node.elt]
    while parts:
        part = parts.pop()
        found.append(part)
        if not isinstance(part, (ast.Lambda, *_COMPREHENSIONS)):
            parts += ast.iter_child_nodes(part)
    return found
