"""Security groups, elastic addresses, networks. None of them are portable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aiocloud.dialects.ec2 import (
    ADDRESS,
    GROUP,
    SUBNET,
    VPC,
    Address,
    Query,
    Rule,
    SecurityGroup,
    Subnet,
    Vpc,
    filters,
    permission,
)
from aiocloud.driver import id_of
from aiocloud.http.paging import Pager
from aiocloud.models import Location, Node
from aiocloud.providers.ec2.regional import Regional

Place = Location | str | None
Filters = Mapping[str, str | Sequence[str]] | None
PAGE = 1000


class Networks(Regional):
    """What nodes are plugged into.

    Verbs that are given a bare id act in `location`, or in the driver's first region.
    """

    # ---- security groups ----

    def ex_list_security_groups(self, *, location: Place = None, ex_filters: Filters = None) -> Pager[SecurityGroup]:
        """The security groups, with what they let in."""
        params = {"Filter": filters(ex_filters)}
        return self._everywhere(
            lambda query: query.list("DescribeSecurityGroups", GROUP, "securityGroupInfo", params, size=PAGE), location
        )

    async def ex_get_security_group(self, group: SecurityGroup | str, *, location: Place = None) -> SecurityGroup:
        """One security group as it is now. Raises NotFoundError."""
        query = await self._query_at(group, location)
        params = {"GroupId": [_id(group)]}
        found = await query.list("DescribeSecurityGroups", GROUP, "securityGroupInfo", params)
        if not found:
            raise self._missing(f"no security group {_id(group)!r}", "InvalidGroup.NotFound")
        return found[0]

    async def ex_create_security_group(
        self, name: str, description: str, *, vpc: Vpc | str | None = None, location: Place = None
    ) -> SecurityGroup:
        """A security group that lets nothing in yet, in the default network unless another is named."""
        query = await self._query_at(vpc, location)
        network = _id(vpc) if vpc is not None else None
        params = {"GroupName": name, "GroupDescription": description, "VpcId": network}
        payload = await query.call("CreateSecurityGroup", params)
        return SecurityGroup(
            id=payload["groupId"], name=name, description=description, vpc=network, location=query.location or ""
        )

    async def ex_delete_security_group(self, group: SecurityGroup | str, *, location: Place = None) -> None:
        """Delete it. Raises ConflictError while something uses it."""
        query = await self._query_at(group, location)
        await query.call("DeleteSecurityGroup", {"GroupId": _id(group)})

    async def ex_authorize_ingress(self, group: SecurityGroup | str, *rules: Rule, location: Place = None) -> None:
        """Let more in: Rule(from_port=22, to_port=22, cidr="198.51.100.0/24"). Raises ConflictError for what is in."""
        await self._change_ingress("AuthorizeSecurityGroupIngress", group, rules, location)

    async def ex_revoke_ingress(self, group: SecurityGroup | str, *rules: Rule, location: Place = None) -> None:
        """Let these in no longer."""
        await self._change_ingress("RevokeSecurityGroupIngress", group, rules, location)

    async def _change_ingress(
        self, action: str, group: SecurityGroup | str, rules: Sequence[Rule], location: Place
    ) -> None:
        query = await self._query_at(group, location)
        permissions = [permission(rule) for rule in rules]
        await query.call(action, {"GroupId": _id(group), "IpPermissions": permissions})

    # ---- elastic addresses ----

    def ex_list_addresses(self, *, location: Place = None) -> Pager[Address]:
        """The account's elastic addresses, in use or not."""
        return self._everywhere(
            lambda query: query.list_whole("DescribeAddresses", ADDRESS, "addressesSet", {}), location
        )

    async def ex_allocate_address(self, *, location: Place = None) -> Address:
        """An elastic address. It costs money until it is released."""
        query = await self._query_at(None, location)
        payload = await query.call("AllocateAddress", {"Domain": "vpc"})
        return ADDRESS(payload, location=query.location or "")

    async def ex_associate_address(self, address: Address | str, node: Node | str) -> str:
        """Give an address to a node, from whichever other has it; the id of the association."""
        query = await self._query_of(node)
        params = {"AllocationId": _id(address), "InstanceId": id_of(node), "AllowReassociation": True}
        association: str = (await query.call("AssociateAddress", params, idempotent=True))["associationId"]
        return association

    async def ex_disassociate_address(self, address: Address | str, *, location: Place = None) -> None:
        """Take an address from its node. `address` is one that has been listed, or the id of an association."""
        query = await self._query_at(address, location)
        association = address if isinstance(address, str) else address.association
        if association is None:
            raise self._missing(f"{_id(address)} has no node", "InvalidAssociationID.NotFound")
        await query.call("DisassociateAddress", {"AssociationId": association})

    async def ex_release_address(self, address: Address | str, *, location: Place = None) -> None:
        """Give an address back. Raises ConflictError while a node has it."""
        query = await self._query_at(address, location)
        await query.call("ReleaseAddress", {"AllocationId": _id(address)})

    # ---- networks ----

    def ex_list_vpcs(self, *, location: Place = None, ex_filters: Filters = None) -> Pager[Vpc]:
        """The private networks."""
        params = {"Filter": filters(ex_filters)}
        return self._everywhere(lambda query: query.list("DescribeVpcs", VPC, "vpcSet", params, size=PAGE), location)

    def ex_list_subnets(self, *, location: Place = None, ex_filters: Filters = None) -> Pager[Subnet]:
        """The subnets; `ex_filters={"vpc-id": "vpc-…"}` for those of one network."""
        params = {"Filter": filters(ex_filters)}
        return self._everywhere(
            lambda query: query.list("DescribeSubnets", SUBNET, "subnetSet", params, size=PAGE), location
        )

    async def _query_at(self, thing: SecurityGroup | Address | Vpc | str | None, location: Place) -> Query:
        """The API of the region that is named, or else that of the thing."""
        if location is None and thing is not None and not isinstance(thing, str):
            location = thing.location or None
        return self.ex_query(await self._region_of(location))


def _id(thing: SecurityGroup | Address | Vpc | str) -> str:
    return thing if isinstance(thing, str) else thing.id
