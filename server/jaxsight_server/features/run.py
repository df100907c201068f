"""`jaxsight/run`: a function of the user's, run by a runner in the user's Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcInvalidParams

from jaxsight_analyzers.config import RunnerConfig
from jaxsight_runner.protocol import (
    BenchmarkRequest,
    DiagnosisRequest,
    EnvironmentReport,
    Failure,
    GradientsRequest,
    InspectionOptions,
    InspectionRequest,
    Log,
    Outcome,
    Progress,
    Question,
    ShapesReport,
    ShapesRequest,
    ShardingRequest,
    TargetRequest,
    cells_in,
    to_json,
)
from jaxsight_server.interpreters import find_interpreter
from jaxsight_server.jobs import LastResult
from jaxsight_server.module import Module
from jaxsight_server.outcome_words import words
from jaxsight_server.runner_client import RunnerClient
from jaxsight_server.running.notebooks import told_by_cell
from jaxsight_server.schedule import SupersededError

if TYPE_CHECKING:
    from jaxsight_server.server import Server

RUN = "jaxsight/run"
RUN_LOG = "jaxsight/runLog"

TITLES = {
    "benchmark": "Benchmark",
    "gradients": "Check gradients",
    "inspection": "Inspect",
    "shapes": "Show shapes",
    "sharding": "Show sharding",
    "diagnosis": "Diagnose",
}
_REQUESTS: Mapping[str, type[TargetRequest]] = {
    "benchmark": BenchmarkRequest,
    "gradients": GradientsRequest,
    "inspection": InspectionRequest,
    "shapes": ShapesRequest,
    "sharding": ShardingRequest,
    "diagnosis": DiagnosisRequest,
}
_UNTRUSTED = Failure(
    "untrusted",
    "this workspace is not trusted, so nothing of it is run; trust it first",
)


@dataclass(frozen=True, slots=True)
class RunParams:
    """What the client asks to run."""

    kind: str  # of `TITLES`
    uri: str
    target: str  # qualified name
    input: str | None = None
    import_file: bool = False
    interpreter: Path | None = None
    token: str | int | None = None


async def run(server: Server, params: object) -> dict[str, object]:
    """Run a function, showing progress under the client's token; cancelled like any request."""
    wanted = parse(params)
    with server.jobs.following(wanted.token):
        begin(server, wanted.token, f"{TITLES[wanted.kind]} `{wanted.target}`")
        try:
            outcome = await perform(server, wanted, _reporter(server, wanted.token))
        finally:
            end(server, wanted.token)
    return answer(outcome)


def progress_cancel(server: Server, params: lsp.WorkDoneProgressCancelParams) -> None:
    """Cancel the run whose progress the user is looking at."""
    server.jobs.cancel(params.token)


async def perform(
    server: Server, wanted: RunParams, on_progress: Callable[[Progress], None]
) -> Outcome:
    """Run what was asked for, on the text as it is now."""
    prepared = await _prepared(server, wanted)
    if isinstance(prepared, Failure):
        return prepared
    request = prepared.request

    def on_log(log: Log) -> None:
        server.protocol.notify(RUN_LOG, {"stream": log.stream, "text": log.text})

    runner = prepared.runner
    outcome = await RunnerClient(server.zygotes).run(
        request,
        interpreter=prepared.interpreter,
        cwd=prepared.directory,
        env=runner.env,
        timeout=runner.timeout,
        memory_limit=runner.memory_limit,
        on_progress=on_progress,
        on_log=on_log,
    )
    outcome = told_by_cell(outcome, cells_in(request.path, request.text), request.path)
    _remember(server, wanted, outcome)
    return outcome


