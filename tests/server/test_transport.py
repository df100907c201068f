"""What pygls gets wrong, seen from the client."""

from __future__ import annotations

import ast
import asyncio
import inspect
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pygls.exceptions import JsonRpcContentModified

from jaxsight_server.features import run
from jaxsight_server.log import is_worth_telling
from jaxsight_server.server import FEATURES, Feature

if TYPE_CHECKING:
    from tests.server.conftest import Client

URI = "file:///project/model.py"


@pytest.mark.parametrize("odd", ["\x0c", "\u2028", "\x85", "\x0b", "\x1c"])
async def test_edit_after_an_odd_character_lands_on_its_line(client: Client, odd: str) -> None:
    await client.initialize()
    client.open(URI, f"a = 1  # {odd}\nb = 2\n")
    edit = {
        "range": {"start": {"line": 1, "character": 0}, "end": {"line": 1, "character": 1}},
        "text": "c",
    }
    client.change(URI, 2, edit)
    source = client.server.session.source(URI)
    assert source is not None and source.text == f"a = 1  # {odd}\nc = 2\n"


class Endless:
    """A runner that runs until it is cancelled."""

    started = asyncio.Event()
    ended = asyncio.Event()

    def __init__(self, _zygotes: object) -> None: ...

    async def run(self, *_: object, **__: object) -> object:
        """Run for ever."""
        Endless.started.set()
        try:
            return await asyncio.Event().wait()
        finally:
            Endless.ended.set()


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> type[Endless]:
    Endless.started, Endless.ended = asyncio.Event(), asyncio.Event()
    monkeypatch.setattr(run, "RunnerClient", Endless)
    return Endless


RUN = {"kind": "benchmark", "uri": URI, "target": "f", "workDoneToken": "token"}
TEXT = "import jax\n\n@jax.jit\ndef f(x):\n    return x\n"


async def test_cancelling_a_custom_request_reaches_its_work(
    client: Client, endless: type[Endless]
) -> None:
    await client.initialize()
    client.open(URI, TEXT)
    number = client.send("jaxsight/run", RUN)
    await asyncio.wait_for(endless.started.wait(), 10)
    client.notify("$/cancelRequest", {"id": number})
    with pytest.raises(Exception, match="cancel") as caught:
        await client.answer(number)
    assert getattr(caught.value, "code", None) == -32800
    await asyncio.wait_for(endless.ended.wait(), 10)


async def test_cancelling_a_commands_run_reaches_its_work(
    client: Client, endless: type[Endless]
) -> None:
    await client.initialize()
    client.open(URI, TEXT)
    command = {"command": "jaxsight.run", "arguments": [RUN]}
    job = (await client.request("workspace/executeCommand", command))["jobId"]
    await asyncio.wait_for(endless.started.wait(), 10)
    cancel = {"command": "jaxsight.cancelRun", "arguments": [job]}
    assert await client.request("workspace/executeCommand", cancel) is True
    await asyncio.wait_for(endless.ended.wait(), 10)
    assert (await client.until("jaxsight/runEvent"))["status"] == "cancelled"


async def test_cancelling_the_progress_of_a_run_reaches_its_work(
    client: Client, endless: type[Endless]
) -> None:
    await client.initialize()
    client.open(URI, TEXT)
    command = {"command": "jaxsight.run", "arguments": [RUN]}
    job = (await client.request("workspace/executeCommand", command))["jobId"]
    await asyncio.wait_for(endless.started.wait(), 10)
    client.notify("window/workDoneProgress/cancel", {"token": job})
    await asyncio.wait_for(endless.ended.wait(), 10)


