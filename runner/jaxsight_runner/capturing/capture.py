"""A capture: the user's program with one function watched, and a report that grows while it runs."""

from __future__ import annotations

import ast
import atexit
import builtins
import contextlib
import difflib
import hashlib
import inspect
import json
import os
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import CodeType
from typing import Any, Optional

from jaxsight_runner.capturing import hook, places
from jaxsight_runner.capturing.expressions import Names
from jaxsight_runner.capturing.keeping import keeper
from jaxsight_runner.capturing.program import is_pytest, run_program
from jaxsight_runner.capturing.recorder import Recorder
from jaxsight_runner.capturing.stand_in import stand_in
from jaxsight_runner.environment import describe_environment
from jaxsight_runner.failures import Stop, stop
from jaxsight_runner.protocol import (
    CaptureReport,
    CaptureRequest,
    Environment,
    Message,
    Target,
    encode,
    from_json,
)
from jaxsight_runner.signatures import signature_of


def main(folder: str) -> None:
    """Take the request from the folder, run the program in it, and leave the report there."""
    place = Path(folder)
    asked = place / "request.json"
    request = from_json(CaptureRequest, json.loads(asked.read_text("utf-8")))
    asked.unlink()  # which says that we began, even where nothing can be written
    try:
        capture = _Capture(request, place)
        capture.install()
        try:
            run_program(request.program, capture.path, capture.compiled)
        except Stop:  # it did not begin
            capture.forget()
            raise
    except Stop as end:
        _write(place, end.outcome)
        sys.exit(2)


