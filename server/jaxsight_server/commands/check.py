"""`jaxsight check`: find mistakes in files, and mend them."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from jaxsight_analyzers.baseline import Baseline, BaselineError, read_baseline, write_baseline
from jaxsight_analyzers.diagnostic import Applicability
from jaxsight_analyzers.encoding import Decoded, DecodingError, decode
from jaxsight_analyzers.engine import Analysis, analyse, fix_all
from jaxsight_analyzers.report import text
from jaxsight_analyzers.settings import Config
from jaxsight_analyzers.source import SourceFile
from jaxsight_server.commands.checking import NOTEBOOK, Around, Checked, note, together
from jaxsight_server.commands.project import Project
from jaxsight_server.terminal import Progress, is_coloured

_MANY = 20  # findings, of which a table by rule is shown as well
FORMATS = ("full", "concise", "json", "sarif", "github")


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options: a contract that scripts depend on."""
    add = parser.add_argument
    add("paths", nargs="*", metavar="PATH", help="files and folders; default: the current folder")
    add("--select", metavar="NAMES", help="only these rules or families, separated by commas")
    add("--ignore", metavar="NAMES", help="not these rules or families")
    add("--preview", action="store_true", help="unstable rules too")
    add("--fix", action="store_true", help="apply safe fixes to the files")
    add(
        "--unsafe-fixes",
        action="store_true",
        help="with --fix or --diff: also fixes that may change behaviour",
    )
    add("--diff", action="store_true", help="show what --fix would change, and change nothing")
    add("--statistics", action="store_true", help="count findings by rule, the worst first")
    add(
        "--verbose",
        action="store_true",
        help="also say what was not followed as far as it goes, to bound the time",
    )
    add("--exit-zero", action="store_true", help="exit with 0 even if there are findings")
    add(
        "--baseline",
        metavar="FILE",
        help="report only what is not in this file of accepted findings",
    )
    add("--write-baseline", metavar="FILE", help="accept all findings of now: write them to a file")
    add("--output-format", choices=FORMATS, default="full", help="default: full")
    add("--config", metavar="FILE", help="use this configuration file instead of the nearest one")
    add(
        "--python",
        metavar="PATH",
        help="the project's Python, for the versions of its libraries; it is not run",
    )
    add("--stdin-filename", metavar="PATH", help="check standard input as if it were this file")


def run(arguments: Namespace) -> int:
    """Check, report, and return the exit code."""
    checked = Checked()
    project = Project(
        arguments.config,
        arguments.python,
        arguments.select,
        arguments.ignore,
        preview=arguments.preview,
    )
    if project.usage:
        print(f"error: {project.usage}", file=sys.stderr)
        return 2
    if arguments.stdin_filename is not None:
        _check_stdin(arguments, project, checked)
    else:
        _check_paths(arguments, project, checked)
    for trouble in project.troubles():
        checked.troubles.append(trouble)
        checked.failed = True
    _apply_baseline(arguments, project, checked)
    _report(arguments, checked)
    return _exit_code(arguments, checked)


def _exit_code(arguments: Namespace, checked: Checked) -> int:
    if checked.failed:
        return 2
    if arguments.exit_zero or arguments.write_baseline:
        return 0
    if arguments.diff:
        return 1 if checked.diff else 0
    return 1 if checked.problems else 0


# Files


def _check_paths(arguments: Namespace, project: Project, checked: Checked) -> None:
    from jaxsight_analyzers.discovery import find_files

    paths = [Path(path) for path in arguments.paths or ["."]]
    found = find_files(paths, project.config_of(Path.cwd()), Path.cwd())
    for error in found.errors:
        checked.fail(error.path, error.message)
    files = list(found.files)
    progress = Progress(len(files))
    try:
        checked.files_together = together(project, files, progress)
        for path in files:
            progress(str(path))
            try:
                data = path.read_bytes()
            except OSError as error:
                checked.fail(str(path), f"cannot be read: {error.strerror}")
                continue
            _check_bytes(arguments, project, checked, path, data)
    finally:
        progress.clear()


