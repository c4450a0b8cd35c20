"""What a simulator's world tells of its nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Generic, TypeVar

from aiocloud.values import Secret

T = TypeVar("T")

USUAL_USERS = {"amazon": "ec2-user", "al2": "ec2-user", "debian": "admin", "ubuntu": "ubuntu", "centos": "centos"}
"""Whom images let in beside root, by a word of the image's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A node as its SSH server must know it.

    `users` may log in, each with `keys`, the public keys that it was given at create, and with `password`. `user_data`
    is raw. `mark` changes when the node is installed anew under the same id.
    """

    id: str
    name: str
    running: bool
    users: tuple[str, ...] = ("root",)
    keys: tuple[str, ...] = ()
    password: Secret | None = field(default=None, repr=False)
    user_data: bytes | None = field(default=None, repr=False)
    mark: object = None


def users_of(image: str, usual: dict[str, str] | None = None) -> tuple[str, ...]:
    """Root, and whom an image of that name lets in beside.

    >>> users_of("debian-12-amd64"), users_of("linode/alpine3.20")
    (('root', 'admin'), ('root',))
    """
    words = USUAL_USERS if usual is None else usual
    return ("root", *(user for word, user in words.items() if word in image.lower()))[:2]


class AddressBook(Generic[T]):
    """Which node has an address: asked of the world once, and again when its answer no longer holds.

    `nodes` are those that are there, `addresses` tells those of one of them, and none for one that has gone.
    """

    def __init__(self, nodes: Callable[[], Iterable[T]], addresses: Callable[[T], Iterable[str]]) -> None:
        self._nodes = nodes
        self._addresses = addresses
        self._found: dict[str, T] = {}

    def find(self, address: str) -> T | None:
        """The first node that has this address."""
        wanted = _plain(address)
        known = self._found.get(wanted)
        if known is not None and wanted in map(_plain, self._addresses(known)):
            return known
        self._found = {}
        for node in self._nodes():
            for each in self._addresses(node):
                self._found.setdefault(_plain(each), node)
        return self._found.get(wanted)


def _plain(address: str) -> str:
    """The one way to write it, of several."""
    with suppress(ValueError):
        return str(ip_address(address))
    return address
