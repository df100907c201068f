"""Findings that follow from other files: of the editor first, of the disk where it has none."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.server.conftest import CAPABLE, Client

from jaxsight_server.uris import uri_of

MAIN = """\
import jax
from helpers import positive

@jax.jit
def step(x):
    return positive(x)
"""
BRANCHES = "def positive(x):\n    if x > 0:\n        return x\n    return -x\n"
CALLS_NOTHING = "import jax\nfrom helpers import positive\n\ndef step(x):\n    return x\n"
KEYED = """\
import jax
from helpers import draw

def sample(key):
    first = draw(key)
    return first + jax.random.normal(key)
"""
DRAWS = "import jax\n\ndef draw(key):\n    return jax.random.normal(key)\n"
FOLDS = "import jax\n\ndef draw(key):\n    return jax.random.fold_in(key, 1)\n"

PUSHED: dict[str, Any] = {
    "textDocument": {"publishDiagnostics": {"relatedInformation": True}},
}
REFRESH = "workspace/diagnostic/refresh"
PUBLISH = "textDocument/publishDiagnostics"


def codes(report: Any) -> list[str]:
    """The rules of the diagnostics in a report."""
    items = report["items"] if "items" in report else report["diagnostics"]
    return [item["code"] for item in items]


class Project:
    """Files on the disk, and a client that works in their folder."""

    def __init__(self, client: Client, root: Path) -> None:
        self.client = client
        self.root = root

    def write(self, name: str, text: str) -> str:
        """Write a file; its address."""
        path = self.root / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text, encoding="utf-8")
        return uri_of(path)

    async def start(self, capabilities: Any = CAPABLE) -> None:
        """Introduce the client."""
        await self.client.initialize(capabilities, folders=(uri_of(self.root),))

    def watched(self, *uris: str, kind: int = 2) -> None:
        """Tell that files have changed on the disk."""
        changes = [{"uri": uri, "type": kind} for uri in uris]
        self.client.notify("workspace/didChangeWatchedFiles", {"changes": changes})

    async def until_codes(self, uri: str, wanted: list[str]) -> Any:
        """Pull at each refresh until a file has these findings; the report."""
        seen = 0
        while True:
            report = await self.client.pull(uri)
            if codes(report) == wanted:
                return report
            while len(self.client.of(REFRESH)) <= seen:
                await asyncio.wait_for(self.client.news(), 20)
            seen = len(self.client.of(REFRESH))


@pytest.fixture
def project(client: Client, tmp_path: Path) -> Project:
    """A folder, and a client for it."""
    return Project(client, tmp_path)


async def test_a_file_sees_what_it_imports_from_the_disk(project: Project) -> None:
    project.write("helpers.py", DRAWS)
    main = project.write("main.py", KEYED)
    await project.start()
    project.client.open(main, KEYED)
    assert codes(await project.client.pull(main)) == ["key-reuse"]


async def test_open_text_counts_before_the_disk_until_it_is_closed(project: Project) -> None:
    helpers, main = project.write("helpers.py", DRAWS), project.write("main.py", KEYED)
    await project.start()
    project.client.open(helpers, FOLDS)
    project.client.open(main, KEYED)
    assert codes(await project.client.pull(main)) == []
    project.client.notify("textDocument/didClose", {"textDocument": {"uri": helpers}})
    await project.until_codes(main, ["key-reuse"])


async def test_an_edit_elsewhere_is_told_after_the_edited_files_own_findings(
    project: Project,
) -> None:
    helpers, main = project.write("helpers.py", FOLDS), project.write("main.py", KEYED)
    await project.start(PUSHED)
    project.client.open(helpers, FOLDS)
    project.client.open(main, KEYED)
    await project.client.until(PUBLISH, lambda p: p["uri"] == main)
    project.client.change(helpers, 2, {"text": DRAWS})
    shown = await project.client.until(PUBLISH, lambda p: p["uri"] == main and bool(codes(p)))
    assert codes(shown) == ["key-reuse"]
    order = [(params["uri"], params["version"]) for params in project.client.of(PUBLISH)]
    assert order.index((helpers, 2)) < len(order) - 1 == order.index((main, 1), 2)


async def test_a_call_from_another_open_file_is_seen_at_its_place(project: Project) -> None:
    helpers, main = project.write("helpers.py", BRANCHES), project.write("main.py", MAIN)
    await project.start()
    project.client.open(helpers, BRANCHES)
    assert codes(await project.client.pull(helpers)) == []
    text = "# 😀\n" + MAIN
    project.client.open(main, text)
    await project.client.pull(main)
    report = await project.until_codes(helpers, ["traced-if"])
    related = report["items"][0]["relatedInformation"]
    places = [(one["location"]["uri"], one["location"]["range"]["start"]) for one in related]
    assert places[:2] == [
        (main, {"line": 4, "character": 1}),
        (main, {"line": 6, "character": 11}),
    ]
    assert places[2][0] == helpers
    project.client.change(main, 2, {"text": CALLS_NOTHING})
    await project.client.pull(main)
    await project.until_codes(helpers, [])


async def test_related_places_move_with_the_other_files_lines(project: Project) -> None:
    helpers, main = project.write("helpers.py", BRANCHES), project.write("main.py", MAIN)
    await project.start()
    project.client.open(main, MAIN)
    await project.client.pull(main)
    project.client.open(helpers, BRANCHES)
    first = await project.client.pull(helpers)
    assert codes(first) == ["traced-if"]
    start = {"line": 0, "character": 0}
    change = {"range": {"start": start, "end": start}, "text": "\n\n\n"}
    project.client.change(main, 2, change)
    await project.client.pull(main)
    await project.client.until(REFRESH)
    second = await project.client.pull(helpers, first["resultId"])
    lines = [
        [
            one["location"]["range"]["start"]["line"]
            for one in report["items"][0]["relatedInformation"]
        ]
        for report in (first, second)
    ]
    assert lines == [[3, 5, 0], [6, 8, 0]]


async def test_client_without_related_places_reads_the_files_name(project: Project) -> None:
    helpers, main = project.write("helpers.py", BRANCHES), project.write("main.py", MAIN)
    await project.start({"textDocument": {"diagnostic": {}}})
    project.client.open(main, MAIN)
    await project.client.pull(main)
    project.client.open(helpers, BRANCHES)
    message = (await project.client.pull(helpers))["items"][0]["message"]
    assert message.splitlines()[1:] == [
        "main.py, line 4: `step` is compiled by `jax.jit` here",
        "main.py, line 6: `positive` is called here",
        "line 1: `x` is traced",
    ]


async def test_files_that_change_come_and_go_on_the_disk_are_followed(project: Project) -> None:
    main = project.write("main.py", KEYED)
    await project.start()
    project.client.open(main, KEYED)
    assert codes(await project.client.pull(main)) == []
    helpers = project.write("helpers.py", DRAWS)
    project.watched(helpers, kind=1)
    await project.until_codes(main, ["key-reuse"])
    project.write("helpers.py", FOLDS)
    project.watched(helpers)
    await project.until_codes(main, [])
    project.write("helpers.py", DRAWS)
    project.watched(helpers)
    await project.until_codes(main, ["key-reuse"])
    (project.root / "helpers.py").unlink()
    project.watched(helpers, kind=3)
    await project.until_codes(main, [])


async def test_saving_is_enough_where_the_client_watches_nothing(project: Project) -> None:
    project.write("helpers.py", FOLDS)
    main = project.write("main.py", KEYED)
    await project.start()
    project.client.open(main, KEYED)
    assert codes(await project.client.pull(main)) == []
    project.write("helpers.py", DRAWS)
    project.client.notify("textDocument/didSave", {"textDocument": {"uri": main}})
    await project.until_codes(main, ["key-reuse"])


async def test_files_that_import_each_other_come_to_rest(project: Project) -> None:
    one = "import jax\nimport two\n\n@jax.jit\ndef step(x):\n    return two.positive(x)\n"
    two = f"import one\n\n{BRANCHES}\n\ndef again(x):\n    return one.step(x)\n"
    first, second = project.write("one.py", one), project.write("two.py", two)
    await project.start()
    project.client.open(first, one)
    project.client.open(second, two)
    await project.client.pull(first)
    await project.client.pull(second)
    await project.until_codes(second, ["traced-if"])
    before = len(project.client.of(REFRESH))
    project.client.change(
        first, 2, {"text": one.replace("step(x)", "step(y)").replace("(x)", "(y)")}
    )
    await project.client.pull(first)
    await project.until_codes(second, ["traced-if"])
    looking = project.client.server.neighbours.looking
    if looking is not None:
        await asyncio.wait_for(looking, 20)
    assert len(project.client.of(REFRESH)) <= before + 1


async def test_what_other_files_owe_does_not_hold_up_an_edit(project: Project) -> None:
    """After an edit elsewhere the next edit of a file goes on from its own state."""
    helpers, main = project.write("helpers.py", FOLDS), project.write("main.py", KEYED)
    await project.start()
    project.client.open(helpers, FOLDS)
    project.client.open(main, KEYED)
    assert codes(await project.client.pull(main)) == []
    server = project.client.server
    before = server.session.snapshot(main)
    assert before is not None
    state = await server.schedule.run(lambda module: module.analysis.state, before)
    project.client.change(helpers, 2, {"text": DRAWS})
    project.client.change(main, 2, {"text": KEYED + "\n"})
    after = server.session.snapshot(main)
    assert after is not None
    assert await server.schedule.run(lambda module: module.analysis.state, after) is state
    await project.until_codes(main, ["key-reuse"])
