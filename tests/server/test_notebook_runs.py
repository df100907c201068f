"""Functions of notebooks: what is run of them, and how their lines are told, at the terminal and in an editor."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jaxsight_analyzers.notebook import Cell, NotebookError, join
from jaxsight_runner.protocol import CellStart, by_cell, cells_in, place_in_cells
from jaxsight_server.cli import main
from jaxsight_server.running.notebooks import module_of, runnable
from jaxsight_server.uris import uri_of

if TYPE_CHECKING:
    from tests.server.conftest import Client

LONG = 120  # seconds
CELLS = (
    ("markdown", "# A title"),
    ("code", "%matplotlib inline\n!pip install jax\n%env HALF=0.5\nimport os\nimport jax, jax.numpy as jnp"),
    ("code", "for i in range(3):\n    print(jnp.ones(i))\n%time print('trained')"),
    (
        "code",
        "def loss(w, x):\n    h = jnp.tanh(x @ w)\n    return float(os.environ['HALF']) * jnp.sum(h * jax.lax.stop_gradient(h))",
    ),
)  # fmt: skip


def written(folder: Path, language: str = "python") -> Path:
    cells: list[dict[str, object]] = [
        {"cell_type": kind, "source": text, "metadata": {}} for kind, text in CELLS
    ]
    metadata = {"kernelspec": {"language": language}}
    path = folder / "book.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4}))
    return path


@pytest.mark.parametrize(
    ("magic", "statement"),
    [
        ("%matplotlib inline", "0#                "),
        ("%time y = f(x)", "0    ;y = f(x)"),
        ("!pip install -q jax", "0#                 "),
        ("f?", "0#"),
        ("!mkdir -p data", "import os; os.system('mkdir -p data')"),
        ("!wget {url}", "get_ipython().system('wget {url}')"),
        ("%env A=1", "import os; os.environ['A'] = '1'"),
        ("%set_env B some words", "import os; os.environ['B'] = 'some words'"),
        ("%cd data", "import os; os.chdir('data')"),
        ("%run other.py", "get_ipython().run_line_magic('run', 'other.py')"),
        ("files = !ls", "files = get_ipython().getoutput('ls')"),
        ("out = %sql SELECT 1", "out = get_ipython().magic('sql SELECT 1')"),
    ],
)
def test_a_magic_does_what_it_does_or_is_nothing_by_its_nature(magic: str, statement: str) -> None:
    module = join([Cell(f"if 1:\n    {magic}\nx = 1")])
    assert runnable(module) == f"# %% cell 1\nif 1:\n    {statement}\nx = 1\n"


def test_lines_are_told_by_cell(tmp_path: Path) -> None:
    path = written(tmp_path)
    text = module_of(path.read_text())
    cells = cells_in(str(path), text)
    assert cells == (CellStart(2, 2), CellStart(3, 8), CellStart(4, 12))
    assert text.splitlines()[12].startswith("    h = ") and place_in_cells(cells, 13) == (4, 2)
    assert cells_in(str(path.with_suffix(".py")), text) == ()
    for told, words in (
        ("on line 13 and", "on cell 4, line 2 and"),
        ("not run: line 8, 10", "not run: cell 3, line 1 and cell 3, line 3"),
        (f'File "{path}", line 12, in f', f'File "{path}", cell 4, line 1, in f'),
        (f"{path}:9: no", f"{path}, cell 3, line 2: no"),
        ("book.ipynb:3 is", "book.ipynb, cell 2, line 2 is"),
        ("other.py:3, in other.py line 12", "other.py:3, in other.py line 12"),
        ("mybook.ipynb:3", "mybook.ipynb:3"),
        ('File "/other.py", line 12, in f', 'File "/other.py", line 12, in f'),
    ):
        assert by_cell(cells, str(path), told) == words
        assert by_cell((), str(path), told) == told


def test_what_is_no_notebook_in_python_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.ipynb").write_text("[]")
    assert main(["bench", f"{tmp_path / 'a.ipynb'}::f"]) == 2
    assert "a.ipynb is not a notebook of format 4" in capsys.readouterr().err
    with pytest.raises(NotebookError, match="another language"):
        module_of(written(tmp_path, "julia").read_text())
    with pytest.raises(NotebookError, match="is not a notebook"):
        module_of("{")


def test_a_function_of_a_notebook_is_checked_and_told_by_cell(tmp_path: Path) -> None:
    written(tmp_path)
    environ = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path / "run"), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-m", "jaxsight_server.cli", "grad", "--python", sys.executable]
    words = ("book.ipynb::loss", "--input", "w: f32[3], x: f32[4, 3]")
    done = subprocess.run(
        [*command, *words], cwd=tmp_path, capture_output=True, text=True, check=False, env=environ
    )
    assert done.returncode == 1, done.stderr
    place = f"{tmp_path / 'book.ipynb'}, cell 4, line"
    assert done.stdout.startswith(f"loss   {place} 1   WRONG\n")
    assert f"    {place} 3   return float(os.environ['HALF'])" in done.stdout
    assert "`stop_gradient` on cell 4, line 3" in " ".join(done.stdout.split())
    assert "needs it: cell 3, line 1" in " ".join(done.stdout.split()).replace(
        "does not need", "needs"
    )
    assert "[1. 1.]" not in done.stderr  # the loop above it was left out


async def test_an_editor_runs_a_function_of_a_notebook(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "book.ipynb"
    code = [text for kind, text in CELLS if kind == "code"]
    code[2] = f"# jaxsight: inputs w: f32[3], x: f32[B, 3]\n{code[2]}"
    uris = [f"vscode-notebook-cell:{uri_of(path).removeprefix('file:')}#{n}" for n in range(3)]
    cells = [{"kind": 2, "document": uri} for uri in uris]
    documents = [
        {"uri": uri, "languageId": "python", "version": 1, "text": text}
        for uri, text in zip(uris, code)
    ]
    notebook: dict[str, Any] = {"uri": uri_of(path), "notebookType": "jupyter-notebook"}
    notebook.update(version=1, cells=cells)
    await client.initialize()
    client.notify(
        "notebookDocument/didOpen",
        {"notebookDocument": notebook, "cellTextDocuments": documents},
    )
    lenses = await client.request("textDocument/codeLens", {"textDocument": {"uri": uris[2]}})
    (given,) = [lens["command"]["arguments"][0] for lens in lenses][:1]
    wanted = {"kind": "shapes", "uri": given["uri"], "target": given["target"]}
    answer = await client.answer(
        client.send("jaxsight/run", {**wanted, "interpreter": sys.executable}), LONG
    )
    assert answer["status"] == "done", answer
    report = answer["report"]
    assert [one["cell"] for one in report["target"]["cells"]] == [1, 2, 3]
    assert report["notes"] == ["not run, as `loss` does not need it: cell 2, line 1"]
    await client.until("workspace/inlayHint/refresh")
    document = {"textDocument": {"uri": uris[2]}}
    everything = {"start": {"line": 0, "character": 0}, "end": {"line": 9, "character": 0}}
    hints = await client.request("textDocument/inlayHint", {**document, "range": everything})
    assert {(one["position"]["line"], one["label"]) for one in hints} >= {
        (1, ": f32[B,3]"),
        (2, ": f32[B]"),
    }
    lenses = await client.request("textDocument/codeLens", document)
    assert any("shapes" in lens["command"]["title"] for lens in lenses), lenses