async def test_tokens_are_forgotten_at_the_end(client: Client, endless: type[Endless]) -> None:
    await client.initialize()
    client.open(URI, TEXT)
    number = client.send("jaxsight/run", RUN)
    await asyncio.wait_for(endless.started.wait(), 10)
    assert client.server.jobs.running == {"token"}
    client.notify("$/cancelRequest", {"id": number})
    with pytest.raises(Exception, match="cancel"):
        await client.answer(number)
    kinds = [params["value"]["kind"] for params in client.of("$/progress")]
    assert kinds[0] == "begin" and kinds[-1] == "end"
    assert not client.server.jobs.running
    assert not dict(client.server.protocol.progress.tokens)  # type: ignore[reportUnknownMemberType]


async def test_shutdown_ends_what_runs_before_it_answers(
    client: Client, endless: type[Endless]
) -> None:
    await client.initialize()
    client.open(URI, TEXT)
    client.send("jaxsight/run", RUN)
    await asyncio.wait_for(endless.started.wait(), 10)
    await client.request("shutdown", None)
    assert endless.ended.is_set()
    with pytest.raises(Exception, match="after `shutdown`") as caught:
        await client.pull(URI)
    assert getattr(caught.value, "code", None) == -32600


async def test_request_before_initialize_is_refused(client: Client) -> None:
    with pytest.raises(Exception, match="before `initialize`") as caught:
        await client.pull(URI)
    assert getattr(caught.value, "code", None) == -32002


async def test_request_with_wrong_parameters_gets_an_answer(client: Client) -> None:
    await client.initialize()
    with pytest.raises(Exception, match="Invalid Params") as caught:
        await client.request("textDocument/hover", {"textDocument": 3})
    assert getattr(caught.value, "code", None) == -32602


async def test_failing_feature_is_logged_by_name_and_answered(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await client.initialize()
    client.open(URI, TEXT)
    monkeypatch.setattr(client.server.schedule, "run", None)
    params = {"textDocument": {"uri": URI}, "position": {"line": 0, "character": 0}}
    with pytest.raises(Exception, match="`textDocument/hover` failed"):
        await client.request("textDocument/hover", params)
    assert "`textDocument/hover` failed" in caplog.text


def test_remarks_of_pygls_on_ordinary_clients_are_not_told() -> None:
    def record(message: str, error: Exception | None = None) -> logging.LogRecord:
        info = (type(error), error, None) if error else None
        return logging.LogRecord("pygls.protocol", logging.WARNING, "", 0, message, (), info)

    assert not is_worth_telling(record('Cancel notification for unknown message id "%s"'))
    assert not is_worth_telling(record("Exception occurred", JsonRpcContentModified()))
    assert is_worth_telling(record("Unable to deserialize message"))


# -- handlers do not block


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.method)
def test_handler_is_a_coroutine_or_only_changes_the_session(feature: Feature) -> None:
    """What takes time is passed to the analysis thread, never called.

    So a handler calls nothing of the analysers, of the disk, or of time.
    """
    source = Path(inspect.getfile(feature.handler)).read_text(encoding="utf-8")
    tree = ast.parse(source)
    slow = _imported_from(tree, ("jaxsight_analyzers", "pathlib", "time", "subprocess", "os"))
    handler = next(
        node
        for node in tree.body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.name == feature.handler.__name__
    )
    called = {name for node in ast.walk(handler) if (name := _called(node))}
    assert not called & slow
    assert not called & {"read_text", "read_bytes", "is_file", "sleep", "analyse"}


def test_check_for_slow_handlers_finds_one() -> None:
    tree = ast.parse("from jaxsight_analyzers.engine import analyse\ndef h(): analyse(1)")
    slow = _imported_from(tree, ("jaxsight_analyzers",))
    assert {_called(node) for node in ast.walk(tree)} & slow == {"analyse"}


def _imported_from(tree: ast.Module, packages: tuple[str, ...]) -> set[str]:
    return {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
        if (getattr(node, "module", None) or alias.name).split(".")[0] in packages
    }


def _called(node: Any) -> str | None:
    if not isinstance(node, ast.Call):
        return None
    function = node.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else None
