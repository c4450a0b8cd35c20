"""Eucalyptus, private clouds that speak EC2: https://docs.eucalyptus.cloud/eucalyptus/5/

The software's last release is of 2021; clouds that run it answer at an address of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, Unpack

from yarl import URL

from aiocloud.accounts import Account, Environment
from aiocloud.creation import Creation, new_token
from aiocloud.dialects.ec2 import NODE, Query, SigV4
from aiocloud.dialects.ec2.sigv2 import SigV2
from aiocloud.driver import NodeAuth, Options, id_of
from aiocloud.errors import ConfigurationError
from aiocloud.http.paging import Pager
from aiocloud.mapping import Shape, at, dig
from aiocloud.models import Image, Location, Node, Size
from aiocloud.providers.ec2.images import Images
from aiocloud.providers.ec2.keys import Keys
from aiocloud.providers.ec2.nodes import Nodes
from aiocloud.values import FrozenMap, Secret

MARK = "aiocloud-create"
"""The key of the tag by which a node is found again whose creation was not confirmed."""
NO_ADDRESS = frozenset({None, "", "0.0.0.0"})  # noqa: S104 - what a pending instance shows


def _addresses(payload: Any, *names: str) -> tuple[str, ...]:
    """The first that is an address: clouds without a DNS of their own write one where the name stands."""
    found = (payload.get(name) for name in names)
    return tuple(dict.fromkeys(each for each in found if each not in NO_ADDRESS and each[:1].isdigit()))[:1]


FIELDS: dict[str, Callable[[Any], Any]] = {
    **NODE.fields,
    "ips": lambda payload: (
        _addresses(payload, "ipAddress", "dnsName"),
        _addresses(payload, "privateIpAddress", "privateDnsName"),
    ),
    "location": at("placement.availabilityZone"),
    "tags": lambda payload: _without_mark(NODE.fields["tags"](payload)),
}
SHAPE: Shape[Node] = Shape(Node, hide=(), **FIELDS)
SIZE = Shape(Size, id=at("name"), name=at("name"), vcpus=at("cpu", int), ram=at("memory", int), disk=at("disk", int))
LOCATION = Shape(Location, id=at("zoneName"), name=at("zoneName"), zones=at("zoneName", lambda zone: (zone,)))


def _without_mark(tags: Mapping[str, str]) -> FrozenMap[str]:
    return FrozenMap({key: value for key, value in tags.items() if key != MARK})


class Eucalyptus(Nodes, Images, Keys):
    """Needs the access key of the cloud's user, and `endpoint`: "https://cloud.example:8773/services/compute".

    Locations are the cloud's zones (its clusters). `signature_version` is 4, or 2 for clouds of before 4.0. Instances
    are tagged when they are made, which clouds of before 4.4 refuse.
    """

    provider = "eucalyptus"
    title = "Eucalyptus"
    website = "https://eucalyptus.cloud/"
    protocol = "EC2 query API, XML, signature version 2 or 4"
    public = False
    usernames = ("root", "ubuntu", "centos", "ec2-user", "debian")
    node_shape = SHAPE
    shows_public_keys = False

    def __init__(
        self,
        access_key_id: str | None = None,
        secret_access_key: str | Secret | None = None,
        *,
        signature_version: Literal[2, 4] = 4,
        version: str = "2016-11-15",
        **options: Unpack[Options],
    ) -> None:
        if not options.get("endpoint"):
            raise ConfigurationError(
                "eucalyptus needs `endpoint`, such as 'https://cloud.example:8773/services/compute'"
            )
        if not access_key_id or not secret_access_key:
            raise ConfigurationError("eucalyptus needs `access_key_id` and `secret_access_key`")
        if signature_version not in (2, 4):
            raise ConfigurationError(f"`signature_version` is 2 or 4, not {signature_version!r}")
        options["region"] = options.get("region") or "eucalyptus"
        self._signature = signature_version
        self._version = version
        super().__init__(access_key_id, secret_access_key, **options)

    @classmethod
    def accounts(cls, environment: Environment) -> Iterable[Account]:
        """EC2_URL, EC2_ACCESS_KEY and EC2_SECRET_KEY, which the file `eucarc` sets."""
        url, key, secret = (environment.get(name) for name in ("EC2_URL", "EC2_ACCESS_KEY", "EC2_SECRET_KEY"))
        if url and key and secret:
            options = {"access_key_id": key, "secret_access_key": secret, "endpoint": url}
            yield Account("eucalyptus", "default", options, source="environment variables")

    def ex_query(self, region: str) -> Query:
        """The cloud's API, also for what no verb is there for: `ex_query("").call("DescribeVolumes")`."""
        if "" not in self._queries:
            url = URL(self.endpoint or "")
            signer: Any = SigV2(self._credentials, now=self.now)
            if self._signature == 4:
                signer = SigV4(self._credentials, region=str(self.region), now=self.now)
            client = self.connect(endpoint=str(url.origin()), auth=signer)
            self._queries[""] = Query(client, None, version=self._version, path=url.path)
        return self._queries[""]

    async def _region_of(self, location: Location | str | None) -> str:
        return ""

    async def _regions(self) -> tuple[str, ...]:
        return ("",)

    def _zone(self, location: Location | str | None) -> str | None:
        return id_of(location) if location is not None else None

    # ---- what is on offer ----

    def list_locations(self) -> Pager[Location]:
        """The zones."""
        query = self.ex_query("")

        async def zones() -> list[Location]:
            told = await query.list_whole("DescribeAvailabilityZones", LOCATION, "availabilityZoneInfo", {})
            return [zone for zone in told if not zone.id.startswith("|-")]  # what administrators see beside them

        return Pager.of(zones)

    def list_sizes(self, *, location: Location | str | None = None) -> Pager[Size]:
        """The types of the cloud, which its administrator may change; every zone has them. Nobody tells a price."""

        async def sizes() -> list[Size]:
            answer = await self.ex_query("").call("DescribeInstanceTypes", {}, idempotent=True)
            place = id_of(location) if location is not None else None
            return [replace(SIZE(each, provider=self.provider), location=place) for each in _types(answer)]

        return Pager.of(sizes)

    # ---- nodes ----

    async def create_node(  # type: ignore[override]  # of EC2's own keywords it knows these alone
        self,
        name: str,
        *,
        size: Size | str,
        image: Image | str,
        location: Location | str | None = None,
        auth: NodeAuth | None = None,
        user_data: str | bytes | None = None,
        tags: Mapping[str, str] | None = None,
        ex_key_name: str | None = None,
        ex_security_groups: Sequence[str] = (),
        ex_subnet: str | None = None,
        ex_addressing: Literal["public", "private"] | None = None,
    ) -> Node:
        """Make an instance. See `Compute.create_node`.

        ex_key_name         the name of a key pair, in place of `auth`
        ex_security_groups  names, or ids (sg-…)
        ex_subnet           the id of a subnet, where the cloud has networks of its own
        ex_addressing       "private" for an instance without a public address
        """
        query, token = self.ex_query(""), new_token()
        named = {**(tags or {}), "Name": name, MARK: token}
        groups = "SecurityGroupId" if any(group.startswith("sg-") for group in ex_security_groups) else "SecurityGroup"
        params = {
            "MinCount": 1,
            "MaxCount": 1,
            "ImageId": id_of(image),
            "InstanceType": id_of(size),
            "KeyName": ex_key_name or await self._key_name(query, auth),
            "UserData": self.encoded_user_data(user_data),
            "Placement": {"AvailabilityZone": self._zone(location)},
            "TagSpecification": [
                {"ResourceType": "instance", "Tag": [{"Key": key, "Value": value} for key, value in named.items()]}
            ],
            groups: list(ex_security_groups),
            "SubnetId": ex_subnet,
            "AddressingType": ex_addressing,
        }

        async def send() -> Node:
            payload = await query.call("RunInstances", params)
            return query.client.read(SHAPE, (payload.get("instancesSet") or [{}])[0], operation="RunInstances")

        async def find() -> Node | None:
            there = await self._instances(query, {})
            return next((node for node in there if _mark_of(node) == token), None)

        making = Creation(name=name, token=token, send=send, find=find, destroy=self._discard)
        return await making.run()


def _mark_of(node: Node) -> str | None:
    tags = dig(node.extra, "tagSet") or ()
    return next((tag.get("value") for tag in tags if tag.get("key") == MARK), None)


def _types(answer: Any) -> Iterable[Any]:
    """The types in the software's own words, or in Amazon's, which later releases may use."""
    yield from dig(answer, "instanceTypeDetails") or ()
    for each in dig(answer, "instanceTypeSet") or ():
        yield {
            "name": each["instanceType"],
            "cpu": dig(each, "vCpuInfo.defaultVCpus"),
            "memory": dig(each, "memoryInfo.sizeInMiB"),
            "disk": dig(each, "instanceStorageInfo.totalSizeInGB") or 0,
        }
