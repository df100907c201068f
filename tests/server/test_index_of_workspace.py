"""The index of the workspace: what files that are not open call, and what becomes of it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.server.conftest import CAPABLE, Client

from jaxsight_analyzers.project import cache
from jaxsight_server.uris import uri_of

MAIN = """\
import jax
from helpers import positive

@jax.jit
def step(x):
    return positive(x)
"""
HELPERS = "def positive(x):\n    if x > 0:\n        return x\n    return -x\n"


def codes(report: Any) -> list[str]:
    """The rules of the diagnostics in a report."""
    return [item["code"] for item in report["items"]]


def is_index(state: str) -> Callable[[Any], bool]:
    """Whether a status says this of the index."""
    return lambda status: status["index"]["state"] == state


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the indexer logged."""
    return [r.getMessage() for r in caplog.records if r.name == "jaxsight_server.indexing"]


@pytest.fixture(autouse=True)
def cache_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Path:
    """A cache folder of the test's own."""
    caplog.set_level("INFO", "jaxsight_server.indexing")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "jaxsight" / "index"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a file whose meaning another one decides."""
    made = tmp_path / "project"
    made.mkdir()
    (made / "main.py").write_text(MAIN)
    (made / "helpers.py").write_text(HELPERS)
    return made


async def test_calls_from_files_that_are_not_open_are_seen_once_the_index_is_ready(
    client: Client, folder: Path
) -> None:
    await client.initialize(folders=(uri_of(folder),))
    helpers = uri_of(folder / "helpers.py")
    client.open(helpers, HELPERS)
    assert codes(await client.pull(helpers)) == []
    status = await client.until("jaxsight/status", is_index("ready"))
    assert status["index"]["files"] == 2
    await client.until("workspace/diagnostic/refresh")
    report = await client.pull(helpers)
    assert codes(report) == ["traced-if"]
    places = report["items"][0]["relatedInformation"]
    assert places[0]["location"]["uri"] == uri_of(folder / "main.py")


async def test_index_follows_the_disk(client: Client, folder: Path) -> None:
    await client.initialize(folders=(uri_of(folder),))
    helpers = uri_of(folder / "helpers.py")
    client.open(helpers, HELPERS)
    await client.until("jaxsight/status", is_index("ready"))
    await client.until("workspace/diagnostic/refresh")
    assert codes(await client.pull(helpers)) == ["traced-if"]
    (folder / "main.py").unlink()
    changes = [{"uri": uri_of(folder / "main.py"), "type": 3}]
    client.received.clear()
    client.notify("workspace/didChangeWatchedFiles", {"changes": changes})
    await client.until("jaxsight/status", lambda s: s["index"] == {"state": "ready", "files": 1})
    await client.until("workspace/diagnostic/refresh")
    assert codes(await client.pull(helpers)) == []


async def test_index_whose_process_dies_costs_one_line_and_nothing_else(
    client: Client, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await client.initialize(folders=(uri_of(folder),))
    main = uri_of(folder / "main.py")
    client.open(main, MAIN)
    await client.until("jaxsight/status", is_index("building"))
    child = client.server.indexer.child
    assert child is not None
    os.kill(child, signal.SIGKILL)
    await client.until("jaxsight/status", is_index("failed"))
    assert lines(caplog) == ["The workspace is not indexed: its process ended with -9"]
    assert codes(await client.pull(main)) == []
    client.notify("textDocument/didSave", {"textDocument": {"uri": main}})
    await client.until("jaxsight/status", is_index("ready"))


async def test_index_that_was_cancelled_is_not_begun_again(client: Client, folder: Path) -> None:
    await client.initialize(folders=(uri_of(folder),))
    main = uri_of(folder / "main.py")
    client.open(main, MAIN)
    await client.until("jaxsight/status", is_index("building"))
    [token] = client.server.jobs.running
    client.notify("window/workDoneProgress/cancel", {"token": token})
    await client.until("jaxsight/status", is_index("failed"))
    assert client.server.indexer.working is None and client.server.indexer.child is None
    client.notify("textDocument/didSave", {"textDocument": {"uri": main}})
    assert client.server.indexer.working is None
    assert codes(await client.pull(main)) == []


async def test_damaged_cache_is_said_and_made_anew(
    client: Client, folder: Path, cache_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = cache.file_of(folder)
    assert kept.parent == cache_folder
    cache_folder.mkdir(parents=True)
    kept.write_text('{"key": ')
    await client.initialize(folders=(uri_of(folder),))
    client.open(uri_of(folder / "main.py"), MAIN)
    await client.until("jaxsight/status", is_index("ready"))
    assert lines(caplog) == [f"The index that was kept in {kept} is damaged; it is made anew"]
    assert kept.read_bytes().startswith(b'{"key":"')


async def test_long_work_is_shown(client: Client, folder: Path) -> None:
    body = "\n".join(
        f"def step_{n}(params, batch):\n    return jax.grad(lambda p: (p * batch).sum())(params)\n"
        for n in range(150)
    )
    for number in range(60):
        (folder / f"module_{number}.py").write_text(f"import jax\n\n{body}")
    await client.initialize(CAPABLE, folders=(uri_of(folder),))
    client.open(uri_of(folder / "main.py"), MAIN)
    token = (await client.until("window/workDoneProgress/create"))["token"]
    await client.until("jaxsight/status", is_index("ready"))
    values = [p["value"] for p in client.of("$/progress") if p["token"] == token]
    assert values[0]["kind"] == "begin" and values[-1] == {"kind": "end"}
    assert any("of 62 files" in value.get("message", "") for value in values[1:-1])
    await client.until("jaxsight/status", lambda s: s["index"]["files"] == 62)


async def test_a_home_is_not_indexed(client: Client) -> None:
    await client.initialize(folders=(uri_of(Path.home()), uri_of(Path(Path.home().anchor))))
    client.open("untitled:a", MAIN)
    status = await client.until("jaxsight/status")
    assert status["index"] == {"state": "none", "files": 0}
    assert client.server.indexer.working is None


async def test_whether_64_bits_are_enabled_anywhere_is_known_with_the_index(
    client: Client, folder: Path
) -> None:
    text = "import jax.numpy as jnp\n\nx = jnp.zeros(3, jnp.float64)\n"
    (folder / "model.py").write_text(text)
    model = uri_of(folder / "model.py")
    await client.initialize(folders=(uri_of(folder),))
    client.open(model, text)
    assert codes(await client.pull(model)) == []
    await client.until("jaxsight/status", is_index("ready"))
    await client.until("workspace/diagnostic/refresh")
    assert codes(await client.pull(model)) == ["float64-silently-truncated"]
    client.received.clear()
    (folder / "main.py").write_text(f'{MAIN}\njax.config.update("jax_enable_x64", True)\n')
    changes = [{"uri": uri_of(folder / "main.py"), "type": 2}]
    client.notify("workspace/didChangeWatchedFiles", {"changes": changes})
    await client.until("jaxsight/status", is_index("building"))
    await client.until("jaxsight/status", is_index("ready"))
    await client.until("workspace/diagnostic/refresh")
    assert codes(await client.pull(model)) == []
