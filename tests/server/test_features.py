"""What a client gets for what it asks."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jaxsight_analyzers.report.page import page_named
from jaxsight_runner.protocol import Failure, Question
from jaxsight_server.features import run
from jaxsight_server.outcome_words import duration
from jaxsight_server.uris import uri_of

if TYPE_CHECKING:
    from tests.server.conftest import Client

URI = "file:///nowhere/model.py"
BROKEN = "import jax\nimport jax.numpy as jnp\n@jax.jit\ndef f(y):\n    x = jnp.sin(y)\n    x[0] = 1.0\n    return x\n"
TWICE = "import jax\nimport jax.numpy as jnp\n@jax.jit\ndef f(y):\n    x = jnp.sin(y)\n    x[0] = 1.0\n    x[1] = 2.0\n    return x\n"
FIXED = "import jax\nimport jax.numpy as jnp\n@jax.jit\ndef f(y):\n    x = jnp.sin(y)\n    x = x.at[0].set(1.0)\n    return x\n"
RULE = "array-item-assignment"

PUSHED: dict[str, Any] = {
    "textDocument": {
        "codeAction": {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": []}}}
    }
}


def codes(report: dict[str, Any]) -> list[str]:
    """The rules of a report or a publication."""
    items: Any = report["items" if "items" in report else "diagnostics"]
    return [str(item["code"]) for item in items]


def applied(text: str, edit: Any) -> str:
    """A text of ASCII after a change of one document."""
    changes = edit.get("documentChanges")
    edits = changes[-1]["edits"] if changes else next(iter(edit["changes"].values()))
    lines = text.splitlines(keepends=True)
    starts = [sum(map(len, lines[:n])) for n in range(len(lines) + 1)]

    def offset(position: dict[str, int]) -> int:
        return starts[position["line"]] + position["character"]

    def start_of(item: Any) -> int:
        return offset(item["range"]["start"])

    for item in sorted(edits, key=start_of, reverse=True):
        start, end = offset(item["range"]["start"]), offset(item["range"]["end"])
        text = text[:start] + item["newText"] + text[end:]
    return text


# -- diagnostics


async def test_client_that_pulls_is_never_pushed(client: Client) -> None:
    capabilities = await client.initialize()
    assert capabilities["diagnosticProvider"]["interFileDependencies"] is True
    assert capabilities["diagnosticProvider"]["workspaceDiagnostics"] is False
    client.open(URI, BROKEN)
    report = await client.pull(URI)
    assert codes(report) == [RULE]
    assert not client.of("textDocument/publishDiagnostics")


async def test_same_text_and_configuration_is_unchanged(client: Client) -> None:
    await client.initialize()
    client.open(URI, BROKEN)
    first = await client.pull(URI)
    again = await client.pull(URI, first["resultId"])
    assert again == {"kind": "unchanged", "resultId": first["resultId"]}
    client.change(URI, 2, {"text": FIXED})
    other = await client.pull(URI, first["resultId"])
    assert other["kind"] == "full" and other["items"] == []


async def test_pull_of_a_text_that_changes_meanwhile_is_to_be_repeated(client: Client) -> None:
    await client.initialize()
    client.open(URI, BROKEN)
    number = client.send("textDocument/diagnostic", {"textDocument": {"uri": URI}})
    await asyncio.sleep(0)  # the handler takes its snapshot
    client.change(URI, 2, {"text": FIXED})
    with pytest.raises(Exception, match="changed") as caught:
        await client.answer(number)
    assert getattr(caught.value, "code", None) == -32802
    assert getattr(caught.value, "data", None) == {"retriggerRequest": True}


async def test_client_that_cannot_pull_is_pushed_with_the_version(client: Client) -> None:
    capabilities = await client.initialize(PUSHED)
    assert "diagnosticProvider" not in capabilities
    client.open(URI, BROKEN, version=7)
    pushed = await client.until("textDocument/publishDiagnostics")
    assert pushed["version"] == 7 and codes(pushed) == [RULE]
    client.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
    assert client.of("textDocument/publishDiagnostics")[-1]["diagnostics"] == []


async def test_pushed_versions_only_grow_and_the_last_is_pushed(client: Client) -> None:
    await client.initialize(PUSHED)
    client.open(URI, BROKEN)
    for version in range(2, 40):
        client.change(URI, version, {"text": BROKEN + "#" * version})
        await asyncio.sleep(0)
    await client.until("textDocument/publishDiagnostics", lambda p: p["version"] == 39)
    versions = [params["version"] for params in client.of("textDocument/publishDiagnostics")]
    assert versions == sorted(set(versions)) and len(versions) < 39


async def test_untitled_document_is_checked(client: Client) -> None:
    await client.initialize()
    client.open("untitled:Untitled-1", BROKEN)
    assert codes(await client.pull("untitled:Untitled-1")) == [RULE]


async def test_broken_syntax_is_no_finding_and_hides_none(client: Client) -> None:
    await client.initialize()
    client.open(URI, BROKEN)
    await client.pull(URI)
    client.change(URI, 2, {"text": BROKEN + "def g(:\n"})
    assert codes(await client.pull(URI)) == [RULE]


# -- fixes


async def test_fix_is_resolved_lazily_and_repairs_the_text(client: Client) -> None:
    await client.initialize()
    client.open(URI, BROKEN, version=3)
    first = (await client.actions(URI, 5))[0]
    assert first["isPreferred"] is True and "edit" not in first
    action = await client.request("codeAction/resolve", first)
    assert action["edit"]["documentChanges"][0]["textDocument"] == {"uri": URI, "version": 3}
    assert applied(BROKEN, action["edit"]) == FIXED


async def test_structural_fix_is_resolved_on_demand(client: Client) -> None:
    text = "import jax\n\n@jax.jit\ndef f(x):\n    while x > 1:\n        x = x / 2\n    return x\n"
    await client.initialize()
    client.open(URI, text)
    first = (await client.actions(URI, 4))[0]
    assert first["title"] == "Use `jax.lax.while_loop` (unsafe)" and "edit" not in first
    action = await client.request("codeAction/resolve", first)
    assert "x = jax.lax.while_loop(lambda x: x > 1," in applied(text, action["edit"])


async def test_client_that_cannot_resolve_gets_edits_at_once(client: Client) -> None:
    await client.initialize(PUSHED)
    client.open(URI, BROKEN)
    actions = await client.actions(URI, 5)
    assert all("edit" in action and "data" not in action for action in actions)
    assert applied(BROKEN, actions[0]["edit"]) == FIXED


async def test_action_of_an_older_text_is_found_again(client: Client) -> None:
    await client.initialize()
    client.open(URI, BROKEN)
    first = (await client.actions(URI, 5))[0]
    client.change(URI, 2, {"text": "# new\n" + BROKEN})
    action = await client.request("codeAction/resolve", first)
    assert applied("# new\n" + BROKEN, action["edit"]) == "# new\n" + FIXED


async def test_action_whose_finding_has_gone_is_refused(client: Client) -> None:
    await client.initialize()
    client.open(URI, BROKEN)
    first = (await client.actions(URI, 5))[0]
    client.change(URI, 2, {"text": FIXED})
    with pytest.raises(Exception, match="Modified") as caught:
        await client.request("codeAction/resolve", first)
    assert getattr(caught.value, "code", None) == -32801


@pytest.mark.parametrize("only", ["source.fixAll", "source.fixAll.jaxsight", "source"])
async def test_fix_all_answers_to_its_kind_and_those_above(client: Client, only: str) -> None:
    await client.initialize()
    client.open(URI, TWICE)
    actions = await client.actions(URI, 0, [only])
    assert [action["kind"] for action in actions] == ["source.fixAll.jaxsight"]
    action = await client.request("codeAction/resolve", actions[0])
    fixed = applied(TWICE, action["edit"])
    assert "x = x.at[0].set(1.0)\n    x = x.at[1].set(2.0)\n" in fixed


async def test_only_of_another_kind_gets_nothing(client: Client) -> None:
    await client.initialize()
    client.open(URI, TWICE)
    assert await client.actions(URI, 5, ["source.fixAll.ruff"]) == []
    assert await client.actions(URI, 5, ["refactor"]) == []
    kinds = {action["kind"] for action in await client.actions(URI, 5, ["quickfix"])}
    assert kinds == {"quickfix"}


async def test_fix_all_of_one_rule_is_offered_where_there_are_several(client: Client) -> None:
    await client.initialize()
    client.open(URI, TWICE)
    title = f"Fix all `{RULE}` in this file"
    action = next(a for a in await client.actions(URI, 5) if a["title"].startswith(title))
    action = await client.request("codeAction/resolve", action)
    assert "x[" not in applied(TWICE, action["edit"])


async def test_suppressing_a_line_silences_it(client: Client) -> None:
    await client.initialize()
    client.open(URI, BROKEN)
    for where in ("on this line", "in this file"):
        action = next(a for a in await client.actions(URI, 5) if a["title"].endswith(where))
        action = await client.request("codeAction/resolve", action)
        client.open(URI + where[-4:], applied(BROKEN, action["edit"]))
        assert codes(await client.pull(URI + where[-4:])) == []


# -- lenses and hover


async def lenses(client: Client, uri: str = URI) -> list[str]:
    """The titles of a document's lenses."""
    found = await client.request("textDocument/codeLens", {"textDocument": {"uri": uri}})
    return [lens["command"]["title"] for lens in found]


