"""Runs the user's own program as Python would. Its streams, arguments, signals and end are its own."""

from __future__ import annotations

import builtins
import importlib.util
import re
import sys
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import CodeType, ModuleType, TracebackType
from typing import Any, NoReturn, Optional

from jaxsight_runner.failures import stop

_OURS = str(Path(__file__).resolve().parent.parent)
_PYTHON = re.compile(r"python[\d.]*(\.exe)?$")
_TESTS = re.compile(r"(test_.*|.*_test|conftest)\.py$")

Compile = Callable[[str, bytes], CodeType]


def run_program(words: tuple[str, ...], watched: str, compile_script: Compile) -> NoReturn:
    """Run it to its end: `-m MODULE ...`, `SCRIPT ...` or the name of an installed command."""
    words = _without_python(words)
    if not words:
        raise stop("target", "no program is named: write its script behind `--`")
    if words == ("-m",):
        raise stop("target", "`-m` wants the name of a module")
    if words[0] == "-m":
        _run_as_python_does(lambda: _run_module(words[1:], watched))
    if Path(words[0]).is_file():
        _run_as_python_does(lambda: _run_script(words, compile_script))
    command = _command(words[0])
    if command is None:
        raise stop(
            "target",
            f"`{words[0]}` is no file here, and no command that {sys.executable} has installed; "
            "write a script, `-m MODULE` or `pytest ...`",
        )
    _run_as_python_does(lambda: _run_command(command, words, watched))


def is_pytest(words: tuple[str, ...]) -> bool:
    """Whether pytest is what runs."""
    words = _without_python(words)
    return bool(words) and (words[0] in ("pytest", "py.test") or words[:2] == ("-m", "pytest"))


def _without_python(words: tuple[str, ...]) -> tuple[str, ...]:
    """`python -u train.py` is the same as `train.py`: the Python is ours already."""
    if not words or not _PYTHON.match(Path(words[0]).name) or Path(words[0]).is_dir():
        return words
    rest = list(words[1:])
    while rest and rest[0] in ("-u", "-B"):
        del rest[0]
    if rest and rest[0].startswith("-") and rest[0] != "-m":
        raise stop(
            "target",
            f"`{words[0]} {rest[0]}` cannot be watched: write the script or `-m MODULE` behind `--`",
        )
    return tuple(rest)


def _run_as_python_does(program: Callable[[], None]) -> NoReturn:
    """To its end: what it raises is shown by its own hook, without our frames."""
    try:
        program()
    except SystemExit:
        raise
    except BaseException as error:
        sys.excepthook(type(error), error, _without_ours(error))
        sys.exit(130 if isinstance(error, KeyboardInterrupt) else 1)
    sys.exit(0)


def _without_ours(error: BaseException) -> Optional[TracebackType]:
    """Unlink our frames from the tracebacks of an error and its causes."""
    seen: set[int] = set()
    pending: list[Optional[BaseException]] = [error]
    while pending:
        one = pending.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        one.__traceback__ = _unlinked(one.__traceback__)
        pending += [one.__cause__, one.__context__]
    return error.__traceback__


def _unlinked(trace: Optional[TracebackType]) -> Optional[TracebackType]:
    while trace is not None and _is_ours(trace):
        trace = trace.tb_next
    current = trace
    while current is not None and current.tb_next is not None:
        if _is_ours(current.tb_next):
            current.tb_next = current.tb_next.tb_next
        else:
            current = current.tb_next
    return trace


def _is_ours(trace: TracebackType) -> bool:
    return trace.tb_frame.f_code.co_filename.startswith(_OURS)


def _run_script(words: tuple[str, ...], compile_script: Compile) -> None:
    path = str(Path(words[0]).absolute())
    main = _new_main(path)
    main.__loader__ = SourceFileLoader("__main__", path)
    sys.argv = list(words)
    _first_on_path(str(Path(path).resolve().parent))
    exec(compile_script(path, Path(path).read_bytes()), vars(main))


def _run_module(words: tuple[str, ...], watched: str) -> None:
    sys.argv = ["-m", *words[1:]]
    _first_on_path(str(Path.cwd()))
    name = words[0]
    spec = importlib.util.find_spec(name)
    if spec is not None and spec.submodule_search_locations is not None:
        spec = importlib.util.find_spec(f"{name}.__main__")
    get_code: Any = getattr(spec.loader, "get_code", None) if spec is not None else None
    if spec is None or get_code is None:
        raise ImportError(f"No module named {name}, or none that can be run")
    main = _new_main(spec.origin)
    main.__spec__, main.__loader__, main.__package__ = spec, spec.loader, spec.parent
    sys.argv[0] = spec.origin or name
    if name == "pytest":
        _keep_tests_plain(watched)
    exec(get_code(spec.name), vars(main))


def _run_command(command: EntryPoint, words: tuple[str, ...], watched: str) -> None:
    _new_main(None)
    script = Path(sys.executable).with_name(words[0])
    sys.argv = [str(script) if script.exists() else words[0], *words[1:]]
    if is_pytest(words):
        _keep_tests_plain(watched)
    sys.exit(command.load()())


def _command(name: str) -> Optional[EntryPoint]:
    return next((one for one in entry_points(group="console_scripts") if one.name == name), None)


def _keep_tests_plain(watched: str) -> None:
    """pytest compiles files of tests in its own way, and would keep what it compiled."""
    name = Path(watched).name
    if _TESTS.match(name) or any(name in word for word in sys.argv[1:]):
        sys.argv.insert(1, "--assert=plain")


def _new_main(path: Optional[str]) -> ModuleType:
    main = ModuleType("__main__")
    main.__builtins__ = builtins  # type: ignore[attr-defined]
    main.__dict__.update(__file__=path, __cached__=None, __package__=None)
    if path is None:
        del main.__file__
    sys.modules["__main__"] = main
    return main


def _first_on_path(folder: str) -> None:
    if not getattr(sys.flags, "safe_path", False):
        sys.path.insert(0, folder)
