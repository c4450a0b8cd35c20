"""Converters that many providers need: addresses, times, what an image's name tells."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from socket import AF_INET, AF_INET6, inet_pton


def _by_first_byte(*networks: str) -> Mapping[int, list[tuple[bytes, bytes]]]:
    """Under the first byte of an address, the networks that it may be in: their lowest and highest address."""
    table: dict[int, list[tuple[bytes, bytes]]] = {}
    for network in map(ip_network, networks):
        lowest, highest = network.network_address.packed, network.broadcast_address.packed
        for first in range(lowest[0], highest[0] + 1):
            table.setdefault(first, []).append((lowest, highest))
    return table


_PRIVATE = {
    4: _by_first_byte("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16"),
    16: _by_first_byte("fc00::/7", "fe80::/10"),
}
"""By the length of an address in bytes."""


def is_private(address: str) -> bool:
    """Whether an address cannot be reached from the internet: private, shared, link-local, unique local.

    Raises ValueError for what is no address.

    >>> is_private("10.9.8.7"), is_private("fd00::1"), is_private("203.0.113.77"), is_private("2001:db8::1")
    (True, True, False, False)
    """
    try:
        packed = inet_pton(AF_INET6 if ":" in address else AF_INET, address)
    except (OSError, TypeError):  # nearly always: no address. But one with a zone ("fe80::1%eth0") is
        packed = ip_address(address).packed
    for lowest, highest in _PRIVATE[len(packed)].get(packed[0], ()):  # noqa: SIM110 - any() would take longer than all the rest
        if lowest <= packed <= highest:
            return True
    return False


def by_reach(addresses: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The public ones of these addresses, and the private ones. Raises ValueError for what is no address.

    >>> by_reach(["10.9.8.7", "203.0.113.77", "192.168.0.1"])
    (('203.0.113.77',), ('10.9.8.7', '192.168.0.1'))
    """
    told = {address: is_private(address) for address in addresses}
    return tuple([each for each in told if not told[each]]), tuple([each for each in told if told[each]])


def addresses(found: Iterable[str | None], *, private: bool) -> tuple[str, ...]:
    """Those of these addresses that are private, or are not, each once; what is no address at all is passed over.

    >>> addresses(["10.0.0.7", None, "", "dhcp", "203.0.113.7", "10.0.0.7"], private=True)
    ('10.0.0.7',)
    """
    known = [each for each in dict.fromkeys(found) if each and _is_address(each)]
    return tuple(each for each in known if is_private(each) is private)


def _is_address(text: str) -> bool:
    try:
        is_private(text)
    except ValueError:
        return False
    return True


def timestamp(text: str) -> datetime:
    """An aware datetime from ISO 8601 text; text without a zone is UTC.

    >>> timestamp("2026-03-01T21:14:09")
    datetime.datetime(2026, 3, 1, 21, 14, 9, tzinfo=datetime.timezone.utc)
    """
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else datetime.combine(moment, moment.time(), UTC)


def system_in(name: str) -> tuple[str | None, str | None]:
    """The family and the version of the operating system in an image's name, as far as the name begins with them.

    >>> system_in("CentOS 5.3 (32-bit)"), system_in("Red Hat EL 6.0"), system_in("Arch"), system_in("2nd try")
    (('centos', '5.3'), ('red hat', '6.0'), ('arch', None), (None, None))
    """
    found = re.match(r"\s*(red hat|[a-z]+)\b[^\d(]*(\d[\w.]*)?", name, re.IGNORECASE)
    return (found[1].lower(), found[2]) if found else (None, None)