async def test_traced_function_has_lenses_that_stay_while_the_text_is_broken(
    client: Client,
) -> None:
    await client.initialize(options={"clientCommands": True})
    client.open(URI, BROKEN)
    assert await lenses(client) == ["Benchmark", "Check gradients", "Inspect"]
    client.change(URI, 2, {"text": BROKEN + "def g(:\n"})
    found = await client.request("textDocument/codeLens", {"textDocument": {"uri": URI}})
    assert [lens["command"]["command"] for lens in found] == [
        "jaxsight.benchmark",
        "jaxsight.checkGradients",
        "jaxsight.inspect",
    ]
    assert found[0]["range"]["start"]["line"] == 3
    assert found[0]["command"]["arguments"] == [{"uri": URI, "target": "f", "version": 2}]


async def test_function_with_inputs_has_lenses_and_a_plain_one_has_none(client: Client) -> None:
    await client.initialize()
    client.open(URI, "def f(x):\n    return x\n")
    assert await lenses(client) == []
    client.change(URI, 2, {"text": "# jaxsight: inputs x: f32[3]\ndef f(x):\n    return x\n"})
    assert await lenses(client) == ["Benchmark", "Check gradients", "Inspect"]


async def test_lenses_can_be_switched_off_and_untrusted_has_none(client: Client) -> None:
    await client.initialize(options={"settings": {"codeLens": {"checkGradients": False}}})
    client.open(URI, BROKEN)
    assert await lenses(client) == ["Benchmark", "Inspect"]
    settings = {"jaxsight": {"codeLens": False}}
    client.notify("workspace/didChangeConfiguration", {"settings": settings})
    assert await lenses(client) == []


