"""What the commands that run a function share: name a function, run it, answer questions, show progress."""

from __future__ import annotations

import asyncio
import json
import linecache
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from jaxsight_analyzers.config import find_config, load_config
from jaxsight_analyzers.settings import Config
from jaxsight_runner.protocol import (
    EnvironmentReport,
    Failure,
    Log,
    Outcome,
    Progress,
    Question,
    Report,
    Request,
    TargetRequest,
    by_cell,
    cells_in,
    to_json,
)
from jaxsight_server.interpreters import Interpreter, find_interpreter
from jaxsight_server.ranks.commands import Group, LaunchError, group_of
from jaxsight_server.runner_client import RunnerClient, project_root

Make = Callable[[str, str, str], TargetRequest]  # path, text, qualname -> request


def add_target_arguments(parser: ArgumentParser) -> None:
    """Declare the options of every command that runs a function."""
    parser.add_argument(
        "target",
        metavar="FILE::QUALNAME",
        help="as in `train.py::Model.step`, or `train.ipynb::step`",
    )
    parser.add_argument(
        "--input", metavar="SPEC", help='as in "x: f32[128, 64], y: i32[128] in [0, 9], key: key"'
    )
    parser.add_argument(
        "--mesh",
        metavar="AXES",
        help='the devices that inputs are split over, as in "data=4, model=2"; else those of a comment above the '
        "function, the mesh of the module, all devices",
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    add_python_argument(parser)
    parser.add_argument("--timeout", metavar="S", type=float, help="give up after S seconds")
    parser.add_argument(
        "--import-file",
        action="store_true",
        help="import the file even if that runs more than definitions",
    )


def add_group_arguments(parser: ArgumentParser) -> None:
    """Declare the options of commands that several processes can do together."""
    parser.add_argument(
        "--processes",
        metavar="N",
        type=int,
        help="run in N processes of this machine, joined by jax.distributed",
    )
    parser.add_argument(
        "--launch",
        metavar="WORDS",
        help='start the processes with this launcher, as in "srun -n 4" or "ssh host"; split into words, never given to a shell',
    )


def add_python_argument(parser: ArgumentParser) -> None:
    """Declare the option for those who do not want the Python that is found."""
    parser.add_argument("--python", metavar="PATH", help="run with this Python")


def run_target(arguments: Namespace, make: Make) -> Report | None:
    """The report; None when there is none, which was said on standard error."""
    runs = open_target(arguments, make)
    return runs.run(runs.request) if runs is not None else None


def show(arguments: Namespace, report: Report, lines: Iterable[str]) -> None:
    """Print a report: as JSON where that is asked for, else in lines."""
    if arguments.json:
        print(json.dumps(to_json(report), indent=2, ensure_ascii=False))
    else:
        print(told(report, lines))


def told(report: Report, lines: Iterable[str]) -> str:
    """A report in lines, those of a notebook's module by cell."""
    text = "\n".join(lines)
    if isinstance(report, EnvironmentReport):
        return text
    return by_cell(report.target.cells, report.target.path, text)


@dataclass(frozen=True)
class Runs:
    """A target and the Python that runs it."""

    request: TargetRequest
    interpreter: Interpreter
    config: Config
    timeout: float | None
    group: Group | None = None  # of several processes

    def run(self, request: Request) -> Report | None:
        """The report; None when there is none, which was said."""
        outcome = self.outcome(request)
        if isinstance(outcome, Question):
            return _say(self._told(_unanswered(outcome)))
        if isinstance(outcome, Failure):
            return _say(self._told(_describe(outcome)))
        return outcome

    def _told(self, words: str) -> str:
        request = self.request
        return by_cell(cells_in(request.path, request.text), request.path, words)

    def outcome(self, request: Request) -> Report | Question | Failure:
        """What came of it, after the questions that were answered at the terminal."""
        terminal = sys.stdin.isatty() and sys.stderr.isatty()
        while True:
            outcome = asyncio.run(self._start(request))
            if not isinstance(outcome, Question) or not isinstance(request, TargetRequest):
                return outcome
            answered = _answer(request, outcome) if terminal else None
            if answered is None:
                return outcome
            request = answered

    async def _start(self, request: Request) -> Outcome:
        shown = _Shown()
        limit, config = self.timeout, self.config.runner
        try:
            return await RunnerClient().run(
                request,
                interpreter=self.interpreter.path,
                cwd=Path.cwd(),
                env=config.env,
                timeout=limit if limit is not None else config.timeout,
                memory_limit=config.memory_limit,
                on_progress=shown.progress,
                on_log=shown.log,
                group=self.group,
            )
        finally:
            shown.clear()


def open_target(arguments: Namespace, make: Make) -> Runs | None:
    """What the arguments name, ready to run; None where they name nothing, which was said."""
    try:
        request = _request(arguments, make)
    except UsageError as error:
        return _say(str(error))
    config = config_of(Path(request.path))
    interpreter = interpreter_of(Path(request.path), arguments.python, config)
    if interpreter is None:
        return None
    try:
        group = _group(arguments, config)
    except LaunchError as error:
        return _say(str(error))
    return Runs(request, interpreter, config, arguments.timeout, group)


def interpreter_of(path: Path, explicit: str | None, config: Config) -> Interpreter | None:
    """The Python that a file is run with; None where there is none, which was said."""
    configured = config.runner.interpreter
    interpreter = find_interpreter(
        path, explicit=explicit, configured=config.resolved(configured) if configured else None
    )
    if interpreter is None:
        return _say("no Python was found to run your code: make a `.venv`, or give --python")
    return interpreter


def _group(arguments: Namespace, config: Config) -> Group | None:
    """Several processes, where the command knows them and its options or the project's settings ask for them."""
    if "launch" not in arguments:
        return None
    processes, launch = arguments.processes, arguments.launch
    if processes is None and launch is None and config.runner.launch is not None:
        launch = config.runner.launch
        print(
            f"jaxsight: started with `{launch}` (`runner.launch` of the project)", file=sys.stderr
        )
    return group_of(processes, launch)


class UsageError(Exception):
    """The command line makes no sense."""


def read_text(file: str) -> str:
    """A source file's text, of a notebook its code's; raises UsageError where it cannot be read."""
    try:
        return module_text(file, Path(file).read_text("utf-8"))
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is not UTF-8") from error
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from error


def module_text(file: str, text: str) -> str:
    """What is run of a file's text; of a notebook's its code as one module, which whoever shows its lines finds."""
    if Path(file).suffix != ".ipynb":
        return text
    from jaxsight_server.running.notebooks import NotebookError, module_of

    try:
        module = module_of(text)
    except NotebookError as error:
        raise UsageError(f"{file} {error}") from error
    path = str(Path(file).absolute())
    linecache.cache[path] = (len(module), None, module.splitlines(keepends=True), path)
    return module


def named_target(word: str) -> tuple[str, str]:
    """The file, as it is written, and the function that FILE::QUALNAME names."""
    file, separator, qualname = word.rpartition("::")
    if not separator or not file or not qualname:
        raise UsageError(f"`{word}` names no function: write FILE::QUALNAME")
    return file, qualname


def _request(arguments: Namespace, make: Make) -> TargetRequest:
    file, qualname = named_target(arguments.target)
    path = Path(file).absolute()
    request = make(str(path), read_text(file), qualname)
    return replace(
        request,
        input=arguments.input,
        mesh=arguments.mesh,
        import_file=arguments.import_file,
        root=str(project_root(path)),
    )


def config_of(path: Path) -> Config:
    """The project's configuration; what is wrong with it was said."""
    place = find_config(path.parent)
    if place is None:
        return Config(root=str(path.parent))
    loaded = load_config(place)
    for error in loaded.errors:
        _say(f"{error.path}:{error.line}: {error.message}")
    return loaded.config


class _Shown:
    """Progress on standard error: one line that changes on a terminal, a line each elsewhere."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._last = ""

    def progress(self, progress: Progress) -> None:
        """Show what is being done."""
        if progress.message == self._last:
            return
        self._last = progress.message
        if self._terminal:
            print(f"\r\x1b[2K{progress.message} …", end="", file=sys.stderr, flush=True)
        else:
            print(f"jaxsight: {progress.message}", file=sys.stderr, flush=True)

    def log(self, log: Log) -> None:
        """Pass on what the user's program printed."""
        self.clear()
        print(log.text, end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Take the progress line away."""
        if self._terminal:
            print("\r\x1b[2K", end="", file=sys.stderr, flush=True)


def _answer(request: TargetRequest, question: Question) -> TargetRequest | None:
    """What the user says at the terminal; None when they would rather not."""
    print(question.message, file=sys.stderr)
    try:
        if question.kind == "import-file":
            wanted = input("Import the whole file? [y/N] ").strip().lower()
            return replace(request, import_file=True) if wanted in ("y", "yes") else None
        spec = input(f"Inputs [{question.suggestion or ''}]: ").strip() or question.suggestion
    except EOFError:
        return None
    return replace(request, input=spec) if spec else None


def _unanswered(question: Question) -> str:
    if question.kind == "import-file":
        return f"{question.message}; --import-file runs it"
    return f'{question.message}; give them with --input "{question.suggestion or ""}", or in a comment `# jaxsight: inputs ...` above it'


def _describe(failure: Failure) -> str:
    parts = [failure.message]
    if failure.traceback and failure.kind in ("import", "exception", "crash", "start"):
        parts.insert(0, failure.traceback.rstrip())
    elif failure.path and failure.line and f":{failure.line}" not in failure.message:
        parts.append(f"  at {failure.path}:{failure.line}")
    return "\n".join(parts)


def _say(message: str) -> None:
    print(f"jaxsight: {message}", file=sys.stderr)
