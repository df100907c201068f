"""The packages of the extension: what they hold, and that the server in them starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, cast

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
KEY_USED_TWICE = """import jax
key = jax.random.key(0)
a = jax.random.normal(key)
b = jax.random.normal(key)
"""


def _packages() -> list[Path]:
    return sorted((ROOT / "dist").glob("jaxsight-*.vsix"))


def _universal() -> Path:
    return next(path for path in _packages() if path.stem.endswith("-universal"))


def _platform() -> Path:
    name = f"-{sys.platform}-"
    found = [path for path in _packages() if name in path.name]
    if not found:
        pytest.skip(f"no package for {sys.platform} was built")
    return found[0]


def _names(package: Path) -> set[str]:
    with zipfile.ZipFile(package) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    """These tests look at what `scripts/vsix.sh` made, of the sources as they are."""
    if "JAXSIGHT_PACKED" in os.environ:
        assert _packages()
        return
    if not _packages():
        pytest.skip("no package was built: run scripts/vsix.sh")
    oldest = min(package.stat().st_mtime for package in _packages())
    folders = ("analyzers", "server", "runner", "extension/src", "extension/media", "docs/rules")
    newest = max(
        path.stat().st_mtime
        for name in folders
        for path in (ROOT / name).rglob("*.*")
        if path.suffix != ".pyc"
    )
    if newest > oldest:
        pytest.skip("the packages are older than the sources: run scripts/vsix.sh")


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folders: dict[str, Path] = {}
    for kind, package in (("platform", _platform()), ("universal", _universal())):
        folders[kind] = tmp_path_factory.mktemp(kind)
        with zipfile.ZipFile(package) as archive:
            archive.extractall(folders[kind])
    return folders


@pytest.mark.parametrize("package", [_platform, _universal])
def test_a_package_holds_what_it_needs_and_nothing_else(package: Any) -> None:
    names = _names(package())
    top = {name.split("/")[1] for name in names if name.startswith("extension/")}
    assert top == {"package.json", "readme.md", "changelog.md", "LICENSE.txt", "media", "dist", "bundled", "docs"}  # fmt: skip
    assert {name for name in names if name.startswith("extension/dist/")} == {
        "extension/dist/extension.js",
        "extension/dist/report.js",
    }
    for part in ("analyzers", "server", "runner"):
        assert f"extension/bundled/libs/jaxsight_{part}/__init__.py" in names
    rules = {path.name for path in (ROOT / "docs" / "rules").glob("*.md")}
    assert rules
    assert {f"extension/docs/rules/{name}" for name in rules} <= names
    assert not [name for name in names if "__pycache__" in name or name.endswith((".map", ".ts"))]


def test_the_platform_package_has_libcst_for_every_python() -> None:
    compiled = [name for name in _names(_platform()) if "libcst/native" in name]
    for python in PYTHONS:
        tag = python.replace(".", "")
        assert [name for name in compiled if f"-{tag}-" in name or f"cp{tag}-" in name], compiled


def test_the_universal_package_has_nothing_compiled() -> None:
    names = _names(_universal())
    assert not [name for name in names if name.endswith((".so", ".pyd", ".dylib"))]
    assert not [name for name in names if "/libcst/" in name or "/yaml/" in name]


def test_packages_are_not_larger_than_they_were() -> None:
    assert _universal().stat().st_size < 2_500_000
    assert _platform().stat().st_size < 18_000_000


def test_packages_mention_no_place_of_the_machine_that_made_them(unpacked: dict[str, Path]) -> None:
    texts = [
        path
        for path in (unpacked["universal"] / "extension").rglob("*")
        if path.suffix in {".py", ".json", ".md", ".txt", ""} and path.is_file()
    ]
    assert texts
    assert not [path for path in texts if str(ROOT) in path.read_text("utf-8", errors="replace")]


@pytest.mark.parametrize("kind", ["platform", "universal"])
@pytest.mark.parametrize("version", PYTHONS)
def test_the_packed_server_finds_a_mistake_under(
    version: str, kind: str, unpacked: dict[str, Path], tmp_path: Path
) -> None:
    python = _python(version)
    if python is None:
        pytest.skip(f"there is no Python {version} on this machine")
    main = unpacked[kind] / "extension" / "bundled" / "main.py"
    uri = (tmp_path / "model.py").as_uri()
    answers = _talk([python, "-I", "-S", "-X", "utf8", str(main)], uri)
    items = cast("list[dict[str, Any]]", answers[2]["result"]["items"])
    assert [item["code"] for item in items] == ["key-reuse"]


@pytest.mark.parametrize("version", PYTHONS)
def test_the_packed_libcst_loads_under(version: str, unpacked: dict[str, Path]) -> None:
    python = _python(version)
    if python is None:
        pytest.skip(f"there is no Python {version} on this machine")
    libraries = unpacked["platform"] / "extension" / "bundled" / "libs"
    program = f"import sys; sys.path.insert(0, {str(libraries)!r}); import libcst; print(libcst.parse_module('x = 1').code)"
    done = subprocess.run([python, "-I", "-S", "-c", program], capture_output=True, text=True, check=False)  # fmt: skip
    assert (done.stdout, done.stderr) == ("x = 1\n", "")


def test_a_python_that_is_too_old_says_so(unpacked: dict[str, Path]) -> None:
    python = next((found for minor in (9, 8, 7, 6) if (found := _python(f"3.{minor}"))), None)
    if python is None:
        pytest.skip("there is no Python before 3.10 on this machine")
    main = unpacked["universal"] / "extension" / "bundled" / "main.py"
    done = subprocess.run([python, str(main)], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "needs Python 3.10 or newer" in done.stderr


def _python(version: str) -> str | None:
    """An interpreter of that version, on PATH or of pyenv, that really starts."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = [f"python{version}", *map(str, root.glob(f"versions/{version}.*/bin/python"))]
    probe = "import sys; print('%d.%d' % sys.version_info[:2])"
    for candidate in candidates:
        try:
            done = subprocess.run([candidate, "-I", "-S", "-c", probe], capture_output=True, text=True, check=False)  # fmt: skip
        except FileNotFoundError:
            continue
        if done.stdout.strip() == version:
            return candidate
    return None


