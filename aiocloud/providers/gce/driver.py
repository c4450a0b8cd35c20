"""Instances, what they are made of, and what leads to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiocloud.creation import Creation, new_token
from aiocloud.driver import NodeAuth, PowerControl, id_of, segment
from aiocloud.errors import CloudError, ConfigurationError, MalformedResponseError, NotFoundError
from aiocloud.http.paging import Pager
from aiocloud.models import Image, KeyPair, Location, Node, NodeAuthSSHKey, NodeState, Size
from aiocloud.providers.gce.market import Market
from aiocloud.providers.gce.networks import Networks
from aiocloud.providers.gce.operations import PATIENCE, as_uuid, given, link
from aiocloud.providers.gce.shapes import MARK, NODE, STATES, region_of

USER = "aiocloud"
"""Who is made on a new node, and let in with the key."""


class GCE(Market, Networks, PowerControl):
    """Needs a service account's e-mail address and private key, and the project.

    In place of them `ex_refresh_token` with `ex_client_id` and `ex_client_secret` sign in as a user, as gcloud's
    application default credentials do, and `ex_metadata_host` ("metadata.google.internal") as the instance that we run
    on. `ex_sign_in_endpoint` is where tokens are had, in place of Google's usual host.
    `ex_billing_key` is an API key for the Cloud Billing API, which tells prices; `ex_billing_endpoint` is where it is.
    `region` is the zone where nodes are made that name no location. A location is a zone ("europe-west1-b").
    A node that is made carries one more label, `aiocloud-create`, by which it is found if the answer is lost.
    """

    features = frozenset({"ssh_key", "user_data", "tags", "idempotent_create"})
    states = {"status": STATES}
    user_data_limit = 262_144
    usernames = (USER,)

    # ---- lists ----

    def list_nodes(self, *, location: Location | str | None = None) -> Pager[Node]:
        """All instances of the project, or those in one zone."""
        if location is None:
            return self._everywhere("instances", NODE)
        return self._list(f"/zones/{segment(location)}/instances", NODE)

    # ---- nodes ----

    async def get_node(self, node: Node | str) -> Node:
        """The instance as it is now. A bare id is looked for in all zones; or a name, if it is the only one."""
        if isinstance(node, Node) and node.location:
            return await self.http.get(self._path(self._of(node)), NODE)
        wanted = id_of(node)
        which = f"id={wanted}" if wanted.isdecimal() else f"name={_quoted(wanted)}"
        found = [each async for each in self._everywhere("instances", NODE, filter=which)]
        if len(found) > 1:
            places = ", ".join(str(each.location) for each in found)
            raise ConfigurationError(f"gce has several nodes {wanted!r}, in {places}: give the id")
        if not found:
            message = f"no node {wanted!r} in project {self.project}"
            raise NotFoundError(message, code="notFound", provider=self.provider, account=self.account)
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
        ex_username: str = USER,
        ex_disk_size: int | None = None,
        ex_disk_type: str | None = None,
        ex_network: str | None = None,
        ex_subnetwork: str | None = None,
        ex_external_ip: bool | str = True,
        ex_network_tags: Sequence[str] = (),
        ex_metadata: Mapping[str, str] | None = None,
        ex_service_account: str | None = None,
        ex_spot: bool = False,
    ) -> Node:
        """Make an instance. See `Compute.create_node`.

        It is waited for until Google has found room for it, or has not, for up to a minute. `image` is an image's id,
        the name of one of the project's own, or a family ("projects/debian-cloud/global/images/family/debian-12").
        ex_username         who is made there, and let in with the key of `auth`
        ex_disk_size        GB of the disk that it boots from, in place of the image's size
        ex_disk_type        what kind of disk: "pd-balanced", "pd-ssd", "hyperdisk-balanced"
        ex_network, ex_subnetwork  names in the project, or partial links, in place of the network "default"
        ex_external_ip      give it a public address: a passing one, a reserved one by its address, or with False none
        ex_network_tags     the words by which firewall rules choose it
        ex_metadata         more metadata, such as a "startup-script"
        ex_service_account  the e-mail address of the service account that it acts as
        ex_spot             a cheaper one, which may be stopped at any time
        """
        self.refuse_what_is_not_offered(auth, user_data, tags)
        place = id_of(location) if location is not None else self._home()
        if place is None:
            raise ConfigurationError("gce needs a `location` for a new node, or a zone as the driver's `region`")
        metadata = {**(ex_metadata or {}), **self._keys(auth, ex_username), **self._user_data(user_data)}
        disk = {"sourceImage": self._image(id_of(image)), "diskSizeGb": str(ex_disk_size) if ex_disk_size else None}
        disk["diskType"] = f"zones/{place}/diskTypes/{ex_disk_type}" if ex_disk_type else None
        token = new_token()
        body = {
            "name": name,
            "machineType": f"zones/{place}/machineTypes/{id_of(size)}",
            "disks": [{"boot": True, "autoDelete": True, "initializeParams": given(disk)}],
            "networkInterfaces": [_interface(place, ex_network, ex_subnetwork, ex_external_ip)],
            "labels": {**(tags or {}), MARK: token},
            "metadata": {"items": [{"key": key, "value": value} for key, value in metadata.items()]},
            "tags": {"items": list(ex_network_tags)} if ex_network_tags else None,
            "serviceAccounts": [_acting(ex_service_account)] if ex_service_account else None,
            "scheduling": {"provisioningModel": "SPOT", "instanceTerminationAction": "STOP"} if ex_spot else None,
        }
        # The same request id makes the same instance, so that the request may be repeated.
        once = {"requestId": as_uuid(token)}

        async def send() -> Node:
            path = f"/zones/{segment(place)}/instances"
            operation = await self._do("POST", path, json=given(body), params=once, idempotent=True)
            return await self._made(name, place, operation)

        async def find() -> Node | None:
            path = f"/zones/{segment(place)}/instances"
            found = await self._list(path, NODE, filter=f"labels.{MARK}={_quoted(token)}")
            return found[0] if found else None

        making = Creation(name=name, token=token, send=send, find=find, destroy=self.destroy_node, repeat=True)
        return await making.run()

    async def _made(self, name: str, place: str, operation: Mapping[str, Any]) -> Node:
        """The node that an operation makes; as far as is known, if it cannot be asked for now."""
        if not operation.get("targetId"):
            raise self.http.errors.stamp(MalformedResponseError("an operation that does not say what it makes"))
        known = Node(
            id=str(operation["targetId"]),
            name=name,
            state=NodeState.PENDING,
            location=place,
            provider=self.provider,
            account=self.account,
        )
        try:
            return await self.get_node(known)
        except CloudError:
            return known

    def _image(self, image: str) -> str:
        return image if "/" in image else f"projects/{self.project}/global/images/{image}"

    def _keys(self, auth: NodeAuth | None, username: str) -> Mapping[str, str]:
        match auth:
            case None:
                return {}
            case NodeAuthSSHKey(public_key) | KeyPair(public_key=str(public_key)):
                return {"ssh-keys": f"{username}:{public_key.strip()}"}
        raise self.refuse_auth(auth)

    def _user_data(self, user_data: str | bytes | None) -> Mapping[str, str]:
        text = self.user_data_text(user_data)
        return {"user-data": text} if text is not None else {}

    async def destroy_node(self, node: Node | str) -> None:
        """Delete the instance with the disk that it was made with.

        Since Google says no more of it meanwhile than that it is stopping, its end is waited for, for up to 20 seconds.
        """
        await self._do("DELETE", await self._located(node), patience=20.0)

    async def reboot_node(self, node: Node | str) -> None:
        """Reset it: as a computer whose button is pressed. Google has no gentler way."""
        await self._act(node, "reset", patience=0.0)

    async def start_node(self, node: Node | str) -> None:
        """Start it. Raises CapacityError where there is no room for it now."""
        await self._act(node, "start")

    async def stop_node(self, node: Node | str) -> None:
        """Shut it down. Its disks, and addresses that are reserved, go on costing."""
        await self._act(node, "stop", patience=0.0)

    @staticmethod
    def _of(node: Node) -> str:
        return f"/zones/{segment(node.location or '')}/instances/{segment(node)}"

    async def _located(self, node: Node | str) -> str:
        """The path to it."""
        return self._of(node if isinstance(node, Node) and node.location else await self.get_node(node))

    async def _act(
        self, node: Node | str, action: str, body: Mapping[str, Any] | None = None, *, patience: float = PATIENCE
    ) -> None:
        once = {"requestId": as_uuid(new_token())}
        path = f"{await self._located(node)}/{action}"
        await self._do("POST", path, json=body, params=once, idempotent=True, patience=patience)

    def failure_reason(self, node: Node) -> str | None:
        """What the API says of its status."""
        return node.extra.get("statusMessage")

    # ---- what only Compute Engine has ----

    async def ex_set_tags(self, node: Node | str, tags: Mapping[str, str]) -> None:
        """Replace all its labels. Raises ConflictError if somebody else changes them at the same time."""
        seen = await self.get_node(node)
        body = {"labels": dict(tags), "labelFingerprint": seen.extra.get("labelFingerprint")}
        await self._act(seen, "setLabels", body)

    async def ex_resize_node(self, node: Node | str, size: Size | str) -> None:
        """Give a stopped instance another machine type."""
        seen = await self.get_node(node)
        await self._act(seen, "setMachineType", {"machineType": f"zones/{seen.location}/machineTypes/{id_of(size)}"})

    async def ex_suspend_node(self, node: Node | str) -> None:
        """Put it to sleep with its memory, which costs less than running."""
        await self._act(node, "suspend", patience=0.0)

    async def ex_resume_node(self, node: Node | str) -> None:
        """Wake it."""
        await self._act(node, "resume")

    async def ex_get_console_output(self, node: Node | str) -> str:
        """What it has written to its first serial port."""
        payload = await self.http.call("GET", self._path(f"{await self._located(node)}/serialPort"))
        return str(payload.get("contents", ""))


def _interface(place: str, network: str | None, subnetwork: str | None, external: bool | str) -> Mapping[str, Any]:
    access: dict[str, Any] = {"name": "External NAT", "type": "ONE_TO_ONE_NAT"}
    if isinstance(external, str):
        access["natIP"] = external
    return given(
        {
            "network": link("global/networks", network or "default") if network or not subnetwork else None,
            "subnetwork": link(f"regions/{region_of(place)}/subnetworks", subnetwork) if subnetwork else None,
            "accessConfigs": [access] if external else None,
        }
    )


def _acting(email: str) -> Mapping[str, Any]:
    return {"email": email, "scopes": ["https://www.googleapis.com/auth/cloud-platform"]}


def _quoted(text: str) -> str:
    """A word in a filter. Raises ConfigurationError for one that would end it."""
    if '"' in text or "\\" in text:
        raise ConfigurationError(f"{text!r} is no id")
    return f'"{text}"'
