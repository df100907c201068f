"""The invariants of ARCHITECTURE.md that a machine can check, and that each check can fail."""

from __future__ import annotations

import ast
import fnmatch
import inspect
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jaxsight_analyzers import semantic
from jaxsight_server.server import FEATURES

ROOT = Path(__file__).parent.parent
ANALYZERS = ROOT / "analyzers" / "jaxsight_analyzers"
RUNNER = ROOT / "runner" / "jaxsight_runner"
SERVER = ROOT / "server" / "jaxsight_server"
STDLIB = frozenset(sys.stdlib_module_names) | {"tomllib"}  # 3.10 does not know its name yet

USERS = frozenset(  # what a runner's user has installed, imported only in functions
    {"jax", "jaxlib", "numpy", "flax", "equinox", "optax", "orbax", "numpyro", "chex", "jaxtyping"}
)
OPENS_CONNECTIONS = frozenset(
    {"aiohttp", "ftplib", "http", "httpx", "imaplib", "poplib", "requests", "smtplib", "socket"}
    | {"socketserver", "ssl", "telnetlib", "urllib.request", "urllib3", "websockets", "xmlrpc"}
)
RUN_OURS = {
    "config.py",
    "disk.py",
    "data.py",
    "registry.py",
}  # tomllib or tomli; methods of dataclasses; rules
MUTATORS = frozenset(
    {
        "add",
        "append",
        "clear",
        "discard",
        "extend",
        "insert",
        "pop",
        "remove",
        "setdefault",
        "update",
    }
)
WALKS = frozenset({"ast.parse", "ast.NodeVisitor", "ast.NodeTransformer", "unit.model.module.tree"})
WALKING = {"removed_api.py"}  # its fix renames an import only where every use of the name is known
ANALYSES = frozenset({"analyse", "apply_fixes", "fix_all", "find_files", "library_versions"})
BLOCKS = frozenset({"open", "time.sleep", "subprocess.run", "subprocess.check_output", "input"})
TOUCHES_DISK = frozenset({"read_text", "read_bytes", "write_text", "write_bytes"})


def imports(tree: ast.AST) -> Iterator[tuple[ast.stmt, str]]:
    """Every import at any depth: the statement, and the module's dotted name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name
        elif isinstance(node, ast.ImportFrom):
            yield node, "." * node.level + (node.module or "")


def top_level(name: str) -> str:
    """The package that a dotted name begins with; empty for a relative import."""
    return name.partition(".")[0]


def foreign_to_analyzers(path: Path, tree: ast.Module) -> Iterator[str]:
    """Imports other than the standard library, but for three libraries in their places."""
    allowed = STDLIB | {"jaxsight_analyzers", "tomli"}
    if "rewrites" in path.parts:
        allowed |= {"libcst"}
    if path.name == "discovery.py":
        allowed |= {"pathspec"}
    yield from (name for _, name in imports(tree) if top_level(name) not in allowed)


def pays_for_rewrites(path: Path, tree: ast.Module) -> Iterator[str]:
    """Imports, outside of functions, from the package whose modules import libcst."""
    package = "jaxsight_analyzers.rewrites"
    for statement in tree.body if "rewrites" not in path.parts else ():
        if isinstance(statement, ast.Import | ast.ImportFrom):
            yield from (name for _, name in imports(statement) if name.startswith(package))


def runs_code(path: Path, tree: ast.Module) -> Iterator[str]:
    """Calls that execute or import a text; three modules do, with texts of ours."""
    runs = {"exec", "eval", "__import__", "runpy.run_path", "runpy.run_module"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if (name in runs or name.endswith("import_module")) and path.name not in RUN_OURS:
                yield name


def foreign_to_runner(path: Path, tree: ast.Module) -> Iterator[str]:
    """Imports other than the standard library and itself; the user's packages only in functions."""
    del path
    in_functions = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(node)
    }
    for node, name in imports(tree):
        package = top_level(name)
        if package in STDLIB or package == "jaxsight_runner":
            continue
        if package in USERS and (id(node) in in_functions or _only_for_types(tree, node)):
            continue
        yield name


def _only_for_types(tree: ast.Module, statement: ast.stmt) -> bool:
    return any(
        isinstance(node, ast.If)
        and ast.unparse(node.test).endswith("TYPE_CHECKING")
        and statement in node.body
        for node in ast.walk(tree)
    )


def foreign_to_server(path: Path, tree: ast.Module) -> Iterator[str]:
    """Imports that the server must not know: the runner but for its messages, and the user's."""
    del path
    ours = {"jaxsight_analyzers", "jaxsight_server"}
    allowed = STDLIB | ours | {"lsprotocol", "pygls", "cattrs", "tomli"}  # pygls brings cattrs
    for _, name in imports(tree):
        if name != "jaxsight_runner.protocol" and top_level(name) not in allowed:
            yield name


