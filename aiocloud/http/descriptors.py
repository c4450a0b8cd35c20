"""How many files and connections this process may have open."""

from __future__ import annotations

import logging
import os
from contextlib import suppress

log = logging.getLogger("aiocloud")

SPARE = 32
"""Descriptors that are left to the rest of the program."""


def within_descriptors(limit: int, each: int = 1) -> int:
    """At most `limit`, and no more than there are file descriptors for, `each` needing so many; at least 1."""
    free = _free_descriptors()
    possible = limit if free is None else max(1, min(limit, (free - SPARE) // each))
    if possible < limit:
        log.info("at most %d at once in place of %d: more files may not be open (ulimit -n)", possible, limit)
    return possible


def _free_descriptors() -> int | None:
    """How many more files this process may open; None where that is not known."""
    try:
        import resource
    except ImportError:  # as on Windows
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return None
    used = 0
    for folder in ("/proc/self/fd", "/dev/fd"):
        with suppress(OSError):
            used = len(os.listdir(folder))
            break
    return max(0, soft - used)
