"""Names of libraries that changed: what is said of them, and the edits that put another name in their place.

Several rules are about such names: those that a release removed, and those that it warns of. Each
says by `Changed` which changes are its own.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

from jaxsight_analyzers.diagnostic import (
    Applicability,
    Edit,
    Finding,
    Fix,
    FixRef,
    Span,
    Tag,
)
from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.knowledge import ApiChange, KeywordChange
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.streams import Call, Reference

Changed = Callable[[Unit, Reference], "ApiChange | None"]
"""How what a reference names has changed, if that is the business of who asks."""

_LIBRARIES = {
    "jax": "JAX",
    "flax": "Flax",
    "optax": "Optax",
    "chex": "Chex",
    "numpyro": "NumPyro",
    "orbax-checkpoint": "Orbax",
}
_OPTIONS = "jax.config.update"
_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


def findings(
    unit: Unit, changed: Changed, says: Callable[[ApiChange], str], tag: Tag | None = None
) -> Iterator[Finding]:
    """Each name that changed, once: what an import brings is reported at the import. `says` is what came of it."""
    for number, reference in enumerate(unit.references):
        change = None if reference.guarded else changed(unit, reference)
        if (
            change is None
            or reference.kind == "name"
            or _is_imported(unit, reference, change, changed)
        ):
            continue
        if _is_repeated(unit, number, change):
            continue
        span = _span(unit, reference, change)
        written = change.old if reference.kind == "import" else edits.text(unit, span)
        new = _new(unit, change)
        advice = [f"use `{new}`"] if new else []
        message = "; ".join([f"`{written}` {says(change)}", *advice, *filter(None, [change.note])])
        yield Finding(span, message, fixes=_fixes(unit, number, change), tag=tag)


def keyword_findings(
    unit: Unit,
    concerns: Callable[[Unit, KeywordChange], bool],
    says: Callable[[KeywordChange], str],
    tag: Tag | None = None,
) -> Iterator[Finding]:
    """Each keyword argument and option that changed, in each call."""
    for number, (call, keyword, change) in enumerate(_changed_keywords(unit)):
        if call.guarded or not concerns(unit, change):
            continue
        advice = [f"use `{change.new}=`"] if change.new else []
        said = f"`{change.old}=` of `{call.name}` {says(change)}"
        yield Finding(
            _name_of(unit, keyword, change),
            "; ".join([said, *advice, *filter(None, [change.note])]),
            fixes=_keyword_fixes(unit, call, keyword, change, number),
            tag=tag,
        )
    for call, change in _changed_options(unit):
        if call.guarded or not concerns(unit, change):
            continue
        advice = [f"use `{change.new}`"] if change.new else []
        said = f"the option `{change.old}` {says(change)}"
        message = "; ".join([said, *advice, *filter(None, [change.note])])
        yield Finding(unit.model.module.span(call.node.args[0]), message, tag=tag)


def _name_of(unit: Unit, keyword: ast.keyword, change: KeywordChange) -> Span:
    start = unit.model.module.span(keyword).start
    return Span(start, start + len(change.old))


def _changed_keywords(unit: Unit) -> Iterator[tuple[Call, ast.keyword, KeywordChange]]:
    changes = unit.knowledge.keyword_changes
    for _, call in unit.calls_of(changes):
        for keyword in call.node.keywords:
            change = changes[call.canonical].get(keyword.arg or "")
            if change is not None:
                yield call, keyword, change


def _changed_options(unit: Unit) -> Iterator[tuple[Call, KeywordChange]]:
    """`jax.config.update("jax_array", True)`."""
    changes = unit.knowledge.keyword_changes[_OPTIONS]
    for _, call in unit.calls_of((_OPTIONS,)):
        first = call.node.args[0] if call.node.args else None
        if isinstance(first, ast.Constant) and first.value in changes:
            yield call, changes[str(first.value)]


def _keyword_fixes(
    unit: Unit, call: Call, keyword: ast.keyword, change: KeywordChange, number: int
) -> tuple[FixRef, ...]:
    if change.applicability == "none" or _keyword_edit(unit, call, keyword, change) is None:
        return ()
    title = f"Use `{change.new}=`" if change.new else f"Remove `{change.old}=`"
    safe = change.applicability == "safe" and bool(change.new)
    applicability = Applicability.SAFE if safe else Applicability.UNSAFE
    return (FixRef("rename-keyword", title, applicability, number),)


def _keyword_edit(
    unit: Unit, call: Call, keyword: ast.keyword, change: KeywordChange
) -> Edit | None:
    """The keyword with its new name, or taken out."""
    if not change.new:
        return edits.remove_argument(unit, call.node, keyword)
    return Edit(_name_of(unit, keyword, change), change.new)


def fix_of_keyword(unit: Unit, reference: FixRef) -> Fix | None:
    """The edit of a keyword that a finding refers to."""
    call, keyword, change = list(_changed_keywords(unit))[reference.data]
    edit = _keyword_edit(unit, call, keyword, change)
    return None if edit is None else Fix(reference.title, (edit,), reference.applicability)


def display(library: str) -> str:
    """A library as people write it."""
    return _LIBRARIES.get(library, library)


def fix(unit: Unit, reference: FixRef, changed: Changed) -> Fix | None:
    """The edits of a fix that a finding refers to."""
    used = unit.references[reference.data]
    change = changed(unit, used)
    if change is None or change.new is None:
        return None
    found = _edits(unit, used, change, change.new)
    calls = _calls(unit, change)
    if found is None or calls is None:
        return None
    return Fix(reference.title, (*found, *calls), reference.applicability)


def _calls(unit: Unit, change: ApiChange) -> tuple[Edit, ...] | None:
    """The calls as the new function takes them; None where one passes what that has no place for."""
    if not change.named and not change.keywords:
        return ()
    named = {use.node for use in _all_references(unit) if use.qualified == change.old}
    found: list[Edit] = []
    for node in ast.walk(unit.whole.tree):
        if not isinstance(node, ast.Call):
            continue
        partial = bool(node.args) and node.args[0] in named  # `partial(shard_map, mesh=mesh)`
        if node.func not in named and not partial:
            continue
        edited = _as_taken(unit, node, node.args[2 if partial else 1 :], change)
        if edited is None:
            return None
        found += edited
    return tuple(found)


def _as_taken(
    unit: Unit, call: ast.Call, positional: list[ast.expr], change: ApiChange
) -> list[Edit] | None:
    found: list[Edit] = []
    if len(positional) > len(change.named):
        return None
    for name, argument in zip(change.named, positional):
        if isinstance(argument, ast.Starred):
            return None
        start = unit.model.module.span(argument).start
        found.append(Edit(Span(start, start), f"{change.keywords.get(name, name)}="))
    for keyword in call.keywords:
        new = change.keywords.get(keyword.arg or "")
        if keyword.arg is None or new == "":
            return None
        if new is not None:
            start = unit.model.module.span(keyword).start
            found.append(Edit(Span(start, start + len(keyword.arg)), new))
    return found


def _span(unit: Unit, reference: Reference, change: ApiChange) -> Span:
    """The part of a chain that names what is gone: `jax.ops.index` of `jax.ops.index.shape`."""
    node = reference.node
    for _ in range(reference.qualified.count(".") - change.old.count(".")):
        if isinstance(node, ast.Attribute):
            node = node.value
    return unit.model.module.span(node)


def _is_imported(unit: Unit, reference: Reference, change: ApiChange, changed: Changed) -> bool:
    """Whether an import of the file names what is gone, or a part of it, itself."""
    if reference.kind == "import":
        return False
    for other in unit.imports:
        if _covers(other.qualified, change.old):
            known = changed(unit, other)
            if known is not None and _covers(known.old, change.old):
                return True
    return False


def _covers(one: str, other: str) -> bool:
    return other == one or other.startswith(f"{one}.")


def _is_repeated(unit: Unit, number: int, change: ApiChange) -> bool:
    """Whether `from removed import a, b` was reported for `a` already."""
    statement = unit.references[number].statement
    if not _names_its_module(statement, change):
        return False
    return any(earlier.statement is statement for earlier in unit.references[:number])


def _names_its_module(statement: ast.stmt | None, change: ApiChange) -> bool:
    """Whether the statement imports from what is gone."""
    return isinstance(statement, ast.ImportFrom) and _covers(change.old, statement.module or "")


def _all_references(unit: Unit) -> Iterator[Reference]:
    for other in unit.others:
        yield from other.references


def _new(unit: Unit, change: ApiChange) -> str | None:
    """What the project's release of the library has in the name's place."""
    return change.new_at(unit.version(change.library))


def _fixes(unit: Unit, number: int, change: ApiChange) -> tuple[FixRef, ...]:
    new = _new(unit, change)
    if new is None or change.applicability == "none" or not _DOTTED.fullmatch(new):
        return ()
    if _edits(unit, unit.references[number], change, new) is None or _calls(unit, change) is None:
        return ()
    safe = change.applicability == "safe"
    applicability = Applicability.SAFE if safe else Applicability.UNSAFE
    return (FixRef("rename", f"Use `{new}`", applicability, number),)


def _edits(
    unit: Unit, reference: Reference, change: ApiChange, new: str
) -> tuple[Edit, ...] | None:
    if isinstance(reference.node, ast.alias):
        if isinstance(reference.statement, ast.Import):
            return _plain_import(unit, reference.node, change, new)
        if isinstance(reference.statement, ast.ImportFrom):
            if _names_its_module(reference.statement, change):
                return _module_of_import(unit, reference.statement, change, new)
            return _import_from(unit, reference.node, reference.statement, change, new)
        return None
    spelling = _spell(unit, change, new)
    return (Edit(_span(unit, reference, change), spelling.text), *spelling.edits)


def _spell(unit: Unit, change: ApiChange, new: str) -> edits.Spelling:
    """`edits.spell`, but for names in modules that importing their library does not import."""
    spelling = edits.spell(unit, new)
    if change.imports is None:
        return spelling
    imported = any(
        other.kind == "import" and _covers(change.imports, other.qualified)
        for other in _all_references(unit)
    )
    if imported:
        return spelling
    return edits.Spelling(new, (edits.add_import(unit, f"import {change.imports}"),))


def _plain_import(
    unit: Unit, alias: ast.alias, change: ApiChange, new: str
) -> tuple[Edit, ...] | None:
    """`import old as name` keeps its name; what `import old` brings is renamed at its uses."""
    start = unit.model.module.span(alias).start
    renamed = Edit(Span(start, start + len(change.old)), new)
    if alias.asname is not None:
        return (renamed,)
    uses = [
        Edit(Span(use.span.start, use.span.start + len(change.old)), new)
        for use in _all_references(unit)
        if use.kind == "attribute" and _covers(change.old, use.text)
    ]
    return (renamed, *uses)


def _module_of_import(
    unit: Unit, statement: ast.ImportFrom, change: ApiChange, new: str
) -> tuple[Edit, ...] | None:
    span = unit.model.module.span(statement)
    match = re.match(rf"from[ \t]+({re.escape(change.old)})\b", edits.text(unit, span))
    if match is None:
        return None
    return (Edit(Span(span.start + match.start(1), span.start + match.end(1)), new),)


def _import_from(
    unit: Unit, alias: ast.alias, statement: ast.ImportFrom, change: ApiChange, new: str
) -> tuple[Edit, ...] | None:
    bound = alias.asname or alias.name
    module, _, name = new.rpartition(".")
    uses = None if bound == name or alias.asname else _uses(unit, bound, change)
    if not uses:
        suffix = "" if bound == name else f" as {bound}"
        return _replace_alias(unit, alias, statement, f"from {module} import {name}{suffix}")
    spelling = _spell(unit, change, new)
    added = spelling.edits[0].text.strip() if spelling.edits else None
    replaced = _replace_alias(unit, alias, statement, added)
    if replaced is None:
        return None
    return (*replaced, *(Edit(use, spelling.text) for use in uses))


def _uses(unit: Unit, bound: str, change: ApiChange) -> list[Span] | None:
    """Where the file uses an imported name; None if something there may be another's, or a string."""
    uses = {
        use.node: use.span
        for use in _all_references(unit)
        if use.kind == "name" and use.text == bound and use.qualified == change.old
    }
    for node in ast.walk(unit.whole.tree):
        if isinstance(node, ast.Name) and node.id == bound:
            node_span = unit.model.module.span(node)
            if node in uses:
                continue
            if not _begins_a_chain(unit, node_span, change):
                return None
            uses[node] = node_span
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if re.search(rf"\b{re.escape(bound)}\b", node.value):
                return None
        elif isinstance(node, ast.arg) and node.arg == bound:
            return None
    return list(uses.values())