def _check_stdin(arguments: Namespace, project: Project, checked: Checked) -> None:
    path = Path(arguments.stdin_filename)
    _check_bytes(arguments, project, checked, path, sys.stdin.buffer.read(), stdin=True)


def _check_bytes(
    arguments: Namespace,
    project: Project,
    checked: Checked,
    path: Path,
    data: bytes,
    *,
    stdin: bool = False,
) -> None:
    try:
        decoded = decode(data)
    except DecodingError as error:
        checked.fail(str(path), str(error))
        return
    checked.files += 1
    config = project.config_of(path)
    versions = project.versions_of(path)
    if path.suffix == NOTEBOOK:
        _check_notebook(arguments, checked, path, decoded, config, versions, stdin)
        return
    source = SourceFile(str(path), decoded.text)
    others = checked.files_together
    around = Around() if others is None else others.around(source.path)
    after = _fixed(arguments, source, config, versions, around)
    if after.text != source.text:
        checked.mended += _mended(source, after, config, versions, around)
        _change(arguments, checked, path, decoded, after.text, stdin)
        source = after if arguments.fix and not arguments.diff else source
    elif stdin and arguments.fix and not arguments.diff:
        sys.stdout.write(source.text)
    found = None if others is None else others.found.get(source.path)
    if found is None or after.text != decoded.text:
        note(checked, _analysed(source, config, versions, around))
    else:
        checked.add(found)


def _fixed(
    arguments: Namespace,
    source: SourceFile,
    config: Config,
    versions: dict[str, str],
    around: Around,
) -> SourceFile:
    if not (arguments.fix or arguments.diff):
        return source
    least = Applicability.UNSAFE if arguments.unsafe_fixes else Applicability.SAFE
    workspace, incoming = around
    fixed = fix_all(source, config, versions, least, workspace=workspace, incoming=incoming)
    return SourceFile(source.path, fixed)


def _mended(
    before: SourceFile,
    after: SourceFile,
    config: Config,
    versions: dict[str, str],
    around: Around,
) -> int:
    """How many findings a fix took away."""
    states = (_analysed(source, config, versions, around) for source in (before, after))
    found = [len(analysis.diagnostics) for analysis in states]
    return found[0] - found[1]


def _analysed(
    source: SourceFile, config: Config, versions: dict[str, str], around: Around
) -> Analysis:
    workspace, incoming = around
    return analyse(source, config, versions, workspace=workspace, incoming=incoming)


def _check_notebook(
    arguments: Namespace,
    checked: Checked,
    path: Path,
    decoded: Decoded,
    config: Config,
    versions: dict[str, str],
    stdin: bool,
) -> None:
    from jaxsight_analyzers import notebook

    try:
        if not notebook.is_python(decoded.text):
            checked.files -= 1
            return
        module = notebook.join(notebook.cells_of(decoded.text))
    except notebook.NotebookError as error:
        checked.fail(str(path), str(error))
        return
    source = SourceFile(str(path), module.text)
    after = _fixed(arguments, source, config, versions, Around())
    if after.text != source.text:
        by_cell, refused = notebook.cell_edits(module, after.text)
        if refused:
            checked.fail(str(path), f"{refused} fixes would change magics and were left out")
        whole = notebook.with_cells(decoded.text, by_cell)
        checked.mended += _mended(source, after, config, versions, Around())
        _change(arguments, checked, path, decoded, whole, stdin)
        if arguments.fix and not arguments.diff:
            module = notebook.join(notebook.cells_of(whole))
            source = SourceFile(str(path), module.text)
    note(checked, analyse(source, config, versions), module)


def _change(
    arguments: Namespace, checked: Checked, path: Path, decoded: Decoded, after: str, stdin: bool
) -> None:
    """Show a changed file as a diff, print it, or write it."""
    if arguments.diff:
        from difflib import unified_diff

        name = path.as_posix()
        lines = unified_diff(
            decoded.text.splitlines(keepends=True), after.splitlines(keepends=True), name, name
        )
        ended = [
            line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
            for line in lines
        ]
        checked.diff.append("".join(ended))
        return
    checked.fixed += 1
    if stdin:
        sys.stdout.write(after)
        return
    try:
        _write(path, decoded.encode(after))
    except (OSError, UnicodeEncodeError) as error:
        checked.fixed -= 1
        checked.fail(str(path), f"could not be written: {error}")


