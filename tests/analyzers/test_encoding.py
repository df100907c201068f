"""Bytes to text and back, as Python reads its files."""

from __future__ import annotations

import pytest

from jaxsight_analyzers.encoding import DecodingError, decode


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"x = 1\r\ny = 2\r", "x = 1\r\ny = 2\r"),
        ("é = 1\n".encode(), "é = 1\n"),
        (b"\xef\xbb\xbfx = 1\n", "x = 1\n"),
        (b"# coding: latin-1\nx = '\xe9'\n", "# coding: latin-1\nx = 'é'\n"),
        (
            b"#!/usr/bin/python\n# -*- coding: cp1252 -*-\nx = '\x80'\n",
            "#!/usr/bin/python\n# -*- coding: cp1252 -*-\nx = '€'\n",
        ),
        (b"", ""),
    ],
)
def test_a_file_is_written_back_as_it_was(data: bytes, text: str) -> None:
    decoded = decode(data)

    assert decoded.text == text
    assert decoded.encode(decoded.text) == data


def test_a_coding_comment_after_code_is_none() -> None:
    with pytest.raises(DecodingError, match=r"is not utf-8 text: byte 0xe9 on line 3"):
        decode(b"x = 1\n# coding: latin-1\ny = '\xe9'\n")


def test_an_unknown_encoding_is_named() -> None:
    with pytest.raises(DecodingError, match="unknown encoding `klingon`"):
        decode(b"# coding: klingon\n")


def test_text_that_the_encoding_cannot_hold_is_not_written() -> None:
    with pytest.raises(UnicodeEncodeError):
        decode(b"# coding: latin-1\n").encode("€")
