"""A check of a package whose files import each other, as a multiple of its files one by one."""

from __future__ import annotations

import gc
import re
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.table import Options, Row
from benchmarks.texts import installed, read
from jaxsight_analyzers.engine import analyse
from jaxsight_analyzers.project.disk import workspace_of
from jaxsight_analyzers.project.index import Settings, build
from jaxsight_analyzers.registry import all_rules
from jaxsight_analyzers.settings import Config
from jaxsight_analyzers.source import SourceFile

GOAL = 2
_PACKAGES = ("numpyro", "optax")  # copied, with another name, as if they were the user's own


def measure(options: Options) -> Iterator[Row]:
    """The processor's time of both, with all rules on."""
    config = Config(select=tuple(rule.name for rule in all_rules()))
    analyse(SourceFile("first.py", "import jax\n"), config)  # reads the knowledge
    gc.set_threshold(100_000)  # as `jaxsight check` does; this process does nothing else
    for package in _PACKAGES[:1] if options.quick else _PACKAGES:
        origin = installed(package)
        if origin is None:
            continue
        with TemporaryDirectory() as name:
            root = Path(name)
            paths = _copy(package, origin, root)
            alone = _one_by_one(paths, config)
            start = time.process_time()
            build(workspace_of(root, root, absolute=True), paths, lambda _: Settings(config, {}))
            together = time.process_time() - start
        yield Row(
            f"check of the {len(paths)} files of {package} together",
            f"<= {GOAL}x its files one by one",
            f"{together / alone:.1f}x ({together:.1f} against {alone:.1f} s of CPU)",
            together <= GOAL * alone,
        )


def _copy(package: str, origin: Path, root: Path) -> list[str]:
    paths: list[str] = []
    for file in sorted(origin.rglob("*.py")):
        copy = root / f"own_{package}" / file.relative_to(origin)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(re.sub(rf"\b{package}\b", f"own_{package}", read(file)), encoding="utf-8")
        paths.append(copy.as_posix())
    return paths


def _one_by_one(paths: list[str], config: Config) -> float:
    sources = [SourceFile(path, read(Path(path))) for path in paths]
    start = time.process_time()
    for source in sources:
        analyse(source, config)
    return time.process_time() - start
