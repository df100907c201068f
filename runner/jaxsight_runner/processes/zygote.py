"""A Python that has imported JAX and waits: each job is a copy of it, and starts where it stands.

It never runs a line of the user's, has one thread and no backend: that is looked at before each copy,
since copies of anything else deadlock. What it imported has to be what is on the disk still. Where
any of that does not hold it says so and ends, and the job is started in a Python of its own.

It is given one JSON object per line on standard input, and answers in the same way:

    {"job": "1a2b", "memory": 0, "cwd": "/home/me", "client": 4711, "pipes": [7, 8, 9],
     "modules": ["optax"], "folders": ["/home/me/project"], "environ": {}}
    {"forked": 4712}, later {"ended": 4712, "status": -11}
    {"refused": "stale", "why": "jax/__init__.py has changed"}: another one will do it
    {"refused": "unfit", "why": "..."}: no zygote will do it
    {"refused": "project", "why": "..."}: it does not for this project, and waits for others
    {"refused": "busy", "why": "..."}: it has a job

`pipes` are descriptors of the client, which become the job's standard input, output and error; they
are opened through /proc, so that no socket is needed. `environ` are variables that nothing reads
before the job does. When standard input ends, so do the zygote and its job.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import select
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn, Optional

from jaxsight_runner.loading.uncollected import uncollected
from jaxsight_runner.processes.blas import give_threads_back, one_thread
from jaxsight_runner.processes.imported import Imported, found_in
from jaxsight_runner.processes.keeper import Bell, status_of
from jaxsight_runner.processes.linux import adopt_orphans, can_fork, end_descendants, thread_count
from jaxsight_runner.protocol import NOT_FRESH

PRELOADED = ("jax", "jax.numpy")
_SOON = ("numpy.random", "jaxlib.mlir.dialects.builtin", "jaxlib.mlir.dialects.mhlo")
"""What every job imports before it calls a function for the first time."""

MAY_BE_PRELOADED = frozenset(
    {"chex", "einops", "equinox", "flax", "flax.linen", "flax.nnx", "jaxtyping", "numpyro", "optax"}
)
"""What a file imports may be imported before it: none of these starts a thread or a backend."""

# What the libraries read when they are imported: a program that sets one expects it to be heard.
_READ_AT_IMPORT = tuple(
    os.fsencode(f"{prefix}_")
    for prefix in (
        *("JAX", "FLAX", "EQX", "NUMPYRO", "NPY", "NUMPY"),
        *("OMP", "OPENBLAS", "GOTO", "MKL", "BLIS", "TF"),
    )
)

Job = Callable[[str, int], int]  # its id and its limit of memory -> its exit code


class _Refusal(Exception):  # noqa: N818 - an answer
    """Why no copy is made; and whether another zygote would make it."""

    def __init__(self, why: str, kind: str = "unfit") -> None:
        super().__init__(why)
        self.kind = kind


def serve(run_job: Job, ours: Sequence[str]) -> int:
    """Make copies until nobody asks any more. `ours`: modules of this package that jobs need."""
    if not can_fork():
        _answer(refused="unfit", why=f"this process has {thread_count()} threads")
        return 1
    os._exit(_Zygote(run_job, ours).serve())  # what was imported need not be taken down


class _Zygote:
    """One process, and at most one job below it."""

    def __init__(self, run_job: Job, ours: Sequence[str]) -> None:
        self._run_job = run_job
        self._ours = ours
        self._bell = Bell()
        self._buffer = b""
        self._pid: Optional[int] = None
        self._tried: set[str] = set()
        self._imported = Imported()
        adopt_orphans()

    def serve(self) -> int:
        """Until standard input ends, or it is of no use any more; the exit code."""
        poll = select.poll()
        poll.register(0, select.POLLIN)
        poll.register(self._bell.descriptor, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in poll.poll()}
            self._bell.silence()
            self._tell_end()
            if 0 in ready and not self._read():
                if self._pid is not None:
                    end_descendants(self._pid)
                return 0

    def _tell_end(self) -> None:
        if self._pid is None:
            return
        status = status_of(self._pid)
        if status is not None:
            end_descendants(self._pid)
            _answer(ended=self._pid, status=status)
            self._pid = None

    def _read(self) -> bool:
        """Take what came; False: nothing will come any more."""
        chunk = os.read(0, 1 << 16)
        *lines, self._buffer = (self._buffer + chunk).split(b"\n")
        for line in lines:
            try:
                self._fork(json.loads(line))
            except _Refusal as refusal:
                _answer(refused=refusal.kind, why=str(refusal))
                if refusal.kind in ("stale", "unfit"):
                    return False
        return bool(chunk)

    def _fork(self, order: Mapping[str, Any]) -> None:
        if self._pid is not None:
            raise _Refusal("it has a job", "busy")
        self._import(order)
        self._assert_safe()
        client = order["client"]
        flags = (os.O_RDONLY, os.O_WRONLY, os.O_WRONLY)
        try:
            pipes = [
                os.open(f"/proc/{client}/fd/{number}", flag)
                for number, flag in zip(order["pipes"], flags)
            ]
        except OSError as error:
            raise _Refusal(f"the client's pipes cannot be opened: {error}") from error
        self._pid = os.fork()
        if self._pid == 0:
            self._become_job(order, pipes)
        for descriptor in pipes:
            os.close(descriptor)
        _answer(forked=self._pid)

    def _import(self, order: Mapping[str, Any]) -> None:
        changed = self._imported.changed()
        if changed:
            raise _Refusal(f"{changed} has changed since it was imported", "stale")
        folders = order["folders"]
        wanted = [*PRELOADED, *_SOON, *self._ours]
        wanted += sorted(MAY_BE_PRELOADED.intersection(order["modules"]) - found_in(folders))
        missing = [name for name in wanted if name not in self._tried]
        if missing:
            with one_thread(), uncollected():
                _import_all(missing)
            self._tried.update(missing)
            self._imported.note()
        hidden = self._imported.hidden_by(folders)
        if hidden:
            raise _Refusal(f"the project has a `{hidden}` of its own", "project")

    def _assert_safe(self) -> None:
        count = thread_count()
        if count != 1:
            raise _Refusal(f"importing what the file imports left {count} threads")
        if has_backend():
            raise _Refusal("importing what the file imports initialised a backend of JAX")

    def _become_job(self, order: Mapping[str, Any], pipes: Iterable[int]) -> NoReturn:
        """The copy's first steps. Whatever happens, it never returns to the loop."""
        try:
            os.setsid()
            self._bell.remove()
            for number, descriptor in enumerate(pipes):
                os.dup2(descriptor, number)
                os.close(descriptor)
            os.chdir(order["cwd"])
            os.environ.update(order["environ"])
            _be_fresh()
            code = self._run_job(order["job"], order["memory"])
        except BaseException:
            os._exit(NOT_FRESH)
        os._exit(code)


