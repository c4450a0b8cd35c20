"""What a user's type checker sees. Never run, only checked."""

from __future__ import annotations

from decimal import Decimal
from typing import assert_type

from aiocloud import Fleet, Image, Location, Node, Offer, Price, Provider, Size, get_driver
from aiocloud.driver import Driver
from aiocloud.fleet import OfferReport, Report
from aiocloud.providers.ec2 import EC2
from aiocloud.providers.linode import Linode
from aiocloud.query import Ranked


async def drivers(name: str) -> None:
    assert_type(get_driver(Provider.EC2), type[EC2])
    assert_type(get_driver("linode"), type[Linode])
    assert_type(get_driver(name), type[Driver])
    async with get_driver(Provider.EC2)("key", "secret", region="eu-west-1") as ec2:
        assert_type(ec2, EC2)
        assert_type(await ec2.list_nodes(), list[Node])
        async for image in ec2.list_images():
            assert_type(image, Image)
        node = await ec2.create_node("web-1", size="t3.micro", image="ami-1", ex_security_groups=["web"])
        assert_type(node, Node)
        assert_type(await ec2.wait_until(node), Node)
        await ec2.create_node("web-1", size="t3.micro", image="ami-1", ex_nonsense=1)  # type: ignore[call-arg]  # that is the point
    get_driver(Provider.LINODE)("token", nonsense=True)  # type: ignore[call-arg]  # that is the point


async def fleets() -> None:
    async with Fleet.from_env() as fleet:
        report = await fleet.offers(ram=4096, outside="US")
        assert_type(report, OfferReport)
        assert_type(report.cheapest(), Ranked | None)
        assert_type((await fleet.list_nodes()), Report[Node])
        async for size in fleet.list_sizes():
            assert_type(size, Size)


def models(offer: Offer) -> None:
    assert_type(offer.location, Location)
    assert_type(offer.price, Price | None)
    if offer.price is not None:
        assert_type(offer.price.amount, Decimal)
