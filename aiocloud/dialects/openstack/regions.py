"""One region: clients for its services, made when they are first needed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from aiocloud.dialects.openstack.shapes import ERRORS
from aiocloud.errors import (
    ApiError,
    InvalidCredsError,
    MalformedResponseError,
    RateLimitReachedError,
    ServerError,
)
from aiocloud.http.client import Api, Client
from aiocloud.http.once import Once
from aiocloud.http.paging import LinkPaging
from aiocloud.mapping import dig

Microversion = tuple[int, int]

PREFERRED: Microversion = (2, 46)
"""The last version in which a server tells its flavor by the id that a create takes; later ones embed the flavor's
facts without it. It has what else is wanted: networks by themselves (2.37), paged key pairs (2.35), the id of a
new image in the answer (2.45)."""

NETWORKS_BY_THEMSELVES: Microversion = (2, 37)


def _next_link(payload: Any) -> str | None:
    """The link to the next page: {"servers": […], "servers_links": [{"rel": "next", "href": …}]}."""
    for name, links in (payload or {}).items():
        if name.endswith("_links"):
            return next((link["href"] for link in links if link.get("rel") == "next"), None)
    return None


ACCEPT = {"Accept": "application/json"}  # without it, Glance writes its errors for people
COMPUTE = Api(paging=LinkPaging(_next_link), errors=ERRORS, headers=ACCEPT)
NETWORK = COMPUTE
IMAGE = Api(paging=LinkPaging("next", size={"limit": "1000"}), errors=ERRORS, headers=ACCEPT)


@dataclass(frozen=True, slots=True)
class Nova:
    """A client for compute, and the microversion that it speaks; None on a cloud that has none."""

    http: Client
    version: Microversion | None


class Region:
    """The services of one region. `url` knows where they are, `connect` makes clients.

    `microversion` is the one to speak: None finds out what the cloud has, "" sends none.
    """

    def __init__(
        self,
        name: str,
        *,
        url: Callable[[str], str],
        connect: Callable[[Api, str], Client],
        microversion: str | None,
    ) -> None:
        self.name = name
        self.nova = Once(self._nova)
        self._url = url
        self._connect = connect
        self._microversion = microversion

    @cached_property
    def glance(self) -> Client:
        """A client for images."""
        return self._connect(IMAGE, f"{without_version(self._url('image'))}/v2")

    @cached_property
    def neutron(self) -> Client:
        """A client for networks."""
        return self._connect(NETWORK, f"{without_version(self._url('network'))}/v2.0")

    async def _nova(self) -> Nova:
        url = compute_url(self._url("compute"))
        version = await self._version(url)
        api = replace(COMPUTE, headers={**ACCEPT, **version_headers(version)})
        return Nova(self._connect(api, url), version)

    async def _version(self, url: str) -> Microversion | None:
        if self._microversion is not None:
            return parse(self._microversion)
        newest = await self._newest(url)
        return min(newest, PREFERRED) if newest else None

    async def _newest(self, url: str) -> Microversion | None:
        """The newest microversion that the cloud has; None where it has none, or does not say."""
        root = self._connect(COMPUTE, version_root(url))
        try:
            payload = await root.call("GET", "/")
        except (InvalidCredsError, RateLimitReachedError, ServerError):
            raise
        except (ApiError, MalformedResponseError):  # nothing to be found there: an old cloud, or a proxy before it
            return None
        return parse(str(dig(payload, "version.version") or ""))


def parse(text: str) -> Microversion | None:
    """A microversion out of its text; None for any other.

    >>> parse("2.46"), parse("")
    ((2, 46), None)
    """
    found = re.fullmatch(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else None


def version_headers(version: Microversion | None) -> Mapping[str, str]:
    """The headers that ask for a microversion; the second is the only one that clouds before 2.27 know."""
    if version is None:
        return {}
    text = f"{version[0]}.{version[1]}"
    return {"OpenStack-API-Version": f"compute {text}", "X-OpenStack-Nova-API-Version": text}


def without_version(url: str) -> str:
    """The URL of a service less the version of its API, which some catalogues name and others do not.

    >>> without_version("https://image.example/v2/"), without_version("https://v2.example/image")
    ('https://image.example', 'https://v2.example/image')
    """
    return re.sub(r"/v\d+(\.\d+)?$", "", url.rstrip("/"))


def compute_url(url: str) -> str:
    """The URL of compute as the catalogue has it; with the version where it names none.

    >>> compute_url("https://nova.example/v2.1/7c0f"), compute_url("https://nova.example/")
    ('https://nova.example/v2.1/7c0f', 'https://nova.example/v2.1')
    """
    url = url.rstrip("/")
    return url if _VERSION.match(url) else f"{url}/v2.1"


def version_root(url: str) -> str:
    """The URL of compute up to the version, where it tells about itself.

    >>> version_root("https://nova.example/v2.1/7c0f")
    'https://nova.example/v2.1'
    """
    found = _VERSION.match(url)
    return found[1] if found else url


_VERSION = re.compile(r"(.*?/v\d+(?:\.\d+)?)(?:/|$)")
