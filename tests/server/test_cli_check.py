"""`jaxsight check` as scripts see it: real processes, real files."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REUSE = """\
import jax

def init(key):
    w = jax.random.normal(key, (4, 4))
    b = jax.random.uniform(key, (4,))
    return w, b
"""
ASSIGN = """\
import jax.numpy as jnp

x = jnp.zeros(3)
x[0] = 1.0
"""
CLEAN = "import jax\n\nprint(jax.devices())\n"


def check(
    folder: Path, *arguments: str, stdin: bytes | None = None
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "jaxsight_server.cli", "check", *arguments],
        cwd=folder,
        input=stdin,
        capture_output=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONUTF8": "1"},
    )
    out, err = done.stdout.decode("utf-8"), done.stderr.decode("utf-8")
    return subprocess.CompletedProcess(done.args, done.returncode, out, err)


def diagnostics(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    return json.loads(check(folder, "--output-format", "json", *arguments).stdout)["diagnostics"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "reuse.py").write_text(REUSE)
    (tmp_path / "assign.py").write_text(ASSIGN)
    (tmp_path / "clean.py").write_text(CLEAN)
    return tmp_path


def test_findings_exit_with_1_and_name_file_line_and_rule(project: Path) -> None:
    done = check(project, "--output-format", "concise")

    assert done.returncode == 1
    first, second, *rest = done.stdout.splitlines()
    assert first.startswith("assign.py:4:1: error[array-item-assignment] `x` is a JAX array")
    assert second.startswith("reuse.py:5:28: error[key-reuse] `key` is used again")
    assert rest[0] == "Found 2 errors in 3 files."


def test_nothing_found_exits_with_0(project: Path) -> None:
    done = check(project, "clean.py")

    assert (done.returncode, done.stdout) == (0, "Nothing found in 1 file.\n")


def test_full_output_points_at_the_code_and_at_what_explains_it(project: Path) -> None:
    lines = check(project, "reuse.py").stdout.splitlines()

    assert lines[1:5] == [
        "  |",
        "5 |     b = jax.random.uniform(key, (4,))",
        "  |                            ^^^",
        "  |",
    ]
    assert lines[6] == (
        "  |         ------------------------------ `key` is used up by `jax.random.normal` here"
    )
    assert "= help: Split `key` between the two uses (may change behaviour)" in lines[7]


def test_carets_stand_under_wide_characters_and_tabs(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(
        "import jax.numpy as jnp\nx = jnp.zeros(3)\nif True:\n\t'漢字'; x[0] = 1\n",
        encoding="utf-8",
    )

    lines = check(tmp_path).stdout.splitlines()

    assert lines[2] == "4 |     '漢字'; x[0] = 1"
    assert lines[3].index("^") == len("4 |     '漢字'; ") + 2  # two characters are twice as wide


def test_json_has_the_promised_shape(project: Path) -> None:
    done = check(project, "reuse.py", "--output-format", "json")
    report = json.loads(done.stdout)

    assert set(report) == {"version", "diagnostics", "errors", "given_up"}
    assert (report["version"], report["errors"]) == (1, [])
    (found,) = report["diagnostics"]
    assert found["path"] == "reuse.py"
    assert (found["rule"], found["family"]) == ("key-reuse", "prng")
    assert (found["severity"], found["certainty"]) == ("error", "yes")
    assert found["start"] == {"line": 5, "column": 28}
    assert found["end"] == {"line": 5, "column": 31}
    assert found["related"][0]["start"] == {"line": 4, "column": 9}
    assert found["url"].endswith("/docs/rules/key-reuse.md")
    (fix,) = found["fixes"]
    assert fix["applicability"] == "unsafe"
    assert {"path", "start", "end", "text"} == set(fix["edits"][0])


LOOPING = "import jax\n\n@jax.jit\ndef f(x):\n    while x > 1:\n        x = x / 2\n    return x\n"


def test_json_has_the_edits_of_a_structural_fix_only_with_fix(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(LOOPING)

    def fix(*arguments: str) -> dict[str, Any]:
        report = json.loads(check(tmp_path, "a.py", "--output-format", "json", *arguments).stdout)
        return report["diagnostics"][0]["fixes"][0]

    assert fix() == {
        "title": "Use `jax.lax.while_loop`",
        "applicability": "unsafe",
        "edits": None,
    }
    (edit,) = fix("--fix")["edits"]
    assert edit["text"].startswith("x = jax.lax.while_loop(")


def test_checking_what_has_a_structural_fix_does_not_import_libcst(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(LOOPING)
    code = (
        "import sys; from jaxsight_server.cli import main; main(['check', '--output-format', 'json', 'a.py'])\n"
        "print('libcst' in sys.modules, file=sys.stderr)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert '"edits": null' in done.stdout
    assert done.stderr.strip() == "False"


LOOPS = (
    "import jax\n"
    + "".join(f"{'  ' * depth}for i in range(9):\n" for depth in range(5))
    + f"{' ' * 10}jax.devices()\n"
)


def test_what_is_given_up_is_said_to_who_asks_and_is_no_finding(tmp_path: Path) -> None:
    (tmp_path / "loops.py").write_text(LOOPS)
    cells = [{"cell_type": "code", "source": source} for source in ("x = 1\n", LOOPS)]
    notebook: dict[str, Any] = {"cells": cells, "nbformat": 4, "metadata": {}}
    (tmp_path / "loops.ipynb").write_text(json.dumps(notebook))
    sentence = "a loop in more than 4 loops is followed through one pass only"

    quiet, verbose = check(tmp_path), check(tmp_path, "--verbose")
    report = json.loads(check(tmp_path, "--output-format", "json").stdout)
    sarif = json.loads(check(tmp_path, "--output-format", "sarif").stdout)

    assert quiet.stderr == ""
    assert (quiet.stdout, verbose.stdout) == ("Nothing found in 2 files.\n",) * 2
    assert quiet.returncode == verbose.returncode == 0
    assert verbose.stderr == (
        f"not followed: loops.ipynb: cell 2, line 6: {sentence}\n"
        f"not followed: loops.py: line 6: {sentence}\n"
    )
    assert report["errors"] == report["diagnostics"] == []
    assert report["given_up"][1] == {"path": "loops.py", "message": f"line 6: {sentence}"}
    (invocation,) = sarif["runs"][0]["invocations"]
    assert invocation["executionSuccessful"] is True
    assert [note["level"] for note in invocation["toolExecutionNotifications"]] == ["note"] * 2


def test_columns_count_code_points(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(
        "import jax.numpy as jnp\né😀 = 1\nx = jnp.zeros(3); '😀'; x[0] = 1\n".replace("é😀", "é"),
        encoding="utf-8",
    )

    (found,) = diagnostics(tmp_path)

    assert found["start"] == {"line": 3, "column": 24}


def test_sarif_has_what_the_schema_requires(project: Path) -> None:
    report = json.loads(check(project, "--output-format", "sarif").stdout)

    assert report["version"] == "2.1.0"
    (run,) = report["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "jaxsight"
    for result in run["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        location = result["locations"][0]["physicalLocation"]
        assert location["artifactLocation"]["uri"] in ("assign.py", "reuse.py")
        assert location["region"]["startLine"] in (4, 5)
        assert result["level"] == "error"
    for rule in driver["rules"]:
        assert rule["help"]["markdown"].startswith(f"# {rule['id']}\n")
        assert rule["shortDescription"]["text"] in rule["help"]["text"]


def test_github_commands_are_escaped(tmp_path: Path) -> None:
    (tmp_path / "a,b.py").write_text(ASSIGN)

    (line,) = check(tmp_path, "--output-format", "github").stdout.splitlines()

    assert line.startswith("::error file=a%2Cb.py,line=4,endLine=4,col=1,endColumn=11,title=array")
    assert "::`x` is a JAX array" in line


def test_select_ignore_and_families(project: Path) -> None:
    assert [d["rule"] for d in diagnostics(project, "--select", "prng")] == ["key-reuse"]
    assert [d["rule"] for d in diagnostics(project, "--ignore", "key-reuse")] == [
        "array-item-assignment"
    ]


def test_an_unknown_rule_is_a_usage_error_that_names_the_nearest(project: Path) -> None:
    done = check(project, "--select", "key-resue")

    assert done.returncode == 2
    assert "key-resue" in done.stderr
    assert "`key-reuse`" in done.stderr


def test_fix_applies_what_is_safe_and_leaves_the_rest(project: Path) -> None:
    done = check(project, "--fix")

    assert done.returncode == 1
    assert (project / "assign.py").read_text() == ASSIGN.replace(
        "x[0] = 1.0", "x = x.at[0].set(1.0)"
    )
    assert (project / "reuse.py").read_text() == REUSE
    assert "Fixed 1 finding in 1 file." in done.stdout


def test_unsafe_fixes_are_applied_when_asked_for(project: Path) -> None:
    done = check(project, "--fix", "--unsafe-fixes")

    assert done.returncode == 0
    assert "key, subkey = jax.random.split(key)" in (project / "reuse.py").read_text()


def test_diff_shows_and_writes_nothing(project: Path) -> None:
    done = check(project, "--diff")

    assert done.returncode == 1
    assert "-x[0] = 1.0\n+x = x.at[0].set(1.0)\n" in done.stdout
    assert (project / "assign.py").read_text() == ASSIGN
    assert check(project, "--diff", "clean.py").returncode == 0


def test_what_only_another_file_makes_a_mistake_is_fixed_too(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(
        "import jax\nfrom helpers import show\n\n@jax.jit\ndef step(x):\n    return show(x)\n"
    )
    helpers = tmp_path / "helpers.py"
    helpers.write_text("import jax\n\n\ndef show(x):\n    print(x)\n    return x\n")

    shown = check(tmp_path, "--diff", "--unsafe-fixes")
    done = check(tmp_path, "--fix", "--unsafe-fixes")

    assert "-    print(x)\n+    jax.debug.print(" in shown.stdout
    assert "Fixed 1 finding in 1 file." in done.stdout and done.returncode == 0
    assert "jax.debug.print(" in helpers.read_text()


def test_a_fixed_file_keeps_line_ends_encoding_and_mode(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    text = "# -*- coding: latin-1 -*-\n" + ASSIGN.replace("1.0", "1.0  # à")
    path.write_bytes(text.replace("\n", "\r\n").encode("latin-1"))
    path.chmod(0o750)

    check(tmp_path, "--fix")

    expected = text.replace("x[0] = 1.0", "x = x.at[0].set(1.0)").replace("\n", "\r\n")
    assert path.read_bytes() == expected.encode("latin-1")
    assert stat.S_IMODE(path.stat().st_mode) == 0o750


def test_exit_zero_and_statistics(project: Path) -> None:
    done = check(project, "--exit-zero", "--statistics")

    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "1  array-item-assignment  error    fixes 1 with --fix",
        "1  key-reuse              error    fixes 1 with --fix --unsafe-fixes",
    ]


def test_statistics_begin_with_errors_and_a_long_report_ends_with_them(tmp_path: Path) -> None:
    lines = "".join(f"x[{number}] = 1.0\n" for number in range(3))
    loop = "import jax\nfor i in range(9):\n    print(jax.jit(lambda y: y)(i))\n" * 5
    (tmp_path / "a.py").write_text(f"import jax.numpy as jnp\nx = jnp.zeros(3)\n{lines}")
    (tmp_path / "b.py").write_text(loop)
    table = check(tmp_path, "--statistics").stdout

    assert [line.split()[:3] for line in table.splitlines()] == [
        ["3", "array-item-assignment", "error"],
        ["5", "jit-in-loop", "warning"],
    ]
    assert table not in check(tmp_path).stdout
    (tmp_path / "b.py").write_text(loop * 4)
    assert f"{check(tmp_path, '--statistics').stdout}\nFound 3 errors" in check(tmp_path).stdout
    assert "array-item-assignment  error" not in check(tmp_path, "--output-format=concise").stdout


def test_progress_is_for_terminals(project: Path) -> None:
    assert check(project).stderr == ""

    def run(patience: float, environment: dict[str, str]) -> str:
        ours, theirs = os.openpty()
        code = (
            "import sys; from jaxsight_server import cli, terminal; "
            f"terminal.Progress._PATIENCE = {patience}; cli.main(sys.argv[1:])"
        )
        known = {name: value for name, value in os.environ.items() if name not in ("CI", "TERM")}
        subprocess.run(
            [sys.executable, "-c", code, "check"],
            cwd=project,
            stdout=subprocess.DEVNULL,
            stderr=theirs,
            env={**known, **environment},
            check=False,
        )
        os.close(theirs)
        try:
            return os.read(ours, 10_000).decode()
        except OSError:  # nothing was written
            return ""
        finally:
            os.close(ours)

    assert "1/3 assign.py" in run(-1, {})
    assert run(-1, {}).endswith("\r\x1b[2K")
    assert run(-1, {"CI": "true"}) == run(60, {}) == ""


def test_a_baseline_accepts_what_is_there_and_reports_what_is_new(project: Path) -> None:
    assert check(project, "--write-baseline", "accepted.json").returncode == 0
    (project / "reuse.py").write_text("\n\n" + REUSE)
    done = check(project, "--baseline", "accepted.json")
    assert done.returncode == 0
    assert done.stdout == "Nothing found in 3 files.\n2 more are accepted in the baseline.\n"

    (project / "new.py").write_text(ASSIGN)
    found = diagnostics(project, "--baseline", "accepted.json")

    assert [d["path"] for d in found] == ["new.py"]


def test_a_baseline_survives_a_cell_before_the_accepted_one(tmp_path: Path) -> None:
    def write(*cells: str) -> None:
        made: list[dict[str, Any]] = [
            {
                "cell_type": "code",
                "metadata": {},
                "outputs": [],
                "execution_count": None,
                "source": one,
            }
            for one in cells
        ]
        (tmp_path / "a.ipynb").write_text(
            json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
        )

    write(ASSIGN)
    assert check(tmp_path, "--write-baseline", "accepted.json").returncode == 0
    write("print(1)", ASSIGN)

    assert check(tmp_path, "--baseline", "accepted.json").returncode == 0
    write("print(1)", ASSIGN, ASSIGN)
    assert check(tmp_path, "--baseline", "accepted.json").returncode == 1


def test_noqa_means_nothing_and_stands_beside_our_comments(tmp_path: Path) -> None:
    lines = (
        "x[0] = 1.0  # noqa",
        "x[1] = 1.0  # noqa: E501  # jaxsight: ignore[array-item-assignment] why",
        "x[2] = 1.0  # jaxsight: ignore[array-item-assignment] why  # noqa: E501",
    )
    (tmp_path / "a.py").write_text(
        "import jax.numpy as jnp\n\nx = jnp.zeros(3)\n" + "\n".join(lines)
    )

    assert [d["start"]["line"] for d in diagnostics(tmp_path)] == [4]


def test_standard_input_is_checked_under_a_name(project: Path) -> None:
    done = check(
        project, "--stdin-filename", "sub/x.py", "--output-format", "concise", stdin=ASSIGN.encode()
    )

    assert done.returncode == 1
    assert done.stdout.startswith("sub/x.py:4:1: error[array-item-assignment]")


def test_standard_input_is_fixed_to_standard_output(project: Path) -> None:
    done = check(project, "--stdin-filename", "x.py", "--fix", stdin=ASSIGN.encode())

    assert done.stdout == ASSIGN.replace("x[0] = 1.0", "x = x.at[0].set(1.0)")


def test_a_syntax_error_is_an_error_entry_and_not_a_failure(project: Path) -> None:
    (project / "broken.py").write_text(ASSIGN + "def f(:\n")

    done = check(project, "broken.py", "--output-format", "json")
    report = json.loads(done.stdout)

    assert done.returncode == 1  # for the finding
    assert [d["rule"] for d in report["diagnostics"]] == ["array-item-assignment"]
    assert report["errors"][0]["message"].startswith("syntax error at broken.py:5:")


def test_one_bad_file_does_not_end_the_run(project: Path) -> None:
    (project / "bytes.py").write_bytes(b"x = '\xff'\n")

    done = check(project, "missing.py", ".", "--output-format", "json")
    report = json.loads(done.stdout)

    assert done.returncode == 2
    assert len(report["diagnostics"]) == 2
    assert {error["path"] for error in report["errors"]} == {"bytes.py", "missing.py"}


def test_a_bad_setting_is_named_where_it_stands_and_the_rest_is_checked(project: Path) -> None:
    (project / "jaxsight.toml").write_text('preview = "yes"\nselct = ["prng"]\n')

    done = check(project, "--output-format", "json")
    report = json.loads(done.stdout)

    assert done.returncode == 2
    assert len(report["diagnostics"]) == 2
    paths = sorted(error["path"].rpartition("jaxsight.toml")[2] for error in report["errors"])
    assert [path.split(":")[1] for path in paths] == ["1", "2"]
    assert any("`select`" in error["message"] for error in report["errors"])


def test_settings_choose_rules_and_severities(project: Path) -> None:
    (project / "pyproject.toml").write_text(
        '[tool.jaxsight]\nignore = ["array-item-assignment"]\nseverity = { key-reuse = "hint" }\n'
    )

    (found,) = diagnostics(project)

    assert (found["rule"], found["severity"]) == ("key-reuse", "hint")


def test_a_notebook_is_reported_by_cell_and_fixed_in_place(tmp_path: Path) -> None:
    cells: list[dict[str, Any]] = [
        {"cell_type": "markdown", "metadata": {}, "source": ["# Title"]},
        {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": 1,
         "source": ["%matplotlib inline\n", "import jax.numpy as jnp\n", "x = jnp.zeros(3)"]},
        {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": 2,
         "source": ["x[0] = 1.0"]},
    ]  # fmt: skip
    notebook: dict[str, Any] = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    path = tmp_path / "n.ipynb"
    path.write_text(json.dumps(notebook, indent=1) + "\n")

    (found,) = diagnostics(tmp_path)
    check(tmp_path, "--fix")

    assert found["path"] == "n.ipynb:cell 3"
    assert found["start"] == {"line": 1, "column": 1}
    cells[2]["source"] = ["x = x.at[0].set(1.0)"]
    assert path.read_text() == json.dumps(notebook, indent=1) + "\n"


def test_environments_and_ignored_files_are_skipped(project: Path) -> None:
    for folder in (".venv/lib", "node_modules", "ignored"):
        (project / folder).mkdir(parents=True)
        (project / folder / "a.py").write_text(ASSIGN)
    (project / ".venv" / "pyvenv.cfg").touch()
    (project / ".gitignore").write_text("ignored/\n")
    (project / ".git").mkdir()

    assert {d["path"] for d in diagnostics(project)} == {"assign.py", "reuse.py"}


def test_removed_names_depend_on_the_version_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import jax\n\ny = jax.tree_map(abs, {})\n")
    settings = tmp_path / "jaxsight.toml"

    found: list[list[str]] = []
    for version in ("0.4.20", "0.4.30", "0.10.2"):
        settings.write_text(f'versions = {{ jax = "{version}" }}\n')
        found.append([d["rule"] for d in diagnostics(tmp_path)])

    assert found == [[], ["deprecated-api"], ["removed-api"]]


def test_check_imports_neither_the_server_nor_slow_libraries(project: Path) -> None:
    code = (
        "import sys; from jaxsight_server.cli import main; main(['check', 'reuse.py'])\n"
        "bad = {'pygls', 'lsprotocol', 'libcst', 'jax', 'numpy', 'asyncio'} & set(sys.modules)\n"
        "print(sorted(bad), file=sys.stderr)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=True
    )

    assert done.stderr.strip() == "[]"


def test_an_unknown_command_is_a_usage_error() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "jaxsight_server.cli", "chek"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert "there is no command `chek`" in done.stderr


def test_a_stub_is_checked_for_names_only(tmp_path: Path) -> None:
    (tmp_path / "jaxsight.toml").write_text('versions = { jax = "0.10.2" }\n')
    (tmp_path / "a.pyi").write_text(f"from jax import tree_map\n{ASSIGN}")

    assert [d["rule"] for d in diagnostics(tmp_path)] == ["removed-api"]


def test_a_file_of_the_project_that_is_not_checked_may_enable_64_bits(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text("import jax.numpy as jnp\n\nx = jnp.zeros(3, 'float64')\n")
    alone = diagnostics(tmp_path, "model.py")
    (tmp_path / "setup.py").write_text("")
    (tmp_path / "Makefile").write_text("test:\n\tpytest\n")
    of_project = diagnostics(tmp_path, "model.py")
    (tmp_path / "Makefile").write_text("test:\n\tJAX_ENABLE_X64=1 pytest\n")

    assert [d["rule"] for d in alone] == ["float64-silently-truncated"]
    assert of_project == alone
    assert diagnostics(tmp_path, "model.py") == []
