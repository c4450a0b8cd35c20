"""Permissions of files, which the shell forgets when a file is written anew, and its umask, which it does not heed."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Any

from bashkit import FileSystem

FILE, FOLDER = 0o644, 0o755
"""What the shell gives to everything that it writes."""


class Modes:
    """Remembers the permissions of a node's files, and mends them after the shell's work."""

    def __init__(self, files: FileSystem) -> None:
        self._files = files
        self._known: dict[str, dict[str, Any]] = {}

    def note(self) -> None:
        """Remember how they are now: whoever made them meant them."""
        self._known = dict(self._all("/"))

    def settle(self, umask: int) -> None:
        """What was written anew has its old permissions again; what is new has those that the umask leaves."""
        for path, now in self._all("/"):
            before = self._known.get(path)
            usual, most = (FOLDER, 0o777) if now["file_type"] == "directory" else (FILE, 0o666)
            wanted = most & ~umask if before is None else before["mode"]
            written = before is None or (now["created"], now["modified"]) != (before["created"], before["modified"])
            if written and now["mode"] == usual and wanted != usual:
                self._files.chmod(path, wanted)
                now["mode"] = wanted
            self._known[path] = now

    def _all(self, folder: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """All files and folders, but for links."""
        if not self._files.exists(folder):
            return
        for entry in self._files.read_dir(folder):
            path, about = posixpath.join(folder, entry["name"]), entry["metadata"]
            if about["file_type"] == "directory":
                yield from self._all(path)
            if about["file_type"] in ("directory", "file"):
                yield path, about
