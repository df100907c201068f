"""`jaxsight capture`: run the user's own program, and record what a function of it is given."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Generator
from datetime import date
from pathlib import Path
from types import FrameType
from typing import cast

from jaxsight_analyzers.settings import Config
from jaxsight_runner.protocol import (
    CapturedSignature,
    CaptureReport,
    CaptureRequest,
    Failure,
    Leaf,
    ProtocolError,
    decode,
    to_json,
)
from jaxsight_server.commands.capture_text import text, writable
from jaxsight_server.commands.run_target import (
    UsageError,
    add_python_argument,
    config_of,
    interpreter_of,
    named_target,
    read_text,
)
from jaxsight_server.running.inputs_file import (
    InputsFileError,
    entry_name,
    inputs_file,
    read_entries,
    write_entry,
)
from jaxsight_server.running.kept_values import captures_folder, keep_values
from jaxsight_server.running.launch import runner_entry
from jaxsight_server.running.recorded_inputs import project_root

_PATIENCE = 5.0  # seconds that a program has to end after it was asked to


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.usage = "%(prog)s [OPTION ...] FILE::QUALNAME -- SCRIPT [ARGUMENT ...]"
    parser.add_argument("target", metavar="FILE::QUALNAME", help="as in `train.py::Model.step`")
    parser.add_argument(
        "--stop-after",
        metavar="N",
        type=_count,
        help="end the program after N calls of the function",
    )
    parser.add_argument(
        "--values",
        action="store_true",
        help="keep the arrays of a call, too, for `x: captured` (with Orbax where it is installed)",
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    add_python_argument(parser)
    parser.add_argument(
        "--timeout", metavar="S", type=float, help="end the program after S seconds"
    )
    parser.epilog = (
        "SCRIPT is a file, `-m MODULE`, or an installed command such as `pytest tests/test_a.py::test_b`. "
        "It runs here, as it always does; what the function is given goes into .jaxsight/inputs.toml, "
        "where the other commands find it."
    )


def _count(word: str) -> int:
    if not word.isdecimal() or int(word) < 1:
        raise ArgumentTypeError(f"{word!r} is no number of calls")
    return int(word)


def run(arguments: Namespace) -> int:
    """Run the program and write what was seen; 2 when nothing was, or it could not be written."""
    try:
        file, qualname = named_target(arguments.target)
        path = Path(file).absolute()
        if path.suffix != ".py":
            raise UsageError(f"{file} is no Python file: functions of notebooks cannot be watched")
        read_text(file)
        if not arguments.program:
            raise UsageError(
                "no program is named: write it behind `--`, as in `-- train.py --epochs 1`"
            )
    except UsageError as error:
        return _fail(str(error))
    config = config_of(path)
    interpreter = interpreter_of(path, arguments.python, config)
    if interpreter is None:
        return 2
    before = _recorded(path, qualname)
    with _folder() as folder:
        request = CaptureRequest(
            str(path),
            qualname,
            tuple(arguments.program),
            arguments.stop_after,
            str(folder / "values") if arguments.values else None,
        )
        ended = _run_program(request, folder, interpreter.path, config, arguments)
        found = _outcome(folder, interpreter.path, ended)
        if isinstance(found, Failure):
            return _fail(found.message)
        return _conclude(found, request, ended, before, as_json=arguments.json)


@contextlib.contextmanager
def _folder() -> Generator[Path]:
    """For what passes between this process and the program's."""
    home = captures_folder().with_name("running")
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home, ignore_cleanup_errors=True) as name:
        (Path(name) / "values").mkdir()
        yield Path(name)


def _run_program(
    request: CaptureRequest, folder: Path, python: Path, config: Config, arguments: Namespace
) -> str:
    """Run it to its end, at the terminal; how it ended, in words."""
    (folder / "request.json").write_text(json.dumps(to_json(request)), "utf-8")
    command = [str(python), str(runner_entry()), "capture", str(folder)]
    handled = [signal.SIGINT, signal.SIGTERM]
    before = {one: signal.signal(one, _wait_on) for one in handled}
    try:
        process = subprocess.Popen(  # its own streams; a Ctrl-C at the terminal reaches it as well
            command,
            env={**os.environ, **config.runner.env},
            stdout=sys.stderr if arguments.json else None,
        )

        def pass_on(number: int, _frame: FrameType | None) -> None:
            process.send_signal(number)

        signal.signal(signal.SIGTERM, pass_on)
        return _ended(process, arguments.timeout)
    except OSError as error:
        return f"cannot be started ({error.strerror or error})"
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _wait_on(_number: int, _frame: FrameType | None) -> None:
    """The program decides what a signal means; we wait for it."""


def _ended(process: subprocess.Popen[bytes], timeout: float | None) -> str:
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_PATIENCE)
        process.kill()
        process.wait()
        return f"was ended after {timeout:g} s"
    code = process.returncode
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return "was interrupted" if code == 130 else f"ended with exit status {code}"


def _outcome(folder: Path, python: Path, ended: str) -> CaptureReport | Failure:
    """What the program's process wrote down, or why there is nothing. `ended`: how it did."""
    try:
        message, _ = decode((folder / "report.json").read_bytes())
    except FileNotFoundError:
        if (folder / "request.json").exists():  # it is taken away by who reads it
            return Failure("start", f"{python} {ended}, before the program began")
        words = f"the program {ended}, and nothing could be written down in {folder.parent}: is its disk full?"
        return Failure("protocol", words)
    except (OSError, ProtocolError) as error:
        words = f"the program {ended}, but what was written down of it cannot be read: {error}"
        return Failure("protocol", words)
    if isinstance(message, (CaptureReport, Failure)):
        return message
    kind = type(message).__name__
    return Failure("protocol", f"the program {ended}, and left a {kind} instead of a report")