class _Capture:
    def __init__(self, request: CaptureRequest, folder: Path) -> None:
        self.path = os.path.realpath(request.path)
        self._request = request
        self._folder = folder
        self._text = Path(request.path).read_bytes()
        self._tree = _parsed(self._text, request)
        self._importable = places.once_bound(self._tree)
        found = places.watch(ast.parse(self._text), request.qualname)
        if not found:
            raise _no_such(request, self._tree)
        self._line = found[0].line
        self._places: list[places.Place] = []
        self._loaded = False
        self._environment: Optional[Environment] = None
        self._recorder = Recorder(self._names)
        self._recorder.on_news = self._report
        self._recorder.stop_after = request.stop_after
        self._recorder.end = self._end
        if request.keep_in is not None:
            self._recorder.keep = keeper(Path(request.keep_in), self._recorder.notes)

    def install(self) -> None:
        """Be called by the watchers, and have them put into the file when it is loaded."""
        setattr(builtins, places.CALLED, self._called)
        setattr(builtins, places.WATCHED, self._watched)
        sys.dont_write_bytecode = True  # nobody's cache is to hold a watched file
        hook.transform_file(self.path, self._transform)
        atexit.register(self._report)
        self._report()

    def forget(self) -> None:
        """Report nothing at the end."""
        atexit.unregister(self._report)

    def compiled(self, path: str, source: bytes) -> CodeType:
        """The code of the script that the program is."""
        if os.path.realpath(path) != self.path:
            return compile(source, path, "exec", dont_inherit=True)
        return hook.compile_file(path, source, self._transform)

    def _transform(self, tree: ast.Module) -> None:
        self._loaded = True
        self._places = list(places.watch(tree, self._request.qualname))

    def _called(self, index: int, given: dict[str, Any]) -> None:
        frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
        place = self._places[index]
        seen = _spread(given, place)

        def bind(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
            return _bind(place, None, args, kwargs)

        self._recorder.enter(seen, bind, frame.f_globals, frame.f_back)

    def _watched(self, index: int) -> Any:
        scope = sys._getframe(1).f_globals  # pyright: ignore[reportPrivateUsage]
        place = self._places[index]

        def watched(value: Any) -> Any:
            def tell(
                function: Callable[..., Any],
                args: tuple[Any, ...],
                kwargs: Mapping[str, Any],
                more: tuple[Any, ...],
            ) -> Any:
                def give() -> tuple[Mapping[str, Any], Mapping[str, Any]]:
                    return _bind(place, value, (*more, *args), kwargs), scope

                return self._recorder.call(function, args, kwargs, give)

            return stand_in(value, tell, scope.get("__file__", ""))

        return watched

    def _names(self, scope: Mapping[str, Any]) -> Names:
        return Names({name: scope[name] for name in self._importable if name in scope})

    def _end(self) -> None:
        """Enough was seen: end the program as `sys.exit` would."""
        outcomes: Any = sys.modules.get("_pytest.outcomes")
        if outcomes is not None and is_pytest(self._request.program):
            raise outcomes.Exit("jaxsight capture has seen enough calls", 0)
        if threading.current_thread() is not threading.main_thread():
            import _thread

            _thread.interrupt_main()
        raise SystemExit(0)

    def _report(self) -> None:
        recorder, request = self._recorder, self._request
        if os.getpid() != recorder.process:
            return
        signatures = recorder.report()
        if self._environment is None and _has_devices():
            self._environment = describe_environment()
        digest = hashlib.sha256(self._text).hexdigest()
        target = Target(
            request.path, request.qualname, digest, self._line, "called by your program"
        )
        report = CaptureReport(
            target,
            recorder.calls,
            recorder.looked_at,
            self._loaded or _is_loaded(self.path),
            signatures,
            tuple(recorder.notes),
            self._environment,
        )
        _write(self._folder, report)


def _write(folder: Path, message: Message) -> None:
    """As a whole or not at all; a full disk takes nothing from the user's program."""
    with contextlib.suppress(OSError):
        fresh = folder / "report.new"
        fresh.write_bytes(encode(message, ""))
        fresh.replace(folder / "report.json")


def _has_devices() -> bool:
    """Whether the program made JAX look for its devices; we do not, some programs set them up later."""
    bridge: Any = sys.modules.get("jax._src.xla_bridge")
    initialised: Any = getattr(bridge, "backends_are_initialized", None)
    return initialised is not None and bool(initialised())


def _is_loaded(path: str) -> bool:
    return any(
        os.path.realpath(place) == path
        for module in list(sys.modules.values())
        if isinstance(place := getattr(module, "__file__", None), str)
        and place.endswith(Path(path).name)
    )


def _parsed(text: bytes, request: CaptureRequest) -> ast.Module:
    try:
        return ast.parse(text, request.path)
    except SyntaxError as error:
        where = f"{Path(request.path).name}:{error.lineno}"
        raise stop(
            "syntax", f"{where} is no Python: {error.msg}", request.path, error.lineno
        ) from error
    except ValueError as error:  # NUL bytes
        raise stop("syntax", f"{request.path} is no Python: {error}", request.path) from error


def _no_such(request: CaptureRequest, tree: ast.Module) -> Stop:
    names = places.names(tree)
    near = difflib.get_close_matches(request.qualname, names, n=3, cutoff=0.4)
    last = request.qualname.split(".")[-1]
    near += [name for name in names if name.split(".")[-1] == last and name not in near][:2]
    shown = ", ".join(f"`{name}`" for name in near or list(names)[:5])
    hint = f"; did you mean {shown}?" if near else f"; it defines {shown}" if shown else ""
    return stop("target", f"{Path(request.path).name} has no `{request.qualname}`{hint}")


def _bind(
    place: places.Place, value: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Mapping[str, Any]:
    """The arguments by parameter; raises TypeError or ValueError where they do not fit."""
    signature = place.signature or signature_of(value)
    return _spread(signature.bind(*args, **kwargs).arguments, place, signature)


def _spread(
    given: Mapping[str, Any], place: places.Place, signature: Optional[inspect.Signature] = None
) -> dict[str, Any]:
    """What `**options` holds goes by its names, and what `*rest` holds by that; a class has no `cls`."""
    parameters = (signature or place.signature or inspect.Signature()).parameters
    found: dict[str, Any] = {}
    for name, value in given.items():
        kind = parameters[name].kind if name in parameters else None
        if kind is inspect.Parameter.VAR_KEYWORD:
            found.update(value)
        elif kind is inspect.Parameter.VAR_POSITIONAL:
            found.update({f"*{name}": value} if value else {})
        elif not (name == "cls" and place.in_class and isinstance(value, type)):
            found[name] = value
    return found
