"""Messages survive the way there and back, and what is no message is refused by name."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from jaxsight_runner.protocol import (
    BenchmarkRequest,
    Cost,
    Failure,
    Other,
    Progress,
    ProtocolError,
    Question,
    SourceLine,
    decode,
    encode,
    to_json,
)

REQUEST = BenchmarkRequest("/a.py", "def f(x): ...", "f", input="x: f32[2]")


@pytest.mark.parametrize(
    "message",
    [
        REQUEST,
        replace(REQUEST, other=Other("/a.py", "def f(x): 1", "f", "HEAD", ("a note",))),
        Progress("trace", "tracing"),
        Failure("crash", "it died", phase="execute", line=3),
        Question("import-file", "run it?", (SourceLine(3, "train()"),)),
    ],
)
def test_a_message_comes_back_as_it_was_sent(message: BenchmarkRequest | Progress) -> None:
    assert decode(encode(message, "job")) == (message, "job")


def test_an_unknown_field_is_ignored() -> None:
    data = json.loads(encode(REQUEST, "job"))
    assert decode(json.dumps({**data, "later": 1}).encode())[0] == REQUEST


def test_another_protocol_is_refused_by_its_number() -> None:
    data = json.loads(encode(REQUEST, "job"))
    with pytest.raises(ProtocolError, match="protocol 99, this runner speaks 1"):
        decode(json.dumps({**data, "protocol": 99}).encode())


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"hello", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not an object"),
        (b'{"type": "Dance"}', "unknown message 'Dance'"),
        (b'{"type": "Progress", "phase": "trace"}', "lacks 'message'"),
        (b'{"type": "Progress", "phase": "dream", "message": "x"}', "'dream', not one of"),
        (b'{"type": "Progress", "phase": "trace", "message": 3}', "must be str, not int"),
    ],
)
def test_what_is_no_message_is_refused(line: bytes, words: str) -> None:
    with pytest.raises(ProtocolError, match=words):
        decode(line)


def test_numbers_that_json_cannot_hold_are_null() -> None:
    assert to_json(Cost(math.nan, math.inf)) == {"flops": None, "bytes_accessed": None}