def _talk(command: list[str], uri: str) -> dict[int, dict[str, Any]]:
    """Introduce ourselves, open a file, ask for its findings, leave; the answers by request."""
    document = {"uri": uri, "languageId": "python", "version": 1, "text": KEY_USED_TWICE}
    messages: list[dict[str, Any]] = [
        {"id": 1, "method": "initialize", "params": {"processId": None, "rootUri": None, "capabilities": {"textDocument": {"diagnostic": {}}}}},
        {"method": "initialized", "params": {}},
        {"method": "textDocument/didOpen", "params": {"textDocument": document}},
        {"id": 2, "method": "textDocument/diagnostic", "params": {"textDocument": {"uri": uri}}},
    ]  # fmt: skip
    farewell: list[dict[str, Any]] = [
        {"id": 3, "method": "shutdown", "params": None},
        {"method": "exit", "params": None},
    ]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin and process.stdout
    answers: dict[int, dict[str, Any]] = {}
    try:
        for batch, last in ((messages, 2), (farewell, 3)):
            for message in batch:
                process.stdin.write(_framed(message))
            process.stdin.flush()
            while last not in answers:
                answer = _read(process.stdout)
                if "id" in answer and "method" not in answer:
                    answers[answer["id"]] = answer
        process.stdin.close()
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    return answers


def _framed(message: dict[str, Any]) -> bytes:
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


def _read(stream: Any) -> dict[str, Any]:
    length = 0
    while (line := stream.readline()) != b"\r\n":
        assert line, "the server ended"
        name, _, value = line.decode("ascii").partition(":")
        if name.lower() == "content-length":
            length = int(value)
    return json.loads(stream.read(length))
