"""Files of nodes that nobody visits, put away: as long as they are a shell's, they hold descriptors of this process."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from bashkit import FileSystem

Kind: TypeAlias = Literal["directory", "file", "symlink"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A folder, a file with its contents, or a link with its target. Times are not kept."""

    path: str
    kind: Kind
    mode: int
    contents: bytes = b""


def put_away(files: FileSystem) -> tuple[Entry, ...]:
    """All that there is, folders before what they hold."""
    return tuple(_entries(files, "/"))


def taken_out(entries: tuple[Entry, ...]) -> FileSystem:
    """The same files again."""
    files = FileSystem()
    for entry in entries:
        if entry.kind == "directory":
            files.mkdir(entry.path, recursive=True)
        elif entry.kind == "file":
            files.write_file(entry.path, entry.contents)
        else:
            files.symlink(entry.contents.decode("utf-8", "surrogateescape"), entry.path)
            continue
        files.chmod(entry.path, entry.mode)
    return files


def _entries(files: FileSystem, folder: str) -> Iterator[Entry]:
    for each in files.read_dir(folder):
        path, about = posixpath.join(folder, each["name"]), each["metadata"]
        kind: Kind = about["file_type"]
        if kind == "directory":
            yield Entry(path, kind, about["mode"])
            yield from _entries(files, path)
        elif kind == "file":
            yield Entry(path, kind, about["mode"], files.read_file(path))
        else:
            yield Entry(path, kind, about["mode"], files.read_link(path).encode("utf-8", "surrogateescape"))
