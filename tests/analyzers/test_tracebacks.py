"""Tracebacks in the forms in which people have them."""

from __future__ import annotations

import pytest

from jaxsight_analyzers.tracebacks import Frame, Raised, read

MESSAGE = "Attempted boolean conversion of traced array with shape bool[]."
DETAILS = "The error occurred while tracing the function step at /home/me/train.py:11 for jit."

FILTERED = f"""\
Traceback (most recent call last):
  File "/home/me/train.py", line 17, in <module>
    step(jnp.float32(1.0))
  File "/home/me/train.py", line 6, in clip
    if x > 0:
       ^^^^^
jax.errors.TracerBoolConversionError: {MESSAGE}
{DETAILS}
--------------------
For simplicity, JAX has removed its internal frames from the traceback of the following exception. Set JAX_TRACEBACK_FILTERING=off to include these.
"""

UNFILTERED = f"""\
Traceback (most recent call last):
  File "/home/me/train.py", line 17, in <module>
    step(jnp.float32(1.0))
  File "/venv/lib/python3.11/site-packages/jax/_src/pjit.py", line 257, in cache_miss
    p, args_flat = _infer_params(fun, jit_info, args, kwargs)
                   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/home/me/train.py", line 6, in clip
    if x > 0:
  File "/venv/lib/python3.11/site-packages/jax/_src/core.py", line 1961, in error
    raise TracerBoolConversionError(arg)
jax._src.traceback_util.UnfilteredStackTrace: jax.errors.TracerBoolConversionError: {MESSAGE}

The stack trace below excludes JAX-internal frames.
The preceding is the original exception that occurred, unmodified.

--------------------

The above exception was the direct cause of the following exception:

{FILTERED}"""

IPYTHON = f"""\
\x1b[31m---------------------------------------------------------------------------\x1b[39m
\x1b[31mTracerBoolConversionError\x1b[39m                 Traceback (most recent call last)
\x1b[36mCell\x1b[39m\x1b[36m \x1b[39m\x1b[32mIn[3]\x1b[39m\x1b[32m, line 9\x1b[39m
\x1b[32m      6\x1b[39m         \x1b[38;5;28;01mreturn\x1b[39;00m x
\x1b[32m----> 9\x1b[39m step(\x1b[32m1.0\x1b[39m)

File \x1b[32m/home/me/train.py:6\x1b[39m, in \x1b[36mclip\x1b[39m\x1b[34m(x)\x1b[39m
\x1b[32m      5\x1b[39m \x1b[38;5;28;01mdef\x1b[39;00m clip(x):
\x1b[32m----> 6\x1b[39m     if x > 0:
\x1b[32m      7\x1b[39m         return x

\x1b[31mTracerBoolConversionError\x1b[39m: {MESSAGE}
{DETAILS}
"""

OLD_IPYTHON = f"""\
---------------------------------------------------------------------------
TracerBoolConversionError                 Traceback (most recent call last)
<ipython-input-3-0f2c> in <module>
      8
----> 9 step(1.0)

/home/me/train.py in clip(x)
      5 def clip(x):
----> 6     if x > 0:
      7         return x

TracerBoolConversionError: {MESSAGE}
"""

PYTEST = f"""\
=================================== FAILURES ===================================
__________________________________ test_step ___________________________________

    def test_step():
>       step(jnp.float32(1.0))

test_train.py:4:
_ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _
/home/me/train.py:13: in step
    return clip(x) + 1
           ^^^^^^^
_ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _

x = JitTracer(float32[])

    def clip(x):
>       if x > 0:
           ^^^^^
E       jax.errors.TracerBoolConversionError: {MESSAGE}
E       {DETAILS}

/home/me/train.py:6: TracerBoolConversionError
=========================== short test summary info ============================
FAILED test_train.py::test_step - jax.errors.TracerBoolConversionError: Attem...
"""

PYTEST_SHORT = f"""\
__________________________________ test_step ___________________________________
test_train.py:4: in test_step
    step(jnp.float32(1.0))
/home/me/train.py:6: in clip
    if x > 0:
       ^^^^^
E   jax.errors.TracerBoolConversionError: {MESSAGE}
=========================== short test summary info ============================
"""

IN_A_LOG = "".join(
    f"2026-01-0{number % 9 + 1} 10:00:{number:02} [rank3]: {line}\n"
    for number, line in enumerate(FILTERED.splitlines())
)


@pytest.mark.parametrize(
    "text", [FILTERED, UNFILTERED, IPYTHON, OLD_IPYTHON, PYTEST, PYTEST_SHORT, IN_A_LOG]
)
def test_the_error_and_the_line_of_the_user_are_read(text: str) -> None:
    (chain,) = read(text)

    assert chain[-1].kind == "TracerBoolConversionError"
    assert chain[-1].message.splitlines()[0] == MESSAGE
    assert chain[-1].places[0][:2] == ("/home/me/train.py", 6)
    assert chain[-1].places[0].code == "if x > 0:"
    assert len(chain[-1].places) >= 2


def test_cells_of_notebooks_are_the_users_code() -> None:
    for text, cell in ((IPYTHON, "In[3]"), (OLD_IPYTHON, "<ipython-input-3-0f2c>")):
        assert read(text)[0][0].places[1][:2] == (cell, 9)


def test_what_jax_wraps_is_read_as_what_it_is() -> None:
    (chain,) = read(UNFILTERED)

    assert [raised.kind for raised in chain] == ["TracerBoolConversionError"] * 2
    assert [frame.line for frame in chain[0].places] == [6, 17]


def test_exceptions_that_led_to_one_another_are_a_chain_and_others_are_not() -> None:
    first = 'Traceback (most recent call last):\n  File "a.py", line 1, in f\n    x\nKeyError: 1\n'
    handling = "\nDuring handling of the above exception, another exception occurred:\n\n"
    second = first.replace("KeyError: 1", "ValueError")

    assert [[one.kind for one in chain] for chain in read(first + handling + second)] == [
        ["KeyError", "ValueError"]
    ]
    assert [[one.kind for one in chain] for chain in read(first + second)] == [
        ["KeyError"],
        ["ValueError"],
    ]


def test_places_that_a_message_names_come_after_the_frames() -> None:
    raised = Raised(
        "UnexpectedTracerError",
        "The leaked intermediate value was created on line /home/me/leak.py:5:8 (f).",
        (
            Frame("/home/me/leak.py", 9, "<module>", "print(seen[0] + 1)"),
            Frame("/venv/lib/python3.11/site-packages/jax/_src/numpy/ufunc_api.py", 182, "", ""),
        ),
    )

    assert [(place.line, place.function) for place in raised.places] == [(9, "<module>"), (5, "f")]


def test_a_warning_has_a_place_too() -> None:
    text = "/home/me/a.py:3: DeprecationWarning: jax.foo is deprecated\n  from jax import foo\n"

    ((raised,),) = read(text)

    assert raised == Raised(
        "DeprecationWarning", "jax.foo is deprecated", (Frame("/home/me/a.py", 3, "", ""),)
    )


@pytest.mark.parametrize("text", ["", "all is well\n", "Error: no\n", 'File "a.py", line 1\n'])
def test_where_there_is_none_there_is_none(text: str) -> None:
    assert read(text) == []
