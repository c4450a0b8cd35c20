"""What Keystone and Nova say: https://docs.openstack.org/api-ref/compute/#list-servers-detailed"""

from __future__ import annotations

import json
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

from benchmarks.cloud.http import NOT_FOUND, Answer, answer

PAGE = 1000
"""Nova's own limit, unless whoever runs it sets another."""
PROJECT = "7c0ffee07c0ffee07c0ffee07c0ffee0"


def node_id(number: int) -> str:
    return f"{number:08x}-1f5e-4c5c-a2f2-0123456789ab"


def server(number: int) -> dict[str, Any]:
    """A server, some 1.7 KB of it."""
    server_id, stopped = node_id(number), number % 7 == 3
    high, low = divmod(number, 250)
    card = {"OS-EXT-IPS-MAC:mac_addr": f"fa:16:3e:00:{high:02x}:{low:02x}", "version": 4}
    url = f"https://nova.cloud.test/v2.1/servers/{server_id}"
    return {
        "id": server_id,
        "name": f"web-{number:05}",
        "status": "SHUTOFF" if stopped else "ACTIVE",
        "tenant_id": PROJECT,
        "user_id": "0badf00d0badf00d0badf00d0badf00d",
        "metadata": {"role": "web", "stage": "production", "shard": str(number % 16)},
        "hostId": f"{number % 97:056x}",
        "image": {
            "id": "70a599e0-31e7-49b7-b260-868f441e862b",
            "links": [
                {"rel": "bookmark", "href": "https://nova.cloud.test/images/70a599e0-31e7-49b7-b260-868f441e862b"}
            ],
        },
        "flavor": {"id": "2", "links": [{"rel": "bookmark", "href": "https://nova.cloud.test/flavors/2"}]},
        "created": "2026-03-01T21:14:09Z",
        "updated": "2026-03-02T04:05:06Z",
        "addresses": {
            "inside": [
                {**card, "addr": f"10.9.{high}.{1 + low}", "OS-EXT-IPS:type": "fixed"},
                {**card, "addr": f"198.51.{high}.{1 + low}", "OS-EXT-IPS:type": "floating"},
            ]
        },
        "accessIPv4": "",
        "accessIPv6": "",
        "links": [{"rel": "self", "href": url}, {"rel": "bookmark", "href": url}],
        "OS-DCF:diskConfig": "MANUAL",
        "progress": 0,
        "OS-EXT-AZ:availability_zone": "nova",
        "config_drive": "",
        "key_name": "quay",
        "OS-SRV-USG:launched_at": "2026-03-01T21:14:19.000000",
        "OS-SRV-USG:terminated_at": None,
        "security_groups": [{"name": "default"}, {"name": "web"}],
        "OS-EXT-STS:task_state": None,
        "OS-EXT-STS:vm_state": "stopped" if stopped else "active",
        "OS-EXT-STS:power_state": 4 if stopped else 1,
        "os-extended-volumes:volumes_attached": [{"id": server_id}],
    }


def token() -> bytes:
    """What signing in gives, without a catalogue: the client is told where Nova is."""
    said = {"token": {"expires_at": "2099-01-01T00:00:00.000000Z", "project": {"id": PROJECT}, "catalog": []}}
    body = json.dumps(said).encode()
    return answer(body, "application/json", status="201 Created", headers="X-Subject-Token: gAAAAAquay\r\n")


def answers(nodes: int) -> Answer:
    """A sign-in, and pages of servers, each with a link to the next."""
    servers = [json.dumps(server(number)).encode() for number in range(nodes)]
    begins = {node_id(number - 1): number for number in range(PAGE, nodes, PAGE)}

    @cache
    def page(begin: int) -> bytes:
        end = begin + PAGE
        href = f"http://nova.cloud.test/v2.1/servers/detail?limit={PAGE}&marker={node_id(end - 1)}"
        links = json.dumps([{"rel": "next", "href": href}] if end < nodes else []).encode()
        return answer(
            b'{"servers": [' + b", ".join(servers[begin:end]) + b'], "servers_links": ' + links + b"}",
            "application/json",
        )

    def said(target: str, body: str) -> bytes:
        url = urlsplit(target)
        if url.path.endswith("/auth/tokens"):
            return token()
        if not url.path.endswith("/servers/detail"):
            return NOT_FOUND
        marker = parse_qs(url.query).get("marker")
        return page(begins[marker[0]] if marker else 0)

    return said