async def test_untrusted_workspace_has_findings_and_no_runs(client: Client) -> None:
    await client.initialize(options={"trusted": False})
    client.open(URI, BROKEN)
    assert await lenses(client) == []
    assert codes(await client.pull(URI)) == [RULE]
    answer = await client.request(
        "jaxsight/run", {"kind": "benchmark", "uri": URI, "target": "f", "interpreter": "/bin/sh"}
    )
    assert answer["status"] == "failed" and answer["failure"]["kind"] == "untrusted"


async def hover(client: Client, line: int, character: int) -> str | None:
    """What the hover of a place says."""
    position = {"line": line, "character": character}
    params = {"textDocument": {"uri": URI}, "position": position}
    found = await client.request("textDocument/hover", params)
    return found and found["contents"]["value"]


async def test_hover_explains_findings_suppressions_and_tracing(client: Client) -> None:
    await client.initialize()
    suppressed = BROKEN.replace("1.0", f"1.0  # jaxsight: ignore[{RULE}]")
    client.open(URI, BROKEN)
    on_finding = await hover(client, 5, 5)
    assert on_finding is not None and on_finding.startswith(f"**{RULE}**")
    on_name = await hover(client, 3, 4)
    assert on_name is not None and "`jax.jit` on line 3" in on_name
    assert await hover(client, 0, 0) is None
    client.change(URI, 2, {"text": suppressed})
    page = await hover(client, 5, suppressed.splitlines()[5].index(RULE) + 3)
    assert page == page_named(RULE)


# -- runs


class Answering:
    """A runner that answers at once."""

    outcome: object = Question("inputs", "what is `x`?", suggestion="x: f32[3]")

    def __init__(self, _zygotes: object) -> None: ...

    async def run(self, *_: object, **__: object) -> object:
        """Answer."""
        return Answering.outcome


async def test_question_and_failure_come_back_as_data(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "RunnerClient", Answering)
    await client.initialize()
    client.open(URI, BROKEN)
    wanted = {"kind": "gradients", "uri": URI, "target": "f"}
    answer = await client.request("jaxsight/run", wanted)
    assert answer["status"] == "question" and answer["question"]["suggestion"] == "x: f32[3]"
    monkeypatch.setattr(Answering, "outcome", Failure("no-jax", "there is no JAX", phase="import"))
    answer = await client.request("jaxsight/run", wanted)
    assert answer["status"] == "failed" and answer["failure"]["phase"] == "import"


