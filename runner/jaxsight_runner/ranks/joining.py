"""Joins the processes of one program through `jax.distributed`, whatever this JAX calls it."""

from __future__ import annotations

import contextlib
import inspect
import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from jaxsight_runner.ranks.assignment import Rank

_PATIENCE = 60  # seconds that a process waits for the others


def join(rank: Rank) -> None:
    """Find the others, before the user's module is imported and before a backend starts."""
    jax = import_module("jax")
    _talk_on_cpu(jax)
    initialize = jax.distributed.initialize
    known = inspect.signature(initialize).parameters
    arguments: dict[str, Any] = {"initialization_timeout": _PATIENCE}
    if rank.coordinator is not None:
        arguments["coordinator_address"] = rank.coordinator
        arguments["num_processes"] = rank.count
        arguments["process_id"] = rank.number
        # else a launcher's variables are asked after all, and may say something else
        arguments["cluster_detection_method"] = "deactivate"
        if _one_each(rank, os.environ):
            arguments["local_device_ids"] = [rank.number]
        if rank.number == 0 and rank.coordinator.startswith("127.0.0.1:"):
            arguments["coordinator_bind_address"] = rank.coordinator
    elif rank.method is not None:
        arguments["cluster_detection_method"] = rank.method
    given = {name: value for name, value in arguments.items() if name in known}
    try:
        initialize(**given)
    except AttributeError:  # JAX 0.4.34 to 0.5 look for a cluster of that name
        given.pop("cluster_detection_method", None)
        initialize(**given)
    jax.distributed.initialize = _again


def _one_each(rank: Rank, environment: Mapping[str, str]) -> bool:
    """Whether processes of one host have to share its accelerators out: each takes one, as under JAX's own launchers.

    Not where the user says which, or the launcher shows each process its own. CPUs are not shared out by this.
    """
    shown = environment.get("CUDA_VISIBLE_DEVICES", environment.get("HIP_VISIBLE_DEVICES"))
    is_local = (rank.coordinator or "").startswith("127.0.0.1:")
    is_chosen = "JAX_LOCAL_DEVICE_IDS" in environment or (shown is not None and "," not in shown)
    return is_local and not is_chosen


def _again(*_arguments: object, **_named: object) -> None:
    """What a program that calls `jax.distributed.initialize` itself gets: it is done."""


def _talk_on_cpu(jax: Any) -> None:
    """CPUs of several processes need a way to talk, which older releases do not choose themselves."""
    name = "jax_cpu_collectives_implementation"
    wanted = os.environ.get(name.upper(), "gloo")
    with contextlib.suppress(AttributeError, ValueError):  # releases that have no such setting
        jax.config.update(name, wanted)
