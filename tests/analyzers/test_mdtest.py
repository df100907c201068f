"""Runs the specifications under `mdtest/`: one Markdown section, one test.

The blocks of a section, in this order of importance: `py` is the code, marked with `# error:`
comments; `py fixed` is the code after all fixes, unsafe ones too; `py safe` after the safe ones;
`py file="pkg/a.py"` is a file of a workspace: a section may have several of these instead of `py`;
`toml` is the project's configuration. In pages about the model `reveal_value(x)` and
`reveal_contexts()` are followed by `# revealed: ...`.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jaxsight_analyzers.config import parse_config
from jaxsight_analyzers.diagnostic import Applicability
from jaxsight_analyzers.engine import Analysis, analyse, fix_all
from jaxsight_analyzers.project.index import Settings, build
from jaxsight_analyzers.project.workspace import Workspace
from jaxsight_analyzers.settings import Config
from jaxsight_analyzers.source import SourceFile
from tests.analyzers.markers import assert_matches, without_markers

ROOT = Path(__file__).parent / "mdtest"
SECTION = re.compile(r"^##+ (?P<title>.+?)\n(?P<body>.*?)(?=^##+ |\Z)", re.M | re.S)
BLOCK = re.compile(r"^```(?P<tag>py|py fixed|py safe|toml)\n(?P<code>.*?)^```$", re.M | re.S)
FILE = re.compile(r"^```py file=\"(?P<path>[^\"]+)\"\n(?P<code>.*?)^```$", re.M | re.S)
REVEALED = re.compile(r"#\s*revealed:\s*(?P<text>.*)$")

SECTIONS = [
    pytest.param(section["body"], id=f"{path.relative_to(ROOT)}::{section['title']}")
    for path in sorted(ROOT.rglob("*.md"))
    for section in SECTION.finditer(path.read_text(encoding="utf-8"))
    if "```py\n" in section["body"]
]
WORKSPACES = [
    pytest.param(section["body"], id=f"{path.relative_to(ROOT)}::{section['title']}")
    for path in sorted(ROOT.rglob("*.md"))
    for section in SECTION.finditer(path.read_text(encoding="utf-8"))
    if "```py file=" in section["body"]
]


@pytest.mark.parametrize("body", SECTIONS)
def test_section(body: str) -> None:
    blocks = {match["tag"]: match["code"] for match in BLOCK.finditer(body)}
    assert body.count("```py\n") == 1, "a section has one `py` block"
    code = blocks["py"]
    config = Config()
    if "toml" in blocks:
        loaded = parse_config(blocks["toml"], Path("jaxsight.toml"))
        assert loaded.errors == ()
        config = loaded.config

    analysis = analyse(SourceFile("a.py", code), config, config.versions)

    assert analysis.crashes == ()
    assert analysis.problems == ()
    assert_matches(code, analysis.diagnostics)
    assert dict(revealed(code)) == {line: text for line, _, text in analysis.model.reveals}
    bare = SourceFile("a.py", without_markers(code))
    for tag, least in (("py fixed", Applicability.UNSAFE), ("py safe", Applicability.SAFE)):
        if tag in blocks:
            assert fix_all(bare, config, config.versions, least) == blocks[tag]


@pytest.mark.parametrize("body", WORKSPACES)
def test_workspace(body: str) -> None:
    texts = {match["path"]: match["code"] for match in FILE.finditer(body)}
    assert body.count("```py") == len(texts), "a section has files, or one `py` block"
    workspace = Workspace.of(texts, ("", "src"))
    analyses: dict[str, Analysis] = {}
    settings = Settings(Config(), {})
    index = build(workspace, texts, lambda _: settings, note=analyses.__setitem__)
    for path, code in texts.items():
        incoming = index.incoming.get(path, ())
        source = SourceFile(path, code)
        as_edited = analyse(source, *settings, workspace=workspace, incoming=incoming)

        for analysis in (analyses[path], as_edited):  # in one run for all files, and in its own
            assert analysis.crashes == ()
            assert analysis.problems == ()
            assert_matches(code, analysis.diagnostics)
            assert dict(revealed(code)) == {line: text for line, _, text in analysis.model.reveals}


def revealed(code: str) -> list[tuple[int, str]]:
    return [
        (number, match["text"].strip())
        for number, line in enumerate(code.split("\n"), 1)
        if (match := REVEALED.search(line)) and "reveal_" in line
    ]


def test_there_are_specifications() -> None:
    assert len(SECTIONS) >= 8
    assert len(WORKSPACES) >= 25