async def test_plain_client_is_told_in_words(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "RunnerClient", Answering)
    await client.initialize()
    client.open(URI, BROKEN)
    wanted = {"kind": "gradients", "uri": URI, "target": "f"}
    await client.request(
        "workspace/executeCommand", {"command": "jaxsight.run", "arguments": [wanted]}
    )
    said = await client.until("window/showMessage")
    assert said["message"].startswith("Check gradients `f`: ")


async def test_run_with_wrong_parameters_is_refused_by_name(client: Client) -> None:
    await client.initialize()
    with pytest.raises(Exception, match="`kind` is `dance`") as caught:
        await client.request("jaxsight/run", {"kind": "dance", "uri": URI, "target": "f"})
    assert getattr(caught.value, "code", None) == -32602


@pytest.mark.parametrize(
    ("seconds", "text"), [(1.5, "1.5 s"), (0.00123, "1.23 ms"), (4.2e-6, "4.2 µs"), (3e-9, "3 ns")]
)
def test_duration_is_written_with_three_digits(seconds: float, text: str) -> None:
    assert duration(seconds) == text


# -- configuration and folders


async def test_nearest_configuration_holds_and_a_change_of_it_is_read(
    client: Client, tmp_path: Path
) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "pyproject.toml").write_text(f'[tool.jaxsight]\nignore = ["{RULE}"]\n')
    (inner / "jaxsight.toml").write_text("preview = false\n")
    await client.initialize(folders=(uri_of(tmp_path),))
    outside, inside = uri_of(tmp_path / "a.py"), uri_of(inner / "b.py")
    client.open(outside, BROKEN)
    client.open(inside, BROKEN)
    assert codes(await client.pull(outside)) == []
    assert codes(await client.pull(inside)) == [RULE]
    (tmp_path / "pyproject.toml").write_text("[tool.jaxsight]\n")
    changed = {"uri": uri_of(tmp_path / "pyproject.toml"), "type": 2}
    client.notify("workspace/didChangeWatchedFiles", {"changes": [changed]})
    await client.until("workspace/diagnostic/refresh")
    assert codes(await client.pull(outside)) == [RULE]


async def test_wrong_configuration_is_shown_in_its_file_and_said_once(
    client: Client, tmp_path: Path
) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text('[tool.jaxsight]\nignroe = ["x"]\n')
    await client.initialize(folders=(uri_of(tmp_path),))
    for name in ("a.py", "b.py"):
        client.open(uri_of(tmp_path / name), BROKEN)
    shown = await client.until("textDocument/publishDiagnostics")
    assert shown["uri"] == uri_of(file)
    assert shown["diagnostics"][0]["range"]["start"]["line"] == 1
    status = await client.until("jaxsight/status", lambda s: s["health"] == "warning")
    assert status["configFile"] == str(file)
    assert len(client.of("window/showMessage")) == 1
    file.write_text("[tool.jaxsight]\n")
    client.notify("workspace/didChangeWatchedFiles", {"changes": []})
    await client.until("textDocument/publishDiagnostics", lambda p: not p["diagnostics"])


