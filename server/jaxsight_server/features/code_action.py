"""Quick fixes, "fix all" and suppressions. Edits are made when the client resolves an action."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcContentModified, JsonRpcInvalidParams

from jaxsight_analyzers.diagnostic import Applicability, Diagnostic, Edit, FixRef, Span
from jaxsight_analyzers.engine import fix_all
from jaxsight_analyzers.notebook import edits_between
from jaxsight_analyzers.suppression import insert_file_suppression, insert_suppression
from jaxsight_server import convert
from jaxsight_server.client import Client
from jaxsight_server.convert import Encoding
from jaxsight_server.features import project_ignore
from jaxsight_server.module import Module

if TYPE_CHECKING:
    from jaxsight_server.server import Server

FIX_ALL = "source.fixAll.jaxsight"
QUICK_FIX = lsp.CodeActionKind.QuickFix.value

_LABELS = {
    Applicability.SAFE: "",
    Applicability.UNSAFE: " (unsafe)",
    Applicability.DISPLAY: " (suggestion)",
}


@dataclass(frozen=True, slots=True)
class View:
    """How the client counts columns and what it can do."""

    encoding: Encoding
    client: Client


async def code_action(server: Server, params: lsp.CodeActionParams) -> list[lsp.CodeAction] | None:
    """Answer with what can be done in a range."""
    uri = params.text_document.uri
    snapshot = server.session.snapshot(uri)
    if snapshot is None or not server.client.action_literals:
        return None
    view = View(server.encoding, server.client)
    return await server.schedule.run(_actions, snapshot, uri, params.range, params.context, view)


async def resolve(server: Server, action: lsp.CodeAction) -> lsp.CodeAction:
    """Answer with the action and its edits."""
    data = action.data
    if not isinstance(data, Mapping):
        raise JsonRpcInvalidParams("the action carries none of our data")
    wanted = cast("Mapping[str, Any]", data)
    snapshot = server.session.snapshot(str(wanted.get("uri")))
    if snapshot is None:
        raise JsonRpcContentModified()
    view = View(server.encoding, server.client)
    edit = await server.schedule.run(_edit, snapshot, wanted, view)
    if edit is None:
        raise JsonRpcContentModified()
    action.edit = edit
    return action


def _actions(
    module: Module,
    uri: str,
    range_: lsp.Range,
    context: lsp.CodeActionContext,
    view: View,
) -> list[lsp.CodeAction]:
    span = convert.module_span(module.snapshot, uri, range_, view.encoding)
    if span is None:
        return []
    offered: list[lsp.CodeAction] = []
    if _wanted(QUICK_FIX, context.only):
        offered += _quick_fixes(module, uri, span, context.diagnostics, view)
    # unasked for, it would be in every light bulb
    if context.only and _wanted(FIX_ALL, context.only):
        offered += _fix_all(module, uri)
    if view.client.resolves_edits:
        return offered
    resolved = (_resolved(module, action, view) for action in offered)
    return [action for action in resolved if action.edit is not None]


def _wanted(kind: str, only: Sequence[str] | None) -> bool:
    """Whether a kind is asked for: kinds are dotted, and each includes those below it."""
    if only is None:
        return True
    wanted = [item.value if isinstance(item, lsp.CodeActionKind) else item for item in only]
    return any(kind == item or kind.startswith(f"{item}.") or item == "" for item in wanted)


def _resolved(module: Module, action: lsp.CodeAction, view: View) -> lsp.CodeAction:
    action.edit = _edit(module, cast("Mapping[str, Any]", action.data), view)
    action.data = None
    return action


# -- what is offered


def _quick_fixes(
    module: Module, uri: str, span: Span, shown: Iterable[lsp.Diagnostic], view: View
) -> Iterator[lsp.CodeAction]:
    found = [d for d in module.analysis.diagnostics if _touches(d.span, span)]
    drawn = {
        id(diagnostic): _shown(module, diagnostic, shown, view.encoding) for diagnostic in found
    }
    for diagnostic in found:
        fixes = sorted(enumerate(diagnostic.finding.fixes), key=lambda item: -item[1].applicability)
        for rank, (number, ref) in enumerate(fixes):
            yield _quick_fix(uri, diagnostic, number, ref, rank == 0, drawn[id(diagnostic)], view)
    for rule in dict.fromkeys(diagnostic.rule for diagnostic in found):
        many = [d for d in module.analysis.diagnostics if d.rule == rule and d.finding.fixes]
        if len(many) > 1:
            title = f"Fix all `{rule}` in this file"
            data = {"do": "fix-all", "uri": uri, "rule": rule}
            safe = all(_best(d) is Applicability.SAFE for d in many)
            label = "" if safe else _LABELS[Applicability.UNSAFE]
            yield lsp.CodeAction(title + label, kind=QUICK_FIX, data=data)
    for diagnostic in found:
        yield from _suppressions(module, uri, diagnostic, drawn[id(diagnostic)], view)


def _quick_fix(
    uri: str,
    diagnostic: Diagnostic,
    number: int,
    ref: FixRef,
    first: bool,
    shown: list[lsp.Diagnostic] | None,
    view: View,
) -> lsp.CodeAction:
    preferred = first and ref.applicability is Applicability.SAFE
    return lsp.CodeAction(
        title=ref.title + _LABELS[ref.applicability],
        kind=QUICK_FIX,
        diagnostics=shown,
        is_preferred=(preferred or None) if view.client.prefers else None,
        data={"do": "fix", "uri": uri, "fix": number, **_identity(diagnostic)},
    )


def _suppressions(
    module: Module,
    uri: str,
    diagnostic: Diagnostic,
    shown: list[lsp.Diagnostic] | None,
    view: View,
) -> Iterator[lsp.CodeAction]:
    titles = {
        "suppress-line": f"Suppress `{diagnostic.rule}` on this line",
        "suppress-file": f"Suppress `{diagnostic.rule}` in this "
        + ("notebook" if module.snapshot.notebook else "file"),
    }
    file = project_ignore.file_for(module, view.client)
    if file is not None and project_ignore.change(module, file, diagnostic.rule) is not None:
        titles["ignore"] = f"Ignore `{diagnostic.rule}` in {file.name}"
    for do, title in titles.items():
        data = {"do": do, "uri": uri, **_identity(diagnostic)}
        yield lsp.CodeAction(title, kind=QUICK_FIX, diagnostics=shown, data=data)


def _fix_all(module: Module, uri: str) -> Iterator[lsp.CodeAction]:
    if any(_best(diagnostic) is Applicability.SAFE for diagnostic in module.analysis.diagnostics):
        data = {"do": "fix-all-safe", "uri": uri}
        yield lsp.CodeAction("Fix all safe JAX Sight findings", kind=FIX_ALL, data=data)


def _best(diagnostic: Diagnostic) -> Applicability | None:
    return max((ref.applicability for ref in diagnostic.finding.fixes), default=None)


def _shown(
    module: Module,
    diagnostic: Diagnostic,
    shown: Iterable[lsp.Diagnostic],
    encoding: Encoding,
) -> list[lsp.Diagnostic] | None:
    """The diagnostic as the client sent it, which is how it knows what an action is for."""
    place = convert.location(module.snapshot, diagnostic.span, encoding)
    same = [item for item in shown if item.code == diagnostic.rule and item.range == place.range]
    return same or None


def _touches(one: Span, other: Span) -> bool:
    return one.start <= other.end and other.start <= one.end


# -- what an action does


def _identity(diagnostic: Diagnostic) -> dict[str, object]:
    """What it takes to find a diagnostic again, if need be in another version of the text."""
    span = diagnostic.span
    return {
        "rule": diagnostic.rule,
        "message": diagnostic.message,
        "span": [span.start, span.end],
    }


def _edit(module: Module, data: Mapping[str, Any], view: View) -> lsp.WorkspaceEdit | None:
    """The edits of an action; None if what it was about is there no more."""
    do = data.get("do")
    if do in ("fix-all", "fix-all-safe"):
        edits = _all_fixed(module, data["rule"] if do == "fix-all" else None)
        return convert.workspace_edit(module.snapshot, edits, view.encoding, view.client)
    diagnostic = _found_again(module, data)
    if diagnostic is None:
        return None
    if do == "ignore":
        return project_ignore.workspace_edit(module, diagnostic.rule, view.encoding, view.client)
    edits = _edits(module, diagnostic, do, data)
    if edits is None:
        return None
    return convert.workspace_edit(module.snapshot, edits, view.encoding, view.client)


def _edits(
    module: Module, diagnostic: Diagnostic, do: object, data: Mapping[str, Any]
) -> Sequence[Edit] | None:
    source, start = module.snapshot.source, diagnostic.span.start
    if do == "suppress-line":
        return [insert_suppression(source, start, diagnostic.rule)]
    if do == "suppress-file":
        return [insert_file_suppression(source, diagnostic.rule)]
    refs = diagnostic.finding.fixes
    number = data.get("fix")
    if do != "fix" or not isinstance(number, int) or not 0 <= number < len(refs):
        return None
    fix = module.analysis.fix(diagnostic, refs[number])
    return fix.edits if fix else None


def _all_fixed(module: Module, rule: str | None) -> Sequence[Edit]:
    source, project = module.snapshot.source, module.project
    at_least = Applicability.SAFE if rule is None else Applicability.UNSAFE
    only = None if rule is None else (rule,)
    fixed = fix_all(
        source,
        project.config,
        project.versions,
        at_least,
        only,
        module.workspace,
        module.incoming,
    )
    return edits_between(source.text, fixed)


def _found_again(module: Module, data: Mapping[str, Any]) -> Diagnostic | None:
    """The diagnostic of an action: where it was, else the only one that says the same."""
    same = [
        diagnostic
        for diagnostic in module.analysis.diagnostics
        if diagnostic.rule == data.get("rule") and diagnostic.message == data.get("message")
    ]
    exact = [d for d in same if [d.span.start, d.span.end] == list(data.get("span") or ())]
    if len(exact) == 1:
        return exact[0]
    return same[0] if len(same) == 1 else None
