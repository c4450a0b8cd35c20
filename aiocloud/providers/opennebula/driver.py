"""The driver."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeVar, Unpack

from aiocloud.accounts import Account, Environment
from aiocloud.creation import Creation, new_token
from aiocloud.driver import NodeAuth, Options, PowerControl, id_of
from aiocloud.errors import ConfigurationError
from aiocloud.http.client import Api
from aiocloud.http.message import Response
from aiocloud.http.paging import OffsetPaging, Pager, Params
from aiocloud.mapping import dig, raw
from aiocloud.models import Image, KeyPair, Location, Node, NodeAuthPassword, NodeAuthSSHKey, NodeState, Size
from aiocloud.providers.opennebula.shapes import (
    IMAGE,
    LCM_STATES,
    LOCATION,
    NODE,
    STATES,
    labels,
    number,
    placed,
    size_id,
    size_of,
    sized,
)
from aiocloud.providers.opennebula.wire import RPC, OneCodec, raise_refusals, several, template_text
from aiocloud.values import FrozenMap, Secret

T = TypeVar("T")

MARK = "AIOCLOUD_CREATE"
"""The attribute by which a node is found again whose creation was not confirmed."""


class OpenNebula(PowerControl):
    """Needs `endpoint` ("https://one.example.org:2633/RPC2"), and a user with a password or a login token.

    Images are VM templates, with all that stands in them: disks, networks, context. A size is written "2x4096": virtual
    CPUs and MiB of memory; those of the templates are listed, any other may be given. Locations are clusters; without
    one, or a `region`, the scheduler chooses. Tags are labels: ours are written `key=value`.
    """

    provider = "opennebula"
    title = "OpenNebula"
    website = "https://opennebula.io/"
    protocol = "OpenNebula 5.8 to 7, XML-RPC"
    features = frozenset({"ssh_key", "password", "user_data", "tags", "idempotent_create"})
    states = {"STATE": STATES, "LCM_STATE": LCM_STATES}
    user_data_limit = 65535  # OpenNebula names none: this is what fits with most others
    api = Api(paging=OffsetPaging(limit=100, total=""), codec=OneCodec())

    def __init__(
        self, username: str | None = None, password: str | Secret | None = None, **options: Unpack[Options]
    ) -> None:
        super().__init__(**options)
        if not self.endpoint:
            raise ConfigurationError("opennebula needs `endpoint`, as https://one.example.org:2633/RPC2")
        if not username:
            raise ConfigurationError("opennebula needs `username`")
        self._session_text = Secret(f"{username}:{self.secret(password, 'password').reveal()}")
        self.http = self.connect(auth=raise_refusals)

    @classmethod
    def accounts(cls, environment: Environment) -> Iterable[Account]:
        """The file that ONE_AUTH names, or ~/.one/one_auth; and ONE_XMLRPC, or ~/.one/one_endpoint, or localhost."""
        folder = environment.home / ".one"
        path = Path(environment.get("ONE_AUTH") or folder / "one_auth").expanduser()
        username, _, password = _line(path).partition(":")
        if username and password:
            endpoint = environment.get("ONE_XMLRPC") or _line(folder / "one_endpoint") or "http://localhost:2633/RPC2"
            login = {"username": username, "password": password, "endpoint": endpoint}
            yield Account("opennebula", "default", login, source=str(path))

    # ---- calls ----

    async def _send(self, method: str, *arguments: Any, repeatable: bool = False) -> Response:
        return await self.http.send(
            "POST",
            body=RPC.encode(method, self._session_text.reveal(), *arguments),
            headers={"Content-Type": "text/xml"},
            idempotent=repeatable or method.endswith((".info", ".infoextended", ".version")),
            operation=method,
        )

    async def _call(self, method: str, *arguments: Any, repeatable: bool = False) -> Any:
        return self.http.decode(await self._send(method, *arguments, repeatable=repeatable), method)

    def _pool(self, method: str, item: str, shape: Callable[..., T], *more: Any, mine: bool = False) -> Pager[T]:
        """What may be seen (or is mine), by pages: an end below -1 is their size, a start the place in the list."""

        async def fetch(page: Params) -> tuple[Response, Any]:
            window = (int(page["offset"]), -int(page["limit"]))
            response = await self._send(method, -3 if mine else -2, *window, *more)
            return response, several(dig(self.http.decode(response, method), item))

        return self.http.pager(fetch, shape)

    def _whole(self, method: str, item: str, shape: Callable[..., T]) -> Pager[T]:
        """A list that comes without pages."""

        async def items() -> list[T]:
            found = dig(await self._call(method), item)
            return [self.http.read(shape, each, operation=method) for each in several(found)]

        return Pager.of(items)

    # ---- lists ----

    def list_nodes(self, *, location: Location | str | None = None) -> Pager[Node]:
        """All VMs that the user may see, but those that are done; or those in one cluster."""
        everywhere = self._nodes()
        if location is None:
            return everywhere
        where = id_of(location)

        async def there(window: int) -> Any:
            async for page in everywhere.pages(window):
                yield [node for node in page if node.location == where]

        return Pager(there)

    def _nodes(self, *, mine: bool = False) -> Pager[Node]:
        return self._pool("one.vmpool.infoextended", "VM", NODE, -1, mine=mine)

    def list_images(self, *, location: Location | str | None = None) -> Pager[Image]:
        """The VM templates; see `ex_list_disk_images` for disks."""
        return self._pool("one.templatepool.info", "VMTEMPLATE", IMAGE)

    def list_sizes(self, *, location: Location | str | None = None) -> Pager[Size]:
        """The sizes that stand in the templates. OpenNebula has no others, and no prices but in units of its own."""
        where = id_of(location) if location is not None else None

        async def sizes() -> list[Size]:
            ids = {size_id(template.extra) for template in await self.list_images()} - {None}
            found = sorted(map(size_of, filter(None, ids)), key=lambda size: (size.ram or 0, size.vcpus or 0))
            return [replace(size, location=where) for size in found]

        return Pager.of(sizes)

    def list_locations(self) -> Pager[Location]:
        """The clusters. OpenNebula does not know where they stand."""
        return self._whole("one.clusterpool.info", "CLUSTER", LOCATION)

    # ---- nodes ----

    async def get_node(self, node: Node | str) -> Node:
        """The VM as it is now; one that was destroyed stays to be seen, as terminated."""
        payload = await self._call("one.vm.info", number(node))
        return self.http.read(NODE, payload, operation="one.vm.info")

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
        ex_cpu: float | None = None,
        ex_networks: Sequence[str | int] = (),
        ex_hold: bool = False,
        ex_persistent: bool = False,
        ex_template: Mapping[str, Any] | None = None,
    ) -> Node:
        """Instantiate a VM template. See `Compute.create_node`.

        Nothing of the template is replaced but what is asked for; keys, passwords, user data are added to its context.
        ex_cpu         physical CPUs; without it those of the template, or as many as virtual ones
        ex_networks    ids of virtual networks, in place of those of the template
        ex_hold        let it wait until `ex_release_node`
        ex_persistent  copy the template and its disks, and keep them
        ex_template    more attributes, which replace those of the template: {"DISK": [{"IMAGE_ID": "11"}]}
        """
        self.refuse_what_is_not_offered(auth, user_data, tags)
        wanted, token, words = size_of(id_of(size)), new_token(), labels(tags or {})
        context = self._context(auth, user_data)
        where = self._cluster(location)
        if where is not None:
            await self._call("one.cluster.info", int(where))  # VMs for one that is not there would wait for ever
        template = await self._call("one.template.info", number(image))
        changes = {
            **sized(template, wanted, ex_cpu),
            **placed(template, where),
            "CONTEXT": {**(dig(template, "TEMPLATE.CONTEXT") or {}), **context} if context else None,
            "NIC": [{"NETWORK_ID": str(network)} for network in ex_networks] or None,
            "LABELS": words or None,
            **(ex_template or {}),
            MARK: token,
        }
        arguments = (number(image), name, ex_hold, template_text(changes), ex_persistent)
        made = Node(
            id="",
            name=name,
            state=NodeState.PENDING,
            size=wanted.id,
            image=id_of(image),
            location=where,
            tags=FrozenMap(tags or {}),
            provider=self.provider,
            account=self.account,
        )

        async def send() -> Node:
            return replace(made, id=str(await self._call("one.template.instantiate", *arguments)))

        async def find() -> Node | None:
            async for node in self._nodes(mine=True):
                if dig(node.extra, f"USER_TEMPLATE.{MARK}") == token:
                    return node
            return None

        return await Creation(name=name, token=token, send=send, find=find, destroy=self.destroy_node).run()

    async def destroy_node(self, node: Node | str, *, ex_wait: float = 600.0) -> None:
        """Terminate the VM at once, with its disks that are not persistent.

        OpenNebula refuses that while it is being deployed or moved. This is waited for, up to `ex_wait` seconds; then,
        or at once with 0, ConflictError is raised. See also `ex_recover_node`.
        """
        await self.once_allowed(node, lambda: self._act(node, "terminate-hard", repeatable=True), wait=ex_wait)

    async def reboot_node(self, node: Node | str, *, ex_hard: bool = False) -> None:
        """Restart the operating system, or with `ex_hard` reset the VM. Its state shows nothing of it."""
        await self._act(node, "reboot-hard" if ex_hard else "reboot")

    async def start_node(self, node: Node | str) -> None:
        """Resume it, whether it was powered off, suspended or stopped."""
        await self._act(node, "resume")

    async def stop_node(self, node: Node | str, *, ex_hard: bool = False) -> None:
        """Shut it down, or with `ex_hard` cut its power. Its place on the host stays reserved."""
        await self._act(node, "poweroff-hard" if ex_hard else "poweroff")

    async def _act(self, node: Node | str, action: str, *, repeatable: bool = False) -> None:
        await self._call("one.vm.action", action, number(node), repeatable=repeatable)

    def failure_reason(self, node: Node) -> str | None:
        """What the drivers of the host have said."""
        said = dig(node.extra, "USER_TEMPLATE.ERROR")
        return str(said) if said else None

    def _cluster(self, location: Location | str | None) -> str | None:
        place = id_of(location) if location is not None else self.region
        if not isinstance(place, str | None):
            raise ConfigurationError("opennebula takes one `region`, the id of a cluster")
        return str(number(place)) if place else None

    def _context(self, auth: NodeAuth | None, user_data: str | bytes | None) -> dict[str, str]:
        context: dict[str, str] = {}
        match auth:
            case NodeAuthPassword():
                context["PASSWORD"] = self.secret(auth.password, "password").reveal()
            case NodeAuthSSHKey(str(key)) | KeyPair(public_key=str(key)):
                context["SSH_PUBLIC_KEY"] = key.strip()
            case KeyPair():
                raise self.refuse_auth(auth)
        if data := self.encoded_user_data(user_data):
            context |= {"USER_DATA": data, "USER_DATA_ENCODING": "base64"}
        return context

    # ---- what only OpenNebula has ----

    async def ex_suspend_node(self, node: Node | str) -> None:
        """Save its memory to disk and halt it; `start_node` goes on from there."""
        await self._act(node, "suspend")

    async def ex_undeploy_node(self, node: Node | str) -> None:
        """Power it off and free its place on the host."""
        await self._act(node, "undeploy")

    async def ex_release_node(self, node: Node | str) -> None:
        """Let a VM be scheduled that was made with `ex_hold`."""
        await self._act(node, "release")

    async def ex_recover_node(self, node: Node | str, how: Literal["failure", "success", "retry", "delete"]) -> None:
        """End what a VM is stuck in. "delete" destroys it in any state, which administrators alone may do."""
        operation = ("failure", "success", "retry", "delete").index(how)
        await self._call("one.vm.recover", number(node), operation)

    async def ex_rename_node(self, node: Node | str, name: str) -> None:
        """Give the VM another name."""
        await self._call("one.vm.rename", number(node), name, repeatable=True)

    async def ex_set_tags(self, node: Node | str, tags: Mapping[str, str]) -> None:
        """Replace all its labels."""
        text = template_text({"LABELS": labels(tags)})
        await self._call("one.vm.update", number(node), text, 1, repeatable=True)

    async def ex_resize_node(self, node: Node | str, size: Size | str, *, ex_cpu: float | None = None) -> None:
        """Give a VM that is powered off other CPUs and memory."""
        wanted = size_of(id_of(size))
        changes = {"CPU": ex_cpu or wanted.vcpus, "VCPU": wanted.vcpus, "MEMORY": wanted.ram}
        await self._call("one.vm.resize", number(node), template_text(changes), True, repeatable=True)

    def ex_list_disk_images(self) -> Pager[Mapping[str, Any]]:
        """Images of disks and CDs, as the API tells them; sizes in MiB."""
        return self._pool("one.imagepool.info", "IMAGE", raw)

    def ex_list_networks(self) -> Pager[Mapping[str, Any]]:
        """The virtual networks, as the API tells them."""
        return self._pool("one.vnpool.info", "VNET", raw)

    def ex_list_hosts(self) -> Pager[Mapping[str, Any]]:
        """The hosts, where the user may see them."""
        return self._whole("one.hostpool.info", "HOST", raw)

    async def ex_version(self) -> str:
        """The version of the server: "7.0.1"."""
        return str(await self._call("one.system.version"))


def _line(path: Path) -> str:
    """The first line of a file that OpenNebula's own tools keep; "" where there is none."""
    try:
        return path.read_text("utf-8").strip().partition("\n")[0].strip()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {type(error).__name__}") from None
