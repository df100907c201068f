"""Asks for several CPU devices after JAX was used, which does nothing.

## Why is this bad?

`numpyro.set_host_device_count(n)` sets a variable of the environment that JAX reads once: when the first array or key is made, or the devices
are asked for. After that it does nothing, without a word. `jax.local_device_count()` stays 1, and chains that should run in parallel are drawn one after another.

## Fix safety

Unsafe: the call moves to before the statement that uses JAX. With more devices chains and `pmap` run in another way.

## Limits

Only what surely uses JAX counts: arrays and keys that are made, and devices that are asked for, in the module's own code or earlier in
the same function. Imports of NumPyro and JAX do not use them.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxsight_analyzers.diagnostic import Finding, Fix, FixRef, Related, Severity
from jaxsight_analyzers.fixes import early_settings
from jaxsight_analyzers.rule import Example, Rule
from jaxsight_analyzers.semantic import Unit
from jaxsight_analyzers.semantic.streams import Call

_ASKING = (
    "device_count",
    "local_device_count",
    "devices",
    "local_devices",
    "default_backend",
    "device_put",
)


def check(unit: Unit) -> Iterator[Finding]:
    for number, call in unit.calls_of(
        ("numpyro.set_host_device_count", "numpyro.util.set_host_device_count")
    ):
        use = early_settings.earliest(unit, call, _starts)
        if use is None:
            continue
        title = "Ask for them before JAX is used"
        yield Finding(
            span=call.span,
            message=f"`{call.name}` does nothing after `{use.name}` has started JAX: the number of devices stays as it is",
            related=(Related(use.span, "this starts JAX"),),
            fixes=early_settings.offered(unit, call, use, "ask-before", title, number),
        )


def _starts(call: Call) -> bool:
    """Whether a call makes an array or a key, or asks for the devices."""
    if call.facts is None or call.frame_is_traced or call.guarded:
        return False
    if call.qualified.startswith("jax.") and call.qualified[len("jax.") :] in _ASKING:
        return True
    made = call.facts.returns in ("array", "key", "keys") and call.facts.specific
    return made and call.canonical.startswith(("jax.numpy.", "jax.random."))


def fix(unit: Unit, reference: FixRef) -> Fix | None:
    call = unit.calls[reference.data]
    use = early_settings.earliest(unit, call, _starts)
    moved = None if use is None else early_settings.moved_before(unit, call, use)
    return None if moved is None else Fix(reference.title, moved, reference.applicability)


RULE = Rule(
    name="host-device-count-too-late",
    severity=Severity.WARNING,
    since="0.1.0",
    check=check,
    fix=fix,
    examples=(
        Example(
            """
            import jax
            import numpyro

            key = jax.random.key(0)
            numpyro.set_host_device_count(4)  # error: [host-device-count-too-late]
            count = jax.local_device_count()
            """,
            fixed="""
            import jax
            import numpyro

            numpyro.set_host_device_count(4)
            key = jax.random.key(0)
            count = jax.local_device_count()
            """,
        ),
        Example(
            """
            import jax
            import numpyro

            numpyro.set_host_device_count(4)
            key = jax.random.key(0)
            """
        ),
    ),
)