async def test_folders_have_settings_of_their_own_and_may_go(
    client: Client, tmp_path: Path
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir(), two.mkdir()  # type: ignore[reportUnusedExpression]
    client.answers["workspace/configuration"] = [{}, {"ignore": [RULE]}, {}]
    capable: dict[str, Any] = {
        "workspace": {"configuration": True},
        "textDocument": {"diagnostic": {}},
    }
    await client.initialize(capable, folders=(uri_of(one), uri_of(two)))
    client.open(uri_of(one / "a.py"), BROKEN)
    client.open(uri_of(two / "a.py"), BROKEN)
    await client.until("jaxsight/status")
    assert codes(await client.pull(uri_of(one / "a.py"))) == []
    assert codes(await client.pull(uri_of(two / "a.py"))) == [RULE]
    event = {"added": [], "removed": [{"uri": uri_of(one), "name": "one"}]}
    client.answers["workspace/configuration"] = [{}, {}]
    client.notify("workspace/didChangeWorkspaceFolders", {"event": event})
    await client.until("jaxsight/status")
    await asyncio.sleep(0)
    assert codes(await client.pull(uri_of(one / "a.py"))) == [RULE]


@pytest.mark.parametrize(
    "before", ["", '[project]\nname = "x"\n', "[tool.jaxsight]\npreview = true\n"]
)
async def test_rule_is_ignored_in_the_project(client: Client, tmp_path: Path, before: str) -> None:
    file = tmp_path / "pyproject.toml"
    if before:
        file.write_text(before)
    await client.initialize(folders=(uri_of(tmp_path),))
    uri = uri_of(tmp_path / "a.py")
    client.open(uri, BROKEN)
    action = next(a for a in await client.actions(uri, 5) if "pyproject.toml" in a["title"])
    action = await client.request("codeAction/resolve", action)
    assert (action["edit"]["documentChanges"][0].get("kind") == "create") == (not before)
    file.write_text(applied(before, action["edit"]))
    client.notify("workspace/didChangeWatchedFiles", {"changes": []})
    assert codes(await client.pull(uri)) == []


# -- notebooks

NOTEBOOK = "file:///nowhere/book.ipynb"
CELLS = (
    "import jax.numpy as jnp\n%matplotlib inline\n",
    "def f(y):\n    x = jnp.sin(y)\n    x[0] = 1.0\n    return x",
)


def cell_uri(number: int) -> str:
    """The address of a cell."""
    return f"vscode-notebook-cell:/nowhere/book.ipynb#{number}"


def open_notebook(client: Client) -> None:
    """Open a notebook of two cells."""
    cells = [{"kind": 2, "document": cell_uri(n)} for n in range(len(CELLS))]
    notebook = {"uri": NOTEBOOK, "notebookType": "jupyter-notebook", "version": 1, "cells": cells}
    documents = [
        {"uri": cell_uri(n), "languageId": "python", "version": 1, "text": text}
        for n, text in enumerate(CELLS)
    ]
    params = {"notebookDocument": notebook, "cellTextDocuments": documents}
    client.notify("notebookDocument/didOpen", params)


async def test_notebook_is_one_module_and_its_cells_are_pushed(client: Client) -> None:
    await client.initialize()
    open_notebook(client)
    pushed = await client.until("textDocument/publishDiagnostics", lambda p: p["diagnostics"])
    assert pushed["uri"] == cell_uri(1) and codes(pushed) == [RULE]
    assert pushed["diagnostics"][0]["range"]["start"] == {"line": 2, "character": 4}
    assert codes(await client.pull(cell_uri(1))) == []
    action = (await client.actions(cell_uri(1), 2))[0]
    action = await client.request("codeAction/resolve", action)
    assert action["edit"]["documentChanges"][0]["textDocument"]["uri"] == cell_uri(1)
    assert "    x = x.at[0].set(1.0)\n" in applied(CELLS[1], action["edit"])


async def test_edit_of_one_cell_changes_the_findings_of_another(client: Client) -> None:
    await client.initialize()
    open_notebook(client)
    await client.until("textDocument/publishDiagnostics", lambda p: p["diagnostics"])
    client.received.clear()
    line = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 23}}
    content = {
        "document": {"uri": cell_uri(0), "version": 2},
        "changes": [{"range": line, "text": "jnp = None"}],
    }
    change = {"cells": {"textContent": [content]}}
    document = {"uri": NOTEBOOK, "version": 2}
    params = {"notebookDocument": document, "change": change}
    client.notify("notebookDocument/didChange", params)
    await client.until(
        "textDocument/publishDiagnostics",
        lambda p: p["uri"] == cell_uri(1) and not p["diagnostics"],
    )


async def test_deleted_cell_takes_its_findings_along(client: Client) -> None:
    await client.initialize()
    open_notebook(client)
    await client.until("textDocument/publishDiagnostics", lambda p: p["diagnostics"])
    client.received.clear()
    structure = {
        "array": {"start": 1, "deleteCount": 1},
        "didClose": [{"uri": cell_uri(1)}],
    }
    params = {
        "notebookDocument": {"uri": NOTEBOOK, "version": 2},
        "change": {"cells": {"structure": structure}},
    }
    client.notify("notebookDocument/didChange", params)
    gone = await client.until("textDocument/publishDiagnostics", lambda p: p["uri"] == cell_uri(1))
    assert gone["diagnostics"] == []
    last = await client.until("textDocument/publishDiagnostics", lambda p: p["uri"] == cell_uri(0))
    assert last["diagnostics"] == []
