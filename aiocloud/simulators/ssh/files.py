"""SFTP over the files of a simulated node."""

from __future__ import annotations

import posixpath
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import asyncssh

from aiocloud.simulators.ssh.host import FULL

if TYPE_CHECKING:
    from aiocloud.simulators.ssh.host import Host

LARGEST = 10_000_000
"""Bytes that a file may have: the shell's limit."""
LINKS = 40
"""So many links in a row lead nowhere."""
TYPES = {"file": stat.S_IFREG, "directory": stat.S_IFDIR, "symlink": stat.S_IFLNK, "fifo": stat.S_IFIFO}


@dataclass(slots=True)
class Open:
    """An open file. What is written is in the node's file when this is closed."""

    path: str
    appends: bool
    contents: bytearray = field(repr=False)
    changed: bool = False


class Files(asyncssh.SFTPServer):
    """The files of a node as one of its users sees them; permissions are kept, and not enforced."""

    def __init__(self, channel: Any, host: Host, user: str) -> None:
        super().__init__(channel)
        self._host = host
        self._files = host.files
        self._home = host.home(user)

    # ---- paths ----

    def _path(self, path: bytes) -> str:
        return posixpath.normpath(posixpath.join(self._home, path.decode("utf-8", "surrogateescape")))

    def _target(self, path: bytes) -> str:
        """The path behind all links."""
        name = self._path(path)
        for _ in range(LINKS):
            if not self._files.exists(name) or self._files.stat(name)["file_type"] != "symlink":
                return name
            name = posixpath.normpath(posixpath.join(posixpath.dirname(name), self._files.read_link(name)))
        raise asyncssh.SFTPFailure("Too many levels of symbolic links")

    def realpath(self, path: bytes) -> bytes:
        return self._target(path).encode()

    def readlink(self, path: bytes) -> bytes:
        with _words():
            return self._files.read_link(self._path(path)).encode()

    def symlink(self, oldpath: bytes, newpath: bytes) -> None:
        with _words():
            self._files.symlink(oldpath.decode(), self._path(newpath))

    # ---- open files ----

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Open:
        name, appends = self._target(path), bool(pflags & asyncssh.FXF_APPEND)
        if name == FULL:
            return Open(name, appends, bytearray())
        there = self._files.exists(name)
        if there and pflags & asyncssh.FXF_CREAT and pflags & asyncssh.FXF_EXCL:
            raise asyncssh.SFTPFailure("File exists")
        if not there and not pflags & asyncssh.FXF_CREAT:
            raise asyncssh.SFTPNoSuchFile("No such file")
        with _words():
            if not there:
                self._files.write_file(name, b"")
                self._files.chmod(name, 0o644 if attrs.permissions is None else attrs.permissions & 0o7777)
            elif pflags & asyncssh.FXF_TRUNC:
                self._put(name, b"")
            return Open(name, appends, bytearray(self._files.read_file(name)))

    def close(self, file_obj: object) -> None:
        assert isinstance(file_obj, Open)  # noqa: S101 - we opened it
        if file_obj.changed:
            with _words():
                self._put(file_obj.path, bytes(file_obj.contents))

    def read(self, file_obj: object, offset: int, size: int) -> bytes:
        assert isinstance(file_obj, Open)  # noqa: S101 - we opened it
        return bytes(file_obj.contents[offset : offset + size])

    def write(self, file_obj: object, offset: int, data: bytes) -> int:
        assert isinstance(file_obj, Open)  # noqa: S101 - we opened it
        there = file_obj.contents
        start = len(there) if file_obj.appends else offset
        if file_obj.path == FULL or start + len(data) > LARGEST:
            raise asyncssh.SFTPFailure("No space left on device")
        there.extend(bytes(max(0, start - len(there))))
        there[start : start + len(data)] = data
        file_obj.changed = True
        return len(data)

    def fsync(self, file_obj: object) -> None:
        self.close(file_obj)

    def _put(self, name: str, contents: bytes) -> None:
        """New contents; the permissions stay."""
        mode = self._files.stat(name)["mode"] if self._files.exists(name) else 0o644
        self._files.write_file(name, contents)
        self._files.chmod(name, mode)

    # ---- what is known of files ----

    def lstat(self, path: bytes) -> asyncssh.SFTPAttrs:
        return self._about(self._path(path))

    def stat(self, path: bytes) -> asyncssh.SFTPAttrs:
        return self._about(self._target(path))

    def fstat(self, file_obj: object) -> asyncssh.SFTPAttrs:
        assert isinstance(file_obj, Open)  # noqa: S101 - we opened it
        about = self._about(file_obj.path)
        about.size = len(file_obj.contents)
        return about

    def _about(self, name: str) -> asyncssh.SFTPAttrs:
        if not self._files.exists(name):
            raise asyncssh.SFTPNoSuchFile("No such file")
        known = self._files.stat(name)
        kind = stat.S_IFCHR if name == FULL else TYPES.get(known["file_type"], stat.S_IFREG)
        when = int(known["modified"])
        return asyncssh.SFTPAttrs(
            size=known["size"], permissions=kind | known["mode"], uid=0, gid=0, atime=when, mtime=when
        )

    def setstat(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        self._change(self._target(path), attrs)

    def fsetstat(self, file_obj: object, attrs: asyncssh.SFTPAttrs) -> None:
        assert isinstance(file_obj, Open)  # noqa: S101 - we opened it
        if attrs.size is not None:
            del file_obj.contents[attrs.size :]
            file_obj.changed = True
        if file_obj.path != FULL:
            self._change(file_obj.path, asyncssh.SFTPAttrs(permissions=attrs.permissions))

    def _change(self, name: str, attrs: asyncssh.SFTPAttrs) -> None:
        """Permissions and size; owners and times are not kept."""
        self._about(name)
        with _words():
            if attrs.size is not None:
                self._put(name, self._files.read_file(name)[: attrs.size].ljust(attrs.size, b"\0"))
            if attrs.permissions is not None:
                self._files.chmod(name, attrs.permissions & 0o7777)

    # ---- folders ----

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        name = self._target(path)
        self._about(name)
        with _words():
            entries = self._files.read_dir(name)
        for entry in entries:
            yield asyncssh.SFTPName(entry["name"].encode(), attrs=self._about(posixpath.join(name, entry["name"])))

    def mkdir(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        with _words():
            self._files.mkdir(self._path(path))
            if attrs.permissions is not None:
                self._files.chmod(self._path(path), attrs.permissions & 0o7777)

    def rmdir(self, path: bytes) -> None:
        self._remove(path, folder=True)

    def remove(self, path: bytes) -> None:
        self._remove(path, folder=False)

    def _remove(self, path: bytes, *, folder: bool) -> None:
        about = self.lstat(path)
        if stat.S_ISDIR(about.permissions or 0) != folder:
            raise asyncssh.SFTPFailure("Not a directory" if folder else "Is a directory")
        with _words():
            self._files.remove(self._path(path))

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        if self._files.exists(self._path(newpath)):
            raise asyncssh.SFTPFailure("File exists")
        self.posix_rename(oldpath, newpath)

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        self.lstat(oldpath)
        with _words():
            self._files.rename(self._path(oldpath), self._path(newpath))


@contextmanager
def _words() -> Iterator[None]:
    """What the files say, in SFTP's words."""
    try:
        yield
    except RuntimeError as error:
        text = str(error).removeprefix("io error: ")
        kind = asyncssh.SFTPNoSuchFile if "not found" in text else asyncssh.SFTPFailure
        raise kind(text) from error
