"""What Linode says: https://techdocs.akamai.com/linode-api/reference/get-linode-instances"""

from __future__ import annotations

import json
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

from benchmarks.cloud.http import NOT_FOUND, Answer, answer

PLANS, REGIONS = 10, 10


def node_id(number: int) -> str:
    return str(20_000_000 + number)


def instance(number: int) -> dict[str, Any]:
    """A Linode, some 0.9 KB of it."""
    high, low = divmod(number, 250)
    return {
        "id": int(node_id(number)),
        "label": f"web-{number:05}",
        "group": "",
        "status": "offline" if number % 7 == 3 else "running",
        "created": "2026-03-01T21:14:09",
        "updated": "2026-03-02T04:05:06",
        "type": f"g6-standard-{1 + number % PLANS}",
        "ipv4": [f"198.51.{high % 250}.{1 + low}", f"192.168.{high % 250}.{1 + low}"],
        "ipv6": f"2001:db8::f03c:95ff:fe{high:02x}:{low:x}/128",
        "image": "linode/debian12",
        "region": f"region-{number % REGIONS}",
        "site_type": "core",
        "specs": {"disk": 81920, "memory": 4096, "vcpus": 2, "gpus": 0, "transfer": 4000, "accelerated_devices": 0},
        "alerts": {"cpu": 180, "network_in": 10, "network_out": 10, "transfer_quota": 80, "io": 10000},
        "backups": {
            "enabled": True,
            "available": True,
            "schedule": {"day": "Saturday", "window": "W22"},
            "last_successful": "2026-03-01T12:00:00",
        },
        "hypervisor": "kvm",
        "watchdog_enabled": True,
        "tags": ["role=web", "stage=production", f"shard={number % 16}"],
        "host_uuid": f"{number:08x}-3a3d-4a1b-9f4e-1d5a0b2c3d4e",
        "has_user_data": True,
        "placement_group": None,
        "disk_encryption": "enabled",
        "lke_cluster_id": None,
        "capabilities": ["Block Storage Encryption", "SMTP Enabled"],
        "maintenance_policy": "linode/migrate",
    }


def plan(number: int) -> dict[str, Any]:
    price = {"hourly": 0.018 * (1 + number), "monthly": 12 * (1 + number)}
    return {
        "id": f"g6-standard-{1 + number}",
        "label": f"Linode {2 * (1 + number)}GB",
        "class": "standard",
        "price": price,
        "region_prices": [{"id": "region-3", **price}, {"id": "region-7", **price}],
        "addons": {"backups": {"price": price, "region_prices": [{"id": "region-3", **price}]}},
        "memory": 2048 * (1 + number),
        "disk": 51200 * (1 + number),
        "transfer": 2000,
        "vcpus": 1 + number,
        "gpus": 0,
        "accelerated_devices": 0,
        "network_out": 2000,
        "successor": None,
    }


def region(number: int) -> dict[str, Any]:
    return {
        "id": f"region-{number}",
        "label": "Frankfurt, DE",
        "country": "de",
        "capabilities": ["Linodes", "Backups", "NodeBalancers", "Block Storage", "Kubernetes", "Cloud Firewall"],
        "status": "ok",
        "resolvers": {"ipv4": "192.0.2.1,192.0.2.2,192.0.2.3", "ipv6": "2001:db8::1,2001:db8::2,2001:db8::3"},
        "placement_group_limits": {"maximum_pgs_per_customer": 100, "maximum_linodes_per_pg": 5},
        "site_type": "core",
    }


KEY = {"id": 42, "label": "quay", "ssh_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5", "created": "2026-03-01T21:14:09"}


def answers(nodes: int) -> Answer:
    """Lists of instances in pages of the size that is asked for, of plans, regions and keys in one."""
    instances = [json.dumps(instance(number)).encode() for number in range(nodes)]

    @cache
    def page(number: int, size: int) -> bytes:
        return _page(instances[(number - 1) * size : number * size], number, -(-nodes // size), nodes)

    whole = {
        "types": _whole([plan(number) for number in range(PLANS)]),
        "regions": _whole([region(number) for number in range(REGIONS)]),
        "sshkeys": _whole([KEY]),
    }

    @cache
    def said(target: str, body: str) -> bytes:
        url = urlsplit(target)
        _, _, what = url.path.rpartition("/")
        if what == "instances":
            query = parse_qs(url.query)
            return page(int(query.get("page", ["1"])[0]), int(query.get("page_size", ["100"])[0]))
        return whole.get(what, NOT_FOUND)

    return said


def _whole(items: list[dict[str, Any]]) -> bytes:
    return _page([json.dumps(item).encode() for item in items], 1, 1, len(items))


def _page(items: list[bytes], number: int, pages: int, results: int) -> bytes:
    told = f'], "page": {number}, "pages": {pages}, "results": {results}}}'
    return answer(b'{"data": [' + b", ".join(items) + told.encode(), "application/json")