def _remember(server: Server, wanted: RunParams, outcome: Outcome) -> None:
    """Keep what a run found where lenses and hints look for it."""
    if isinstance(outcome, (Failure, Question, EnvironmentReport)):
        return
    result = LastResult(words(outcome), outcome.target.hash)
    server.jobs.remember(wanted.uri, wanted.target, wanted.kind, result)
    if isinstance(outcome, ShapesReport):
        server.jobs.remember_shapes(wanted.uri, wanted.target, outcome)
        if server.client.refreshes_hints:
            server.spawn("refresh", server.workspace_inlay_hint_refresh_async(None))
    if server.client.refreshes_lenses:
        server.spawn("refresh", server.workspace_code_lens_refresh_async(None))


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A run that only needs to be started."""

    request: TargetRequest
    interpreter: Path
    directory: Path
    runner: RunnerConfig


async def _prepared(server: Server, wanted: RunParams) -> _Prepared | Failure:
    while True:
        snapshot = server.session.snapshot(wanted.uri)
        if snapshot is None:
            return Failure("target", f"`{wanted.uri}` is not open in the editor")
        if not snapshot.settings.trusted:
            return _UNTRUSTED
        try:
            return await server.schedule.run(_prepare, snapshot, wanted)
        except SupersededError:
            continue  # what is run is what is seen


def _prepare(module: Module, wanted: RunParams) -> _Prepared | Failure:
    snapshot, config = module.snapshot, module.project.config
    path = Path(snapshot.path)
    file = module.project.file
    folder = snapshot.folder.path if snapshot.folder else None
    root = file.path.parent if file else folder or path.parent
    interpreter = _interpreter(module, wanted)
    if interpreter is None:
        message = "there is no Python to run this with: choose an interpreter, or make a `.venv`"
        return Failure("start", message)
    request = _REQUESTS[wanted.kind](
        path=str(path),
        text=snapshot.runnable,
        qualname=wanted.target,
        input=wanted.input,
        import_file=wanted.import_file,
        root=str(root),
    )
    if isinstance(request, InspectionRequest):
        request = replace(request, options=InspectionOptions(programs=True))
    directory = folder or root
    return _Prepared(
        request, interpreter, directory if directory.is_dir() else Path.cwd(), config.runner
    )


def _interpreter(module: Module, wanted: RunParams) -> Path | None:
    """The Python to run with: what the request says, else the editor, else the project."""
    config = module.project.config
    explicit = wanted.interpreter or module.snapshot.settings.interpreter
    configured = config.runner.interpreter
    found = find_interpreter(
        Path(module.snapshot.path),
        explicit=str(explicit) if explicit else None,
        configured=config.resolved(configured) if configured else None,
    )
    return found.path if found else None


def parse(params: object) -> RunParams:
    """The parameters of a run. Raises `JsonRpcInvalidParams` where they make no sense."""
    if not isinstance(params, Mapping):
        raise JsonRpcInvalidParams(f"`{RUN}` takes an object")
    table = cast("Mapping[str, Any]", params)
    kind, uri, target = (_text(table, key) for key in ("kind", "uri", "target"))
    if kind not in TITLES:
        raise JsonRpcInvalidParams(f"`kind` is `{kind}`; there are {', '.join(TITLES)}")
    interpreter, token = table.get("interpreter"), table.get("workDoneToken")
    return RunParams(
        kind,
        uri,
        target,
        input=_text(table, "input") if table.get("input") is not None else None,
        import_file=table.get("importFile") is True,
        interpreter=Path(interpreter).expanduser() if isinstance(interpreter, str) else None,
        token=token if isinstance(token, (str, int)) else None,
    )


def _text(table: Mapping[str, Any], key: str) -> str:
    value = table.get(key)
    if not isinstance(value, str):
        raise JsonRpcInvalidParams(f"`{key}` must be a string")
    return value


def answer(outcome: Outcome) -> dict[str, object]:
    """What came of a run, as the client gets it."""
    if isinstance(outcome, Question):
        return {"status": "question", "question": to_json(outcome)}
    if isinstance(outcome, Failure):
        return {"status": "failed", "failure": to_json(outcome)}
    return {"status": "done", "report": to_json(outcome)}


# -- progress: pygls keeps every token for ever, so tokens are ours


def begin(server: Server, token: str | int | None, title: str) -> None:
    """Show that something runs."""
    if token is not None:
        value = lsp.WorkDoneProgressBegin(title, cancellable=True)
        server.progress(lsp.ProgressParams(token, value))


def end(server: Server, token: str | int | None) -> None:
    """Show that it runs no more."""
    if token is not None:
        server.progress(lsp.ProgressParams(token, lsp.WorkDoneProgressEnd()))


def _reporter(server: Server, token: str | int | None) -> Callable[[Progress], None]:
    def report(progress: Progress) -> None:
        if token is not None:
            value = lsp.WorkDoneProgressReport(message=f"{progress.phase}: {progress.message}")
            server.progress(lsp.ProgressParams(token, value))

    return report


reporter = _reporter
