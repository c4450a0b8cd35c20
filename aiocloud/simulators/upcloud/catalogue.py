"""The account, the zones, the plans and what they cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiocloud.simulators.upcloud.wire import Call, Found, Json, RejectedError

if TYPE_CHECKING:
    from aiocloud.simulators.upcloud.world import World

ZONES = {
    "fi-hel1": "Helsinki #1",
    "de-fra1": "Frankfurt #1",
    "nl-ams1": "Amsterdam #1",
    "pl-waw1": "Warsaw #1",
    "sg-sin1": "Singapore #1",
    "uk-lon1": "London #1",
    "us-chi1": "Chicago #1",
}
# name: cores, MiB, GiB of disk, tier; the sizes are UpCloud's, the prices in cents an hour are invented
PLANS = {
    "DEV-1xCPU-1GB": (1, 1024, 20, "standard", 0.5),
    "1xCPU-1GB": (1, 1024, 25, "maxiops", 1.0),
    "1xCPU-2GB": (1, 2048, 50, "maxiops", 2.0),
    "2xCPU-4GB": (2, 4096, 80, "maxiops", 4.0),
}
DEARER = {"sg-sin1": 2}
"""By how much all is dearer in a zone."""
# title, the least GiB, and whether keys and user data come by way of cloud-init
TEMPLATES = {
    "01000000-0000-4000-8000-000020070100": ("Debian GNU/Linux 12 (Bookworm)", 3, True),
    "01000000-0000-4000-8000-000030240200": ("Ubuntu Server 24.04 LTS (Noble Numbat)", 4, True),
    "01000000-0000-4000-8000-000020050100": ("Debian GNU/Linux 10 (Buster)", 3, False),
}


def account(world: World, call: Call) -> Found:
    """The user, the credits, the limits."""
    limits = {"cores": 200, "memory": 1048576, "public_ipv4": 100, "storage_maxiops": 10240}
    return 200, {"account": {"credits": 10000, "username": world.username, "resource_limits": limits}}


def details(world: World, call: Call) -> Found:
    """The user in detail, with the currency."""
    if call.parts[2] != world.username:
        raise RejectedError(404, "ACCOUNT_NOT_FOUND", "The account does not exist.")
    return 200, {"account": {"username": call.parts[2], "currency": world.currency, "type": "main"}}


def zones(world: World, call: Call) -> Found:
    """All zones."""
    rows = [{"description": text, "id": zone, "public": "yes"} for zone, text in ZONES.items()]
    return 200, {"zones": {"zone": rows}}


def plans(world: World, call: Call) -> Found:
    """All plans."""
    rows = [
        {
            "core_number": cores,
            "memory_amount": memory,
            "name": name,
            "public_traffic_out": 1024,
            "storage_size": disk,
            "storage_tier": tier,
        }
        for name, (cores, memory, disk, tier, _) in PLANS.items()
    ]
    return 200, {"plans": {"plan": rows}}


def prices(world: World, call: Call) -> Found:
    """The prices of each zone, where any are told."""
    rows = [{"name": zone, **(_prices(zone) if world.invented_prices else {})} for zone in ZONES]
    return 200, {"prices": {"zone": rows}}


def _prices(zone: str) -> Json:
    plans = {f"server_plan_{name}": round(row[4] * DEARER.get(zone, 1), 4) for name, row in PLANS.items()}
    return {what: {"amount": 1, "price": price} for what, price in {"ipv4_address": 0.3, **plans}.items()}
