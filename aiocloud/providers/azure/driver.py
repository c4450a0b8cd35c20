"""Virtual machines, and what is done to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiocloud.driver import PowerControl, id_of
from aiocloud.mapping import dig
from aiocloud.models import Node, Size
from aiocloud.providers.azure.making import USER, Making
from aiocloud.providers.azure.operations import PATIENCE
from aiocloud.providers.azure.shapes import MARK, POWER, PROVISIONING


class Azure(Making, PowerControl):
    """Needs an application's tenant, id and secret, and the subscription; or nothing at all for prices and places.

    In place of the secret `ex_token` is a token that somebody else has got ("az account get-access-token"), `ex_cli`
    runs the Azure CLI for one (True, or the path to it), and `ex_managed_identity` signs in as the machine that we run
    on (True, or the client id of one identity of several), or with `ex_identity_endpoint` and `ex_identity_header` as
    the app. `ex_sign_in_endpoint` and `ex_prices_endpoint` stand in place of Microsoft's usual hosts.
    `resource_group` is where nodes are made; "aiocloud", by default, is made when it is needed, and another one must
    be there. `region` is where nodes are made that name no location.
    """

    features = frozenset({"ssh_key", "password", "generates_password", "user_data", "tags", "idempotent_create"})
    states = {"instanceView.statuses": POWER, "provisioningState": PROVISIONING}
    user_data_limit = 65_535
    usernames = (USER,)

    async def reboot_node(self, node: Node | str) -> None:
        """Restart it."""
        await self._act(node, "restart", patience=0.0)

    async def start_node(self, node: Node | str) -> None:
        """Start it. Raises CapacityError where there is no room for it now."""
        await self._act(node, "start")

    async def stop_node(self, node: Node | str) -> None:
        """Stop it, and give its processors back, so that they cost nothing. Its disks and its address go on costing."""
        await self._act(node, "deallocate", patience=0.0)

    async def _act(
        self, node: Node | str, action: str, body: Any = None, *, patience: float = PATIENCE
    ) -> Mapping[str, Any]:
        return await self._do("POST", f"{self._where(node)[0]}/{action}", json=body, patience=patience, idempotent=True)

    def failure_reason(self, node: Node) -> str | None:
        """What the instance view says of it."""
        statuses = dig(node.extra, "properties.instanceView.statuses") or ()
        told = (each.get("message") or each.get("displayStatus") for each in statuses if each.get("level") == "Error")
        return next(told, None)

    # ---- what only Azure has ----

    async def ex_power_off_node(self, node: Node | str) -> None:
        """Stop it, and keep its processors, which go on costing as much."""
        await self._act(node, "powerOff", patience=0.0)

    async def ex_redeploy_node(self, node: Node | str) -> None:
        """Move it to another host, and start it there. Its temporary disk is lost."""
        await self._act(node, "redeploy")

    async def ex_resize_node(self, node: Node | str, size: Size | str) -> None:
        """Give it another size. One that runs is restarted."""
        body = {"properties": {"hardwareProfile": {"vmSize": id_of(size)}}}
        await self._do("PATCH", self._where(node)[0], json=body, idempotent=True)

    async def ex_set_tags(self, node: Node | str, tags: Mapping[str, str]) -> None:
        """Replace all its tags."""
        path, _ = self._where(node)
        mark = ((await self._get(path)).get("tags") or {}).get(MARK)
        body = {"tags": {**tags, **({MARK: mark} if mark else {})}}
        await self._do("PATCH", path, json=body, idempotent=True)

    async def ex_run_command(self, node: Node | str, script: str | Sequence[str], *, ex_wait: float = 600.0) -> str:
        """Run shell commands on it as root, by its agent and without SSH; what they wrote, as the agent tells it.

        Azure keeps the last 4 kB of the output. They are awaited for `ex_wait` seconds.
        """
        lines = script.splitlines() if isinstance(script, str) else list(script)
        path = f"{self._where(node)[0]}/runCommand"
        response = await self._ask("POST", path, json={"commandId": "RunShellScript", "script": lines})
        result = response.headers.get("Location")
        await self._settle(response, f"POST {path}", ex_wait)
        payload = self._said(await self._follow(result), path) if result else self._said(response, path)
        return "\n".join(str(each.get("message") or "") for each in payload.get("value") or ())
