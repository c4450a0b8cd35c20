"""What every test finds: an empty environment, and the network replaced."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import aioresponses.core
import pytest

PREFIXES = (
    "AIOCLOUD_",
    "AWS_",
    "CLOUDSDK_",
    "DIGITALOCEAN_",
    "EXOSCALE_",
    "GCE_",
    "GCLOUD_",
    "GOOGLE_",
    "HCLOUD_",
    "IBMCLOUD_",
    "IC_",
    "LINODE_",
    "OS_",
    "RACKSPACE_",
    "RIMUHOSTING_",
    "SCW_",
    "SL_",
    "SOFTLAYER_",
    "UPCLOUD_",
    "VCD_",
    "VPC_",
    "VULTR_",
)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No account of the person who runs the tests is found, and none of their files is read."""
    for name in list(os.environ):
        if name.startswith(PREFIXES) and name != "AIOCLOUD_INTEROP":
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / ".config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / ".local" / "share"))


class _ClientResponse(aiohttp.ClientResponse):
    """aiohttp's own, given what aioresponses does not know of yet: aiohttp 3.14 wants a stream writer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("stream_writer", SimpleNamespace(output_size=0))
        super().__init__(*args, **kwargs)


@pytest.fixture
def aioresponse(monkeypatch: pytest.MonkeyPatch) -> Iterator[aioresponses.aioresponses]:
    """Answers in place of the network, below our transport."""
    monkeypatch.setattr(aioresponses.core, "ClientResponse", _ClientResponse)
    with aioresponses.aioresponses() as mocked:
        yield mocked
