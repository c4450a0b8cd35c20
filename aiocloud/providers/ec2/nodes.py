"""Instances, and how they are made."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import anyio

from aiocloud.creation import Creation, new_token
from aiocloud.dialects.ec2 import Query, filters, reservations
from aiocloud.dialects.ec2.shapes import STATES
from aiocloud.driver import NodeAuth, PowerControl, id_of
from aiocloud.errors import ConfigurationError, NotFoundError
from aiocloud.http.paging import Pager
from aiocloud.models import Image, KeyPair, Location, Node, NodeAuthSSHKey, Size
from aiocloud.providers.ec2.keys import known_key
from aiocloud.providers.ec2.regional import Regional

PAGE = 1000
LAG = (0.0, 1.0, 2.0, 4.0)
"""Seconds before each try to destroy an instance so new that the API may not know it yet."""


class Nodes(Regional, PowerControl):
    """Instances."""

    features = frozenset({"ssh_key", "user_data", "tags", "idempotent_create"})
    states = {"instanceState.name": STATES}
    user_data_limit = 16384
    usernames: ClassVar[tuple[str, ...]] = (
        "ec2-user",
        "ubuntu",
        "admin",
        "debian",
        "fedora",
        "rocky",
        "root",
    )  # root is let in to be turned away
    key_keyword = "ex_key_name"

    def list_nodes(
        self,
        *,
        location: Location | str | None = None,
        ex_filters: Mapping[str, str | Sequence[str]] | None = None,
    ) -> Pager[Node]:
        """The instances of each region of the driver; those that were terminated are seen for an hour more.

        ex_filters  the API's own: {"instance-state-name": ["running"], "tag:role": "web"}
        """
        params = {"Filter": filters(ex_filters)}
        if (zone := self._zone(location)) is not None:
            params["Filter"] += filters({"availability-zone": zone})
        return self._everywhere(lambda query: self._instances(query, params), location)

    def _instances(self, query: Query, params: Mapping[str, Any]) -> Pager[Node]:
        return query.list("DescribeInstances", self.node_shape, reservations, params, size=PAGE)

    async def get_node(self, node: Node | str) -> Node:
        """The instance as it is now; one that was terminated long ago is not found."""
        query = await self._query_of(node)
        found = await query.list("DescribeInstances", self.node_shape, reservations, {"InstanceId": [id_of(node)]})
        if not found:
            raise self._missing(f"no node {id_of(node)!r}", "InvalidInstanceID.NotFound")
        return found[0]

    async def create_node(
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
        ex_assign_public_ip: bool | None = None,
        ex_ipv6_addresses: int | None = None,
        ex_iam_profile: str | None = None,
        ex_volumes: Sequence[Mapping[str, Any]] = (),
        ex_spot: bool | str = False,
        ex_metadata_options: Mapping[str, str | int] | None = None,
    ) -> Node:
        """Make an instance. See `Compute.create_node`.

        `location` is a region or one of its zones. A public key in `auth` is imported first, once, and stays known
        under the name `aiocloud-` and its fingerprint; a key pair has to be known in that region. The name is
        kept in the tag `Name`.

        ex_key_name          the name of a key pair, in place of `auth`
        ex_security_groups   names, or ids (sg-…); without any, the network's default group
        ex_subnet            the id of a subnet, in place of the default one
        ex_assign_public_ip  whether it gets a public IPv4 address; by default the subnet says
        ex_ipv6_addresses    how many IPv6 addresses it gets
        ex_iam_profile       the name or ARN of an instance profile
        ex_volumes           disks, in the API's words: {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 20}}
        ex_spot              True for a spot instance; text is the highest price an hour
        ex_metadata_options  in the API's words: {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}
        """
        if auth is not None and ex_key_name is not None:
            raise ConfigurationError("ec2 takes one key for a new node: either `auth` or `ex_key_name`")
        data = self.encoded_user_data(user_data)
        query = self.ex_query(await self._region_of(location))
        token = new_token()
        params: dict[str, Any] = {
            "MinCount": 1,
            "MaxCount": 1,
            "ClientToken": token,
            "ImageId": id_of(image),
            "InstanceType": id_of(size),
            "KeyName": ex_key_name or await self._key_name(query, auth),
            "UserData": data,
            "Placement": {"AvailabilityZone": self._zone(location)},
            "TagSpecification": [{"ResourceType": "instance", "Tag": _tags({**(tags or {}), "Name": name})}],
            "IamInstanceProfile": _profile(ex_iam_profile),
            "BlockDeviceMapping": ex_volumes,
            "InstanceMarketOptions": _market(ex_spot),
            "MetadataOptions": ex_metadata_options,
            **await self._network_of(query, ex_security_groups, ex_subnet, ex_assign_public_ip, ex_ipv6_addresses),
        }

        async def send() -> Node:
            # The client token makes it safe to ask again, and the answer is the same.
            payload = await query.call("RunInstances", params, idempotent=True)
            found = payload.get("instancesSet") or [{}]
            return query.client.read(self.node_shape, found[0], operation="RunInstances")

        async def find() -> Node | None:
            marked = await self._instances(query, {"Filter": filters({"client-token": token})})
            return marked[0] if marked else None

        making = Creation(name=name, token=token, send=send, find=find, destroy=self._discard, repeat=True)
        return await making.run()

    async def _key_name(self, query: Query, auth: NodeAuth | None) -> str | None:
        match auth:
            case None:
                return None
            case KeyPair(name=name):
                return name
            case NodeAuthSSHKey(public_key):
                return await known_key(query, public_key)
        raise self.refuse_auth(auth)

    async def _network_of(
        self, query: Query, groups: Sequence[str], subnet: str | None, public: bool | None, ipv6: int | None
    ) -> dict[str, Any]:
        """Where the instance is plugged in. A public address can only be asked for together with an interface."""
        ids = [group for group in groups if group.startswith("sg-")]
        if len(ids) < len(groups) and (ids or subnet or public is not None):
            ids = await self._group_ids(query, groups, subnet)
        plug = {"SubnetId": subnet, "Ipv6AddressCount": ipv6, "SecurityGroupId": ids}
        if public is not None:
            return {"NetworkInterface": [{"DeviceIndex": 0, "AssociatePublicIpAddress": public, **plug}]}
        return plug if ids else {**plug, "SecurityGroup": list(groups)}

    async def _group_ids(self, query: Query, groups: Sequence[str], subnet: str | None) -> list[str]:
        """The ids of groups that may be named: names are good for the default network only, so they are looked up."""
        names = [group for group in groups if not group.startswith("sg-")]
        vpc = await self._vpc_of(query, subnet)
        params = {"Filter": filters({"group-name": names, "vpc-id": vpc})}
        found = await query.list("DescribeSecurityGroups", _named_group, "securityGroupInfo", params)
        known = dict(found)
        if missing := [name for name in names if name not in known]:
            raise self._missing(f"no security group {', '.join(missing)} in {vpc}", "InvalidGroup.NotFound")
        return [known.get(group, group) for group in groups]

    async def _vpc_of(self, query: Query, subnet: str | None) -> str:
        """The network of a subnet, or the default one."""
        if subnet:
            answer = await query.call("DescribeSubnets", {"SubnetId": [subnet]}, idempotent=True)
            found = answer.get("subnetSet")
        else:
            answer = await query.call("DescribeVpcs", {"Filter": filters({"is-default": "true"})}, idempotent=True)
            found = answer.get("vpcSet")
        if not found:
            raise self._missing(f"no subnet {subnet!r}" if subnet else "there is no default network: name `ex_subnet`")
        vpc: str = found[0]["vpcId"]
        return vpc

    async def _discard(self, node: Node) -> None:
        """Destroy an instance that was made a moment ago."""
        for pause in LAG:
            await anyio.sleep(pause)
            try:
                return await self.destroy_node(node)
            except NotFoundError as error:
                unknown = error
        raise unknown

    async def destroy_node(self, node: Node | str) -> None:
        """Terminate it. Disks that were not made with it stay."""
        await self._act(node, "TerminateInstances")

    async def reboot_node(self, node: Node | str) -> None:
        """Restart the operating system. It is seen as running all the while."""
        await self._act(node, "RebootInstances", idempotent=False)

    async def start_node(self, node: Node | str) -> None:
        """Start it; it gets another public IPv4 address, unless it has an elastic one."""
        await self._act(node, "StartInstances")

    async def stop_node(self, node: Node | str) -> None:
        """Stop it. Its disks go on costing money, the machine does not."""
        await self._act(node, "StopInstances")

    async def _act(self, node: Node | str, action: str, *, idempotent: bool = True) -> None:
        query = await self._query_of(node)
        await query.call(action, {"InstanceId": [id_of(node)]}, idempotent=idempotent)

    # ---- what only EC2 has ----

    async def ex_permits(
        self, action: str, params: Mapping[str, Any], *, location: Location | str | None = None
    ) -> bool:
        """Whether the account's policies permit a call (`"RunInstances"`), without making it.

        `params` are in the API's words, with lists and dictionaries: {"InstanceId": ["i-…"]}. A call that would fail
        for another reason raises that.
        """
        return await self.ex_query(await self._region_of(location)).permits(action, params)

    async def ex_resize_node(self, node: Node | str, size: Size | str) -> None:
        """Give a stopped instance another type. Raises ConflictError for one that is not stopped."""
        query = await self._query_of(node)
        params = {"InstanceId": id_of(node), "InstanceType": {"Value": id_of(size)}}
        await query.call("ModifyInstanceAttribute", params, idempotent=True)

    async def ex_protect_node(self, node: Node | str, protect: bool = True) -> None:
        """Refuse to terminate it, or no longer do."""
        query = await self._query_of(node)
        params = {"InstanceId": id_of(node), "DisableApiTermination": {"Value": protect}}
        await query.call("ModifyInstanceAttribute", params, idempotent=True)

    async def ex_console_output(self, node: Node | str, *, latest: bool = False) -> str:
        """What the console showed; empty while nothing is known. `latest` is for newer types only."""
        query = await self._query_of(node)
        params = {"InstanceId": id_of(node), "Latest": latest or None}
        payload = await query.call("GetConsoleOutput", params, idempotent=True)
        return base64.b64decode(payload.get("output") or "").decode("utf-8", "replace")

    async def ex_rename_node(self, node: Node | str, name: str) -> None:
        """Give the instance another name."""
        await self.ex_create_tags(node, {"Name": name})

    async def ex_create_tags(
        self, thing: Node | Image | str, tags: Mapping[str, str], *, location: Location | str | None = None
    ) -> None:
        """Add tags to a node, or to anything else that has an id; those with the same keys are replaced."""
        query = await self._query_for(thing, location)
        await query.call("CreateTags", {"ResourceId": [id_of(thing)], "Tag": _tags(tags)}, idempotent=True)

    async def ex_delete_tags(
        self, thing: Node | Image | str, keys: Sequence[str], *, location: Location | str | None = None
    ) -> None:
        """Remove the tags with these keys, whatever their values."""
        query = await self._query_for(thing, location)
        tags = [{"Key": key} for key in keys]
        await query.call("DeleteTags", {"ResourceId": [id_of(thing)], "Tag": tags}, idempotent=True)

    async def _query_for(self, thing: Node | Image | str, location: Location | str | None) -> Query:
        if location is None and (isinstance(thing, Node) or id_of(thing).startswith("i-")):
            return await self._query_of(thing if isinstance(thing, Node) else id_of(thing))
        return self.ex_query(await self._region_of(location))


def _tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _profile(name: str | None) -> dict[str, str] | None:
    if name is None:
        return None
    return {"Arn": name} if name.startswith("arn:") else {"Name": name}


def _market(spot: bool | str) -> dict[str, Any] | None:
    if spot is False:
        return None
    return {"MarketType": "spot", "SpotOptions": {"MaxPrice": spot if isinstance(spot, str) else None}}


def _named_group(payload: Mapping[str, Any], **context: Any) -> tuple[str, str]:
    return payload["groupName"], payload["groupId"]