def _conclude(
    report: CaptureReport, request: CaptureRequest, ended: str, before: object, as_json: bool
) -> int:
    """Write what was seen, and say it. `before`: what was written down when the program began."""
    program = _shown(request.program)
    if not report.signatures:
        return _fail(_nothing(report, program, ended))
    path, chosen = Path(report.target.path), report.signatures[0]
    root = project_root(path)
    place, name = inputs_file(root), entry_name(root, path, request.qualname)
    problem: str | None = None
    if chosen.arguments:
        try:
            entry = _entry(report, program)
            write_entry(
                place, name, entry, lambda now: entry if now == before else with_other(entry, now)
            )
        except InputsFileError as error:
            problem = str(error)
        if request.keep_in is not None:
            keep_values(path, request.qualname, Path(chosen.kept) if chosen.kept else None)
    if as_json:
        print(json.dumps({**to_json(report), "program": ended}, indent=2, ensure_ascii=False))
    else:
        sys.stdout.flush()
        print("\n".join(text(report, program, ended)))
        if chosen.arguments and problem is None:
            print(f"  written to  {place}")
    return _fail(problem) if problem else 0


def _nothing(report: CaptureReport, program: str, ended: str) -> str:
    name = report.target.qualname
    if report.calls:
        why = next(iter(report.notes), "its arguments could not be looked at")
        return f"`{name}` was called, but nothing was recorded: {why}"
    told = f"the program `{program}` {ended}, and never called `{name}`"
    if not report.loaded:
        return f"{told}: it did not load {report.target.path}, or only in a process that it started"
    return f"{told}, though it loaded {Path(report.target.path).name}"


def _entry(report: CaptureReport, program: str) -> dict[str, object]:
    """The entry of the file."""
    chosen = report.signatures[0]
    specs = [one.spec for one in chosen.arguments if one.spec is not None]
    entry: dict[str, object] = {}
    if specs:
        entry["inputs"] = specs[0] if len(specs) == 1 else ",\n".join(specs) + ",\n"
    missing = [
        f"{one.suggestion or one.name}  # {one.reason}"
        for one in chosen.arguments
        if one.spec is None
    ]
    if missing:
        entry["missing"] = missing
    entry["captured"] = (
        f"{date.today().isoformat()}, {_calls(chosen)} of {report.calls} by {program}"
    )
    also = [f"{_calls(one)}: {writable(one)}" for one in report.signatures[1:]]
    if also:
        entry["also"] = also
    statistics = {
        leaf.path: _numbers(leaf)
        for one in chosen.arguments
        for leaf in one.leaves
        if one.spec is not None and leaf.low is not None
    }
    if statistics:
        entry["statistics"] = statistics
    return entry


def _recorded(path: Path, qualname: str) -> object:
    """The function's entry as it is; None where there is none, or it cannot be read."""
    root = project_root(path)
    with contextlib.suppress(InputsFileError):
        return read_entries(inputs_file(root)).get(entry_name(root, path, qualname))
    return None


def with_other(entry: dict[str, object], other: object) -> dict[str, object]:
    """The entry with the calls that another capture recorded while this one ran, among `also`."""
    if not isinstance(other, dict):
        return entry
    theirs = cast("dict[str, object]", other)
    spec, also = theirs.get("inputs"), theirs.get("also")
    told = str(theirs.get("captured", "another capture"))
    own = cast("list[object]", entry.get("also", []))
    found = [f"{told}: {' '.join(spec.split()).rstrip(',')}"] if isinstance(spec, str) else []
    more = cast("list[object]", also) if isinstance(also, list) else []
    both = list(dict.fromkeys([*own, *found, *(one for one in more if isinstance(one, str))]))
    merged = {key: entry[key] for key in entry if key not in ("also", "statistics")}
    if both:
        merged["also"] = both
    return {**merged, **({"statistics": entry["statistics"]} if "statistics" in entry else {})}


def _numbers(leaf: Leaf) -> dict[str, object]:
    """What is known of an array; what is as it always is, is left out."""
    whole = leaf.value[0] in "iu"
    found: dict[str, object] = {"array": leaf.value}
    for name, value in (("min", leaf.low), ("max", leaf.high)):
        if value is not None:
            found[name] = int(value) if whole else _rounded(value)
    for name, value in (("mean", leaf.mean), ("std", leaf.std)):
        if value is not None:
            found[name] = _rounded(value)
    for name, value in (("zeros", leaf.zeros), ("non_finite", leaf.non_finite)):
        if value:
            found[name] = _rounded(value)
    if leaf.sharding is not None:
        found["sharding"] = leaf.sharding
    if leaf.weak:
        found["weak"] = True
    return found


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def _calls(signature: CapturedSignature) -> str:
    return f"{signature.calls} call{'s' if signature.calls != 1 else ''}"


def _shown(program: tuple[str, ...]) -> str:
    """The program without its options, whose values may be nobody else's business."""
    words = list(program)
    while words and (Path(words[0]).name.startswith("python") or words[0] in ("-u", "-B")):
        del words[0]
    if words[:1] == ["-m"]:
        words[:2] = [f"-m {words[1]}"] if len(words) > 1 else []
    return " ".join([words[0], *(word for word in words[1:] if "::" in word)]) if words else ""


def _fail(message: str) -> int:
    print(f"jaxsight: {message}", file=sys.stderr)
    return 2
