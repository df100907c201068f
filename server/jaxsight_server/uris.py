"""Addresses of documents and the paths they stand for."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from pygls.uris import from_fs_path, to_fs_path


def path_of(uri: str) -> str:
    """The path of a document; of one that is in no file (untitled, in a store) what names it."""
    parts = urlsplit(uri)
    if parts.scheme == "file":
        return to_fs_path(uri) or unquote(parts.path)
    return unquote(parts.path)


def file_of(uri: str) -> Path | None:
    """The file of a document; None if it is in no file."""
    return Path(path_of(uri)) if urlsplit(uri).scheme == "file" else None


def uri_of(path: str | Path) -> str:
    """The address of a file."""
    uri = from_fs_path(str(path))
    assert uri is not None  # only for None
    return uri