def relative(path: Path, tree: ast.Module) -> Iterator[str]:
    """Relative imports."""
    del path
    yield from (name for _, name in imports(tree) if name.startswith("."))


def connects(path: Path, tree: ast.Module) -> Iterator[str]:
    """Imports of modules whose purpose is a connection."""
    del path
    for node, name in imports(tree):
        names = [name]
        if isinstance(node, ast.ImportFrom):
            names += [f"{name}.{alias.name}" for alias in node.names]
        yield from (n for n in names if n in OPENS_CONNECTIONS or top_level(n) in OPENS_CONNECTIONS)


def holds_state(path: Path, tree: ast.Module) -> Iterator[str]:
    """What a rule must not have: a class, a global that changes, a walk of its own, the world."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.Global | ast.Nonlocal):
            yield type(node).__name__
        elif isinstance(node, ast.Attribute) and path.name not in WALKING:
            yield from WALKS & {ast.unparse(node)}
    for _, name in imports(tree):
        if top_level(name) in {"libcst", "tokenize", "os", "pathlib", "random", "time"}:
            yield f"import {name}"
    yield from _changed(tree, frozenset(_module_level_names(tree)))


def _module_level_names(tree: ast.Module) -> Iterator[str]:
    for statement in tree.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            yield from (target.id for target in targets if isinstance(target, ast.Name))


def _changed(tree: ast.Module, names: frozenset[str]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript):
            changes = not isinstance(node.ctx, ast.Load)
        elif isinstance(node, ast.Attribute):
            changes = node.attr in MUTATORS
        else:
            continue
        if changes and ast.unparse(node.value) in names:
            yield ast.unparse(node)


def blocks_the_loop(handler: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """Calls in a handler that analyse, wait or read the disk instead of having that done."""
    for node in ast.walk(handler):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name in ANALYSES | BLOCKS or name.rpartition(".")[2] in ANALYSES | TOUCHES_DISK:
                yield name


Guard = Callable[[Path, ast.Module], Iterator[str]]

GUARDS: tuple[tuple[Guard, Path], ...] = (
    (foreign_to_analyzers, ANALYZERS),
    (pays_for_rewrites, ANALYZERS),
    (pays_for_rewrites, SERVER),
    (runs_code, ANALYZERS),
    (foreign_to_runner, RUNNER),
    (foreign_to_server, SERVER),
    (relative, ANALYZERS),
    (relative, RUNNER),
    (relative, SERVER),
    (connects, ANALYZERS),
    (connects, RUNNER),
    (connects, SERVER),
    (holds_state, ANALYZERS / "rules"),
)

VIOLATIONS: tuple[tuple[Guard, str, str], ...] = (
    (foreign_to_analyzers, "engine.py", "import jax"),
    (foreign_to_analyzers, "engine.py", "def f():\n    import libcst"),
    (foreign_to_analyzers, "config.py", "import pathspec"),
    (pays_for_rewrites, "traced_if.py", "from jaxsight_analyzers.rewrites import branches"),
    (pays_for_rewrites, "traced_if.py", "import jaxsight_analyzers.rewrites.branches"),
    (runs_code, "engine.py", "exec(text)"),
    (runs_code, "engine.py", "importlib.import_module(name)"),
    (foreign_to_runner, "measure.py", "import numpy"),
    (foreign_to_runner, "measure.py", "def f():\n    import libcst"),
    (foreign_to_server, "server.py", "from jaxsight_runner import worker"),
    (foreign_to_server, "server.py", "def f():\n    import jax"),
    (relative, "a.py", "from . import b"),
    (connects, "a.py", "from urllib import request"),
    (connects, "a.py", "def f():\n    import http.client"),
    (holds_state, "r.py", "class Seen: ..."),
    (holds_state, "r.py", "SEEN = {}\ndef check(unit):\n    SEEN[unit] = 1"),
    (holds_state, "r.py", "SEEN: list[int] = []\ndef check(unit):\n    SEEN.append(unit)"),
    (holds_state, "r.py", "def check(unit):\n    yield from ast.walk(unit.model.module.tree)"),
    (holds_state, "r.py", "import libcst"),
)


def modules(folder: Path) -> list[Path]:
    """Our modules below a folder."""
    found = sorted(folder.rglob("*.py"))
    assert found, folder
    return found


@pytest.mark.parametrize(
    ("guard", "folder"), GUARDS, ids=[f"{g.__name__}-{f.name}" for g, f in GUARDS]
)
def test_guard_finds_nothing_in_our_code(guard: Guard, folder: Path) -> None:
    found = {
        str(path.relative_to(ROOT)): list(guard(path, ast.parse(path.read_text(encoding="utf-8"))))
        for path in modules(folder)
    }

    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(("guard", "name", "code"), VIOLATIONS)
def test_guard_finds_a_violation(guard: Guard, name: str, code: str) -> None:
    assert list(guard(Path(name), ast.parse(code)))


def test_lsp_types_do_not_leave_the_server() -> None:
    for folder in (ANALYZERS, RUNNER):
        for path in modules(folder):
            names = {top_level(name) for _, name in imports(ast.parse(path.read_text("utf-8")))}
            assert not names & {"lsprotocol", "pygls"}, path


@pytest.mark.parametrize("folder", ["analyzers", "runner", "server"])
def test_path_roots_hold_packages_and_nothing_importable_beside_them(folder: str) -> None:
    assert [path.name for path in (ROOT / folder).glob("*.py")] == []
    packages = [path.parent.name for path in (ROOT / folder).glob("*/__init__.py")]
    assert packages == [f"jaxsight_{folder}"]


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.method)
def test_handler_leaves_the_work_to_the_analysis_thread(feature: object) -> None:
    handler = inspect.unwrap(feature.handler)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownArgumentType, reportUnknownMemberType]
    tree = ast.parse(textwrap.dedent(inspect.getsource(handler)))  # pyright: ignore[reportUnknownArgumentType]
    function = tree.body[0]

    assert isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
    assert list(blocks_the_loop(function)) == []


@pytest.mark.parametrize(
    "body", ["engine.analyse(source)", "time.sleep(1)", "Path(uri).read_text()", "open(path)"]
)
def test_a_handler_that_works_itself_is_found(body: str) -> None:
    tree = ast.parse(f"async def hover(server, params):\n    {body}")
    function = tree.body[0]

    assert isinstance(function, ast.AsyncFunctionDef)
    assert list(blocks_the_loop(function))


def test_starting_the_runner_makes_one_name_importable(tmp_path: Path) -> None:
    """As installed from a wheel: in a `site-packages` whose other contents are none of the user's."""
    site = tmp_path / "site-packages"
    shutil.copytree(RUNNER, site / "jaxsight_runner")
    (site / "neighbour.py").write_text("")
    program = textwrap.dedent(
        """
        import importlib.util, sys
        main = sys.argv[1]
        sys.path.insert(0, main.rpartition("/")[0])  # as Python does for a script
        before = sys.path[1:]
        spec = importlib.util.spec_from_file_location("bootstrap", main)
        bootstrap = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(bootstrap)
        bootstrap._make_importable()
        assert sys.path == before, sys.path
        assert importlib.util.find_spec("jaxsight_runner.protocol")
        for name in ("neighbour", "worker", "protocol", "jaxsight_server"):
            assert importlib.util.find_spec(name) is None, name
        print("fine")
        """
    )

    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, str(site / "jaxsight_runner" / "__main__.py")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.stdout, done.stderr) == ("fine\n", "")


