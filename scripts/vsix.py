"""Packs the extension: `python scripts/vsix.py [--target NAME ...] [--output FOLDER]`.

One package per platform with the server's libraries for every Python it may meet, merged into one
folder: what is compiled lies side by side, named after its Python. The universal package leaves out
what is compiled, and libcst with it: structural fixes are then not offered.
"""

from __future__ import annotations

import argparse
import filecmp
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXTENSION = ROOT / "extension"

PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
# VS Code's name -> uv's. Intel Macs and Windows on ARM take the universal package: libcst 1.9 has no
# wheels for the former, PyYAML, which libcst needs, none for Python 3.10 on the latter.
PLATFORMS = {
    "linux-x64": "x86_64-manylinux_2_28",
    "linux-arm64": "aarch64-manylinux_2_28",
    "darwin-arm64": "aarch64-apple-darwin",
    "win32-x64": "x86_64-pc-windows-msvc",
}
UNIVERSAL = "universal"
COMPILED = (".so", ".pyd", ".dylib")
NEED_COMPILED = ("libcst", "yaml", "yaml_ft", "_yaml", "pyyaml", "pyyaml_ft")  # useless without
CARRIED = ("package.json", "README.md", ".vscodeignore", "media", "dist")


class PackingError(Exception):
    """The package cannot be made as it should be."""


def main() -> int:
    """Build the packages that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--target", action="append", choices=[*PLATFORMS, UNIVERSAL, "all"], help="default: here"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "dist")
    arguments = parser.parse_args()
    wanted: list[str] = arguments.target or [*_this_platform(), UNIVERSAL]
    targets = [*PLATFORMS, UNIVERSAL] if "all" in wanted else wanted
    arguments.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="jaxsight-vsix-") as name:
        work = Path(name)
        wheel = _build_wheel(work)
        requirements = _export_requirements(work)
        for target in targets:
            package = _pack(target, wheel, requirements, work / target, arguments.output)
            print(f"{package}  {package.stat().st_size / 1e6:.1f} MB")
    return 0


def _this_platform() -> list[str]:
    machine = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}
    name = f"{sys.platform}-{machine.get(platform.machine().lower(), '')}"
    return [name] if name in PLATFORMS else []


def _run(*command: str | Path, cwd: Path = ROOT) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        words = " ".join(map(str, command))
        raise PackingError(f"{words}\n{done.stdout}{done.stderr}")


def _uv() -> str:
    """The uv on PATH, or the one that the set-up put into this clone."""
    found = shutil.which("uv") or next(map(str, ROOT.glob(".tools/**/bin/uv")), None)
    if found is None:
        raise PackingError("there is no uv: run `make demo` or `make test` once, or install it")
    return found


def _build_wheel(work: Path) -> Path:
    _run(_uv(), "build", "--quiet", "--wheel", "--out-dir", work / "wheel")
    return next((work / "wheel").glob("*.whl"))


def _export_requirements(work: Path) -> Path:
    """What the lock file says the server needs, with hashes and markers."""
    path = work / "requirements.txt"
    _run(_uv(), "export", "--quiet", "--frozen", "--no-default-groups", "--no-emit-project", "--output-file", path)  # fmt: skip
    return path


def _pack(target: str, wheel: Path, requirements: Path, stage: Path, output: Path) -> Path:
    stage.mkdir()
    _copy_extension(stage)
    libraries = stage / "bundled" / "libs"
    libraries.mkdir(parents=True)
    shutil.copy(EXTENSION / "main.py", stage / "bundled" / "main.py")
    for python in PYTHONS:
        folder = stage.parent / f"{target}-{python}"
        _install(wheel, requirements, folder, PLATFORMS.get(target, "linux"), python)
        _merge(folder, libraries)
        shutil.rmtree(folder)
    _drop_what_never_runs(libraries)
    if target == UNIVERSAL:
        _drop_compiled(libraries)
    version = wheel.name.split("-")[1]
    package = output / f"jaxsight-{version}-{target}.vsix"
    option = [] if target == UNIVERSAL else ["--target", target]
    vsce = EXTENSION / "node_modules" / ".bin" / "vsce"
    _run(vsce, "package", "--no-dependencies", "--allow-missing-repository", *option, "--out", package.absolute(), cwd=stage)  # fmt: skip
    return package


def _copy_extension(stage: Path) -> None:
    for name in CARRIED:
        source = EXTENSION / name
        if not source.exists():
            raise PackingError(f"{source} is missing: run `npm run package` in extension/ first")
        if source.is_dir():
            shutil.copytree(source, stage / name)
        else:
            shutil.copy(source, stage / name)
    shutil.copytree(ROOT / "docs" / "rules", stage / "docs" / "rules")
    shutil.copy(ROOT / "LICENSE", stage / "LICENSE.txt")
    shutil.copy(ROOT / "CHANGELOG.md", stage / "CHANGELOG.md")


def _install(wheel: Path, requirements: Path, folder: Path, where: str, python: str) -> None:
    common = (_uv(), "pip", "install", "--quiet", "--target", folder, "--python-platform", where, "--python-version", python, "--only-binary", ":all:")  # fmt: skip
    _run(*common, "--require-hashes", "--requirements", requirements)
    _run(*common, "--no-deps", wheel)


def _merge(source: Path, target: Path) -> None:
    """Add what one Python needs to what the others need; the same name must mean the same file."""
    for path in sorted(source.rglob("*")):
        relative = path.relative_to(source)
        place = target / relative
        if path.is_dir() or relative.parts[0] in ("bin", "Scripts", ".lock"):
            continue
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, place)
        elif not filecmp.cmp(path, place, shallow=False) and not _describes(relative):
            raise PackingError(f"{relative} differs from one Python to the next")


def _describes(path: Path) -> bool:
    """Whether a file only records an installation."""
    return path.parts[0].endswith(".dist-info")


def _drop_what_never_runs(libraries: Path) -> None:
    for folder in [*libraries.rglob("tests"), *libraries.rglob("__pycache__")]:
        shutil.rmtree(folder, ignore_errors=True)
    for name in ("RECORD", "direct_url.json", "INSTALLER", "REQUESTED"):
        for path in libraries.glob(f"*.dist-info/{name}"):
            path.unlink()  # they speak of one of the merged installations


def _drop_compiled(libraries: Path) -> None:
    for path in libraries.iterdir():
        if path.name.split("-")[0] in NEED_COMPILED:
            shutil.rmtree(path)
    for path in [*libraries.rglob("*")]:
        if path.suffix in COMPILED:
            path.unlink()


if __name__ == "__main__":
    os.environ.setdefault("UV_CACHE_DIR", str(ROOT / ".cache" / "uv"))
    try:
        raise SystemExit(main())
    except PackingError as error:
        print(f"vsix: {error}", file=sys.stderr)
        raise SystemExit(1) from None
