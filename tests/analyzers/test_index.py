"""The index of a workspace: it depends on no order, and a cache changes nothing but the time it takes."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from jaxsight_analyzers.project import cache
from jaxsight_analyzers.project.disk import workspace_of
from jaxsight_analyzers.project.index import Index, Settings, build
from jaxsight_analyzers.project.workspace import Workspace
from jaxsight_analyzers.settings import Config

TEXTS = {
    "main.py": "import jax\nfrom pkg import norm, models\n\nstep = jax.jit(norm)\nstep(1.0)\n"
    "jax.jit(models.Model().apply)(1.0)\n",
    "pkg/__init__.py": "from .helpers import norm\nfrom . import models\n",
    "pkg/helpers.py": "import main\n\ndef norm(x):\n    if x > 0:\n        return x\n    return -x\n",
    "pkg/models.py": "from .helpers import norm\n\nclass Model:\n    def apply(self, x):\n"
    "        if x > 1:\n            return norm(x)\n        return x\n",
}


def settings(path: str) -> Settings:
    return Settings(Config(), {})


def found(index: Index) -> dict[str, list[str]]:
    return {p: [d.message for d in e.diagnostics] for p, e in index.entries.items()}


def test_what_another_file_traces_is_found_in_its_own() -> None:
    index = build(Workspace.of(TEXTS), TEXTS, settings)

    traced = "`{}` is traced by `jax.jit`, so Python fails to branch on it"
    assert found(index) == {
        "main.py": [],
        "pkg/__init__.py": [],
        "pkg/helpers.py": [traced.format("x > 0")],
        "pkg/models.py": [traced.format("x > 1")],
    }
    (diagnostic,) = index.entries["pkg/helpers.py"].diagnostics
    assert [(p.path, p.message) for p in diagnostic.related] == [
        ("main.py", "`norm` is compiled by `jax.jit` here"),
        (None, "`x` is traced"),
    ]


def test_the_order_of_files_has_no_say() -> None:
    expected = build(Workspace.of(TEXTS), TEXTS, settings)
    shuffled = list(TEXTS)
    for seed in range(5):
        random.Random(seed).shuffle(shuffled)
        workspace = Workspace.of({path: TEXTS[path] for path in shuffled})
        for path in shuffled:  # whatever was parsed first
            workspace.parsed(path)

        index = build(workspace, shuffled, settings)

        assert index.entries == expected.entries
        assert index.incoming == expected.incoming


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path, text in TEXTS.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def indexed(root: Path, of: Config | None = None) -> Index:
    workspace = workspace_of(root, root, absolute=True)
    paths = [path.as_posix() for path in root.rglob("*.py")]
    made_with = Settings(of or Config(), {})
    return cache.indexed(workspace, paths, lambda _: made_with, root / "cache" / "index.json")


def test_a_second_time_nothing_is_analysed(root: Path) -> None:
    first = indexed(root)
    second = indexed(root)

    assert first.analysed > 0
    assert second.analysed == 0
    assert found(second) == found(first)
    assert second.entries == first.entries


@pytest.mark.parametrize("path", sorted(TEXTS))
@pytest.mark.parametrize(
    ("old", "new"), [("jax.jit(norm)", "norm"), ("x > 0", "x is None"), ("", "\n")]
)
def test_after_a_change_the_index_is_what_a_new_one_is(
    root: Path, path: str, old: str, new: str
) -> None:
    before = indexed(root)
    text = (root / path).read_text()
    (root / path).write_text(text.replace(old, new, 1))
    after = indexed(root)
    (root / "cache" / "index.json").unlink()

    assert after.entries == indexed(root).entries
    assert after.analysed <= before.analysed


def test_a_file_that_comes_or_goes_is_seen(root: Path) -> None:
    indexed(root)
    (root / "pkg" / "helpers.py").unlink()
    gone = indexed(root)
    (root / "pkg" / "helpers.py").write_text(TEXTS["pkg/helpers.py"])
    back = indexed(root)

    assert f"{root.as_posix()}/pkg/helpers.py" not in gone.entries
    assert len(found(back)[f"{root.as_posix()}/pkg/helpers.py"]) == 1


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\x00\xff",
        b'{"key": 1}',
        b"[" * 100_000,
        json.dumps({"key": "K", "entries": {"a": [1]}, "stamps": {}}).encode(),
        json.dumps({"key": "K", "entries": {}, "stamps": {"a": 3}}).encode(),
    ],
)
def test_a_damaged_cache_is_none(root: Path, damage: bytes) -> None:
    place = root / "cache" / "index.json"
    indexed(root)
    key = json.loads(place.read_bytes())["key"]
    place.write_bytes(damage.replace(b'"K"', json.dumps(key).encode()))

    assert len(found(indexed(root))[f"{root.as_posix()}/pkg/helpers.py"]) == 1
    assert cache.load(place, key)[0]


def test_other_settings_and_other_analysers_start_anew(root: Path) -> None:
    first = indexed(root)

    assert indexed(root, Config(ignore=("traced-if",))).analysed == first.analysed
    place = root / "cache" / "index.json"
    kept = json.loads(place.read_bytes())
    assert cache.load(place, kept["key"])[0]
    assert cache.load(place, cache.key_of(["another"])) == ({}, {})


WIDE = {
    "model.py": "import jax.numpy as jnp\n\nx = jnp.zeros(3, jnp.float64)\n",
    "main.py": "import model\n",
    "other.py": "import jax\n",
}


def test_who_asks_whether_64_bits_are_enabled_depends_on_all_files() -> None:
    enabling = {**WIDE, "other.py": 'import jax\n\njax.config.update("jax_enable_x64", True)\n'}
    without = build(Workspace.of(WIDE), WIDE, settings)
    within = build(Workspace.of(enabling), enabling, settings, without.entries)
    again = build(Workspace.of(WIDE), WIDE, settings, within.entries)

    assert [d.rule for d in without.entries["model.py"].diagnostics] == [
        "float64-silently-truncated"
    ]
    assert within.entries == build(Workspace.of(enabling), enabling, settings).entries
    assert within.entries["model.py"].diagnostics == ()
    assert within.analysed == 2  # what speaks of them, and what asked
    assert again.entries == without.entries