def imported_by(*arguments: str) -> set[str]:
    """The top-level modules that a run of the command line imports, with JAX out of reach."""
    program = textwrap.dedent(
        """
        import sys
        for name in ("jax", "jaxlib", "flax", "numpy"):
            sys.modules[name] = None  # importing it raises
        from jaxsight_server.cli import main
        sys.argv[0] = "jaxsight"
        try:
            main()
        except SystemExit as end:
            assert end.code in (None, 0, 1), end.code
        print(*sorted({name.partition(".")[0] for name, m in sys.modules.items() if m}))
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd=ROOT,
    )
    return set(done.stdout.splitlines()[-1].split())


def test_check_works_without_jax_and_imports_no_server_library(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import jax.numpy as jnp\nx = jnp.zeros(3)\nx[0] = 1\nif:\n")
    (tmp_path / "b.py").write_text("import jax.numpy as jnp\nx = jnp.zeros(3)\nx[0] = 1\n")

    seen = imported_by("check", "--exit-zero", str(tmp_path / "b.py"))

    assert "jaxsight_analyzers" in seen
    assert not seen & {
        "pygls",
        "lsprotocol",
        "libcst",
        "jax",
        "numpy",
        "jaxsight_runner",
        "asyncio",
    }


def test_rules_and_pages_need_no_server_library() -> None:
    for command in (["rules"], ["explain", "key-reuse"]):
        assert not imported_by(*command) & {"pygls", "lsprotocol", "libcst", "jaxsight_runner"}


def test_the_map_of_the_semantic_model_names_each_module() -> None:
    rows = (semantic.__doc__ or "").partition("Where to look:")[2].strip().splitlines()
    named = re.findall(r"[a-z_*]+", " ".join(row[16:].partition(":")[0] for row in rows))
    modules = {path.stem for path in (ANALYZERS / "semantic").glob("[!_]*.py")}
    assert not [name for name in named if not fnmatch.filter(modules, name)]
    missing = [one for one in modules if not any(fnmatch.fnmatch(one, name) for name in named)]
    assert not missing, f"semantic/__init__.py says of each module what it is about: add {missing}"
