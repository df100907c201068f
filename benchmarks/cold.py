"""The first analysis of whole packages with all rules, as times of what Python needs to parse them."""

from __future__ import annotations

import ast
import contextlib
import gc
import time
import warnings
from collections.abc import Iterator

from benchmarks import texts
from benchmarks.table import Options, Row
from jaxsight_analyzers.engine import analyse
from jaxsight_analyzers.registry import all_rules
from jaxsight_analyzers.settings import Config
from jaxsight_analyzers.source import SourceFile

GOAL = 3.5


def measure(options: Options) -> Iterator[Row]:
    """The processor's seconds of both, file by file in turn, in this process."""
    config = Config(select=tuple(rule.name for rule in all_rules()))
    corpus = [
        SourceFile(str(path), texts.read(path))
        for package in texts.PACKAGES
        if (folder := texts.installed(package)) is not None
        for path in sorted(folder.rglob("*.py"))
    ]
    if options.quick:
        corpus = corpus[::8]
    analyse(SourceFile("first.py", "import jax\n"), config)  # reads the knowledge
    threshold = gc.get_threshold()
    gc.set_threshold(100_000)  # as `jaxsight check` does
    parsing = analysing = 0.0
    for source in corpus:
        gc.disable()  # the parser is not charged for what the analysis leaves behind
        start = time.process_time()
        _parse(source.text)
        middle = time.process_time()
        gc.enable()
        analysis = analyse(source, config)
        end = time.process_time()
        parsing, analysing = parsing + middle - start, analysing + end - middle
        if analysis.crashes:
            raise AssertionError(analysis.crashes)
    gc.set_threshold(*threshold)
    ratio = analysing / parsing
    lines = sum(source.text.count("\n") for source in corpus)
    yield Row(
        f"cold, {', '.join(texts.PACKAGES)}",
        f"<= {GOAL}x ast.parse",
        f"{ratio:.2f}x ({analysing:.1f} against {parsing:.1f} s of CPU, {len(corpus)} files, "
        f"{lines:,} lines)",
        ratio <= GOAL,
    )


def _parse(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with contextlib.suppress(SyntaxError):
            ast.parse(text)