def _begins_a_chain(unit: Unit, span: Span, change: ApiChange) -> bool:
    """Whether the name is the first part of a reference to something in what was imported."""
    return any(
        use.kind == "attribute"
        and use.span.start == span.start
        and _covers(change.old, use.qualified)
        for use in _all_references(unit)
    )


def _replace_alias(
    unit: Unit, alias: ast.alias, statement: ast.ImportFrom, line: str | None
) -> tuple[Edit, ...] | None:
    """Takes one name out of an import, and puts another import, if any, before it."""
    place = edits.place_at(unit, unit.model.module.span(statement).start)
    if place is None or not edits.starts_its_line(unit, place.span):
        return None
    if len(statement.names) == 1:
        return _replace_statement(unit, place, line)
    removed = _with_comma(unit, alias, statement)
    if "#" in edits.text(unit, removed):
        return None
    if line is None:
        return (Edit(removed, ""),)
    inserted = edits.insert_before(unit, place, line)
    return None if inserted is None else (inserted, Edit(removed, ""))


def _replace_statement(unit: Unit, place: edits.Place, line: str | None) -> tuple[Edit, ...] | None:
    if "#" in edits.text(unit, place.span):
        return None
    if line is not None:
        return (Edit(place.span, line),)
    analysed = unit.model.module.analysed
    number = analysed.line_of(place.span.end)
    whole = analysed.line_span(number)
    if analysed.text[place.span.end : whole.end].strip() or (
        len(place.block) == 1 and place.parents
    ):
        return None  # something follows it, or its block would be empty
    last = number + 1 >= len(analysed.line_starts)
    end = whole.end if last else analysed.line_starts[number + 1]
    return (Edit(Span(analysed.line_starts[analysed.line_of(place.span.start)], end), ""),)


def _with_comma(unit: Unit, alias: ast.alias, statement: ast.ImportFrom) -> Span:
    """A name in a list of several, with the comma that goes when it goes."""
    span = unit.model.module.span
    index = statement.names.index(alias)
    if index + 1 < len(statement.names):
        return Span(span(alias).start, span(statement.names[index + 1]).start)
    return Span(span(statement.names[index - 1]).end, span(alias).end)
