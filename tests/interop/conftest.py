"""Other people's clients and servers, against which ours are checked."""

from __future__ import annotations

import importlib
import os
from typing import Any

import pytest


def official(name: str) -> Any:
    """A provider's own client.

    Where it is not installed, the tests that need it are skipped; with AIOCLOUD_INTEROP=1 they fail.
    """
    if os.environ.get("AIOCLOUD_INTEROP") == "1":
        return importlib.import_module(name)
    return pytest.importorskip(name)