def _write(path: Path, data: bytes) -> None:
    """Replace a file as a whole, or not at all; its mode stays, and a link stays a link."""
    from tempfile import NamedTemporaryFile

    real = path.resolve()
    with NamedTemporaryFile(dir=real.parent, prefix=f".{real.name}.", delete=False) as temporary:
        temporary.write(data)
    try:
        new = Path(temporary.name)
        new.chmod(real.stat().st_mode)
        new.replace(real)
    except OSError:
        Path(temporary.name).unlink(missing_ok=True)
        raise


# Baseline


def _apply_baseline(arguments: Namespace, project: Project, checked: Checked) -> None:
    if arguments.write_baseline:
        target = Path(arguments.write_baseline)
        entries = [p.entry(_relative(p.file, target.parent)) for p in checked.problems]
        try:
            target.write_text(write_baseline(entries), encoding="utf-8")
        except OSError as error:
            checked.fail(str(target), f"cannot be written: {error.strerror}")
            return
        print(f"{len(entries)} findings accepted in {target}", file=sys.stderr)
        checked.problems.clear()
        return
    config = project.config_of(Path.cwd())
    name = arguments.baseline or (config.resolved(config.baseline) if config.baseline else None)
    if name is None:
        return
    baseline = _read_baseline(Path(name), checked)
    folder = Path(name).parent
    found = checked.problems
    checked.problems = [
        problem
        for problem in found
        if not baseline.accepts(problem.entry(_relative(problem.file, folder)))
    ]
    checked.accepted = len(found) - len(checked.problems)


def _read_baseline(path: Path, checked: Checked) -> Baseline:
    try:
        return read_baseline(path.read_text(encoding="utf-8"))
    except BaselineError as error:
        checked.fail(str(path), str(error))
    except OSError as error:
        checked.fail(str(path), f"cannot be read: {error.strerror}")
    return Baseline()


def _relative(path: str, folder: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()


# Report


def _report(arguments: Namespace, checked: Checked) -> None:
    form = arguments.output_format
    if form in ("json", "sarif", "github") and not arguments.diff:
        print(_for_programs(form, checked, structural=arguments.fix), end="")
        return
    out = sys.stderr if arguments.stdin_filename is not None and arguments.fix else sys.stdout
    style = text.Style(coloured=is_coloured())
    print(text.troubles(checked.troubles, style), end="", file=sys.stderr)
    if arguments.verbose:
        print(text.given_up(checked.given_up, style), end="", file=sys.stderr)
    if arguments.diff:
        print("".join(checked.diff), end="")
        return
    if arguments.statistics:
        print(text.statistics(checked.problems, style), end="", file=out)
        return
    shown = text.concise if form == "concise" else text.full
    print(shown(checked.problems, style), end="", file=out)
    if form == "full" and len(checked.problems) >= _MANY:
        print(text.statistics(checked.problems, style), file=out)
    if checked.fixed:
        files = f"{checked.fixed} file{'s' if checked.fixed != 1 else ''}"
        findings = f"{checked.mended} finding{'s' if checked.mended != 1 else ''}"
        print(f"Fixed {findings} in {files}.", file=out)
    print(_summary(checked, style), end="", file=out)


def _summary(checked: Checked, style: text.Style) -> str:
    said = text.summary(checked.problems, checked.files, style)
    if checked.accepted:
        are = "is" if checked.accepted == 1 else "are"
        said += f"{checked.accepted} more {are} accepted in the baseline.\n"
    return said


def _for_programs(form: str, checked: Checked, *, structural: bool) -> str:
    from jaxsight_analyzers.report import machine
    from jaxsight_server.version import version

    if form == "json":
        return machine.as_json(
            checked.problems, checked.troubles, checked.given_up, structural=structural
        )
    if form == "sarif":
        return machine.as_sarif(checked.problems, checked.troubles, version(), checked.given_up)
    return machine.as_github(checked.problems, checked.troubles)
