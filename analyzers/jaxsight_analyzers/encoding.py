"""Bytes of a Python file to text and back, keeping its encoding, byte-order mark and line ends."""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple

# As text: compiled on first use, since most files have no such comment.
_COOKIE = rb"[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)"
_BLANK = rb"[ \t\f]*(?:#[^\r\n]*)?\r?\n?"


class Decoded(NamedTuple):
    """A file's text, and what it takes to write it back."""

    text: str
    encoding: str
    mark: bytes = b""

    def encode(self, text: str) -> bytes:
        """Another text in the same encoding. Raises `UnicodeEncodeError` where it cannot hold it."""
        return self.mark + text.encode(self.encoding)


class DecodingError(ValueError):
    """The bytes are not text in the encoding that the file claims. Says so in a sentence."""


def decode(data: bytes) -> Decoded:
    """Read bytes as Python does: a byte-order mark, else a coding comment, else UTF-8."""
    mark = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    body = data[len(mark) :]
    encoding = "utf-8" if mark else _declared(body)
    try:
        return Decoded(body.decode(encoding), encoding, mark)
    except LookupError:
        raise DecodingError(f"unknown encoding `{encoding}` in its coding comment") from None
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        message = f"is not {encoding} text: byte 0x{body[error.start]:02x} on line {line}"
        if encoding == "utf-8":
            message += (
                "; save it as UTF-8 or declare its encoding in a `# -*- coding: ... -*-` line"
            )
        raise DecodingError(message) from None
    except UnicodeError as error:  # codecs that refuse for reasons of their own
        raise DecodingError(f"is not {encoding} text: {error}") from None


def _declared(data: bytes) -> str:
    """The encoding in a comment on one of the first two lines."""
    first, _, rest = data.partition(b"\n")
    second = rest.partition(b"\n")[0]
    if b"coding" not in first and b"coding" not in second:
        return "utf-8"
    match = re.match(_COOKIE, first)
    if match is None and re.fullmatch(_BLANK, first):
        match = re.match(_COOKIE, second)
    return match[1].decode("ascii") if match else "utf-8"