def _import_all(names: Iterable[str]) -> None:
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:  # it is not there, or damaged: then the job says so, and better
            if name in PRELOADED or name.startswith("jaxsight_runner"):
                raise _Refusal(f"`{name}` cannot be imported: {error}") from error


def has_backend() -> bool:
    """Whether JAX has started a backend in this process."""
    bridge = sys.modules.get("jax._src.xla_bridge")
    if bridge is None:
        return False
    asked = getattr(bridge, "backends_are_initialized", None)
    return bool(asked()) if callable(asked) else bool(getattr(bridge, "_backends", True))


def _be_fresh() -> None:
    """Undo what a copy shares with its siblings and a new process would not."""
    importlib.invalidate_caches()
    give_threads_back()
    random = sys.modules.get("numpy.random")
    if random is not None:
        random.seed()
    _watch_environment()


def _watch_environment() -> None:
    """End when the program sets a variable that was read before it: a Python of its own runs it then."""
    for name in ("putenv", "unsetenv"):
        setattr(os, name, _watching(getattr(os, name)))


def _watching(change: Callable[..., None]) -> Callable[..., None]:
    def watched(name: Any, *value: Any) -> None:
        if os.fsencode(name).startswith(_READ_AT_IMPORT):
            os._exit(NOT_FRESH)
        change(name, *value)

    return watched


def _answer(**words: object) -> None:
    with contextlib.suppress(BrokenPipeError):
        os.write(1, json.dumps(words).encode("ascii") + b"\n")
