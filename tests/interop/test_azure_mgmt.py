"""Microsoft's own clients (`azure-mgmt-…`, `azure-identity`), unmodified, against our simulator."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
import trustme

from aiocloud.simulators.azure import AzureSimulator
from aiocloud.simulators.base import NoCapacity
from aiocloud.simulators.server import serve
from tests.interop.conftest import official

identity = official("azure.identity.aio")
credentials = official("azure.core.credentials")
policies = official("azure.core.pipeline.policies")
compute = official("azure.mgmt.compute")
compute_aio = official("azure.mgmt.compute.aio")
network = official("azure.mgmt.network")
resource = official("azure.mgmt.resource.resources")
exceptions = official("azure.core.exceptions")

T = TypeVar("T")
GROUP, PLACE = "quay", "westeurope"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJP4Ck6JO2XhDiWGt42h8ldHiAh59cTsTkwtq1Zmum0L quay"


class Bearer:
    """A credential that has its tokens from the simulator, without asking."""

    def __init__(self, simulator: AzureSimulator) -> None:
        self.simulator = simulator

    def get_token(self, *scopes: str, **more: Any) -> Any:
        assert scopes == ("https://management.azure.com/.default",)
        return credentials.AccessToken(self.simulator.door.token(), 4_000_000_000)


class PlainHttp(policies.SansIOHTTPPolicy):  # type: ignore[misc,name-defined]  # it is known at run time alone
    """The clients send tokens over TLS alone, unless each call says otherwise."""

    def on_request(self, request: Any) -> None:
        request.context.options["enforce_https"] = False


class Served:
    """A simulator on loopback, and the official clients of its account."""

    def __init__(self, simulator: AzureSimulator, base: str) -> None:
        self.simulator, self.base = simulator, base
        self.compute = self.client(compute.ComputeManagementClient)
        self.network = self.client(network.NetworkManagementClient)
        self.resource = self.client(resource.ResourceManagementClient)

    def client(self, kind: Any) -> Any:
        return kind(
            Bearer(self.simulator),
            self.simulator.subscription,
            base_url=self.base,
            credential_scopes=["https://management.azure.com/.default"],
            per_call_policies=[PlainHttp()],
            polling_interval=0,
            retry_total=0,
        )

    def close(self) -> None:
        for each in (self.compute, self.network, self.resource):
            each.close()

    async def do(self, work: Callable[[Served], T]) -> T:
        """Run synchronous code in a thread."""
        return await asyncio.to_thread(work, self)


@pytest.fixture
async def azure() -> AsyncIterator[Served]:
    simulator = AzureSimulator(boot=0.0)
    async with serve(simulator) as base:
        served = Served(simulator, str(base).rstrip("/"))
        yield served
        served.close()


def ground(served: Served) -> str:
    """The id of an interface with an address, and all that it needs."""
    served.resource.resource_groups.create_or_update(GROUP, {"location": PLACE})
    subnet = {"name": "default", "properties": {"addressPrefix": "10.0.0.0/24"}}
    space = {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": [subnet]}
    made = served.network.virtual_networks.begin_create_or_update(
        GROUP, "net", {"location": PLACE, "properties": space}
    ).result()
    public = served.network.public_ip_addresses.begin_create_or_update(
        GROUP,
        "web-1",
        {"location": PLACE, "sku": {"name": "Standard"}, "properties": {"publicIPAllocationMethod": "Static"}},
    ).result()
    assert public.ip_address.startswith("198.")
    configuration = {
        "subnet": {"id": f"{made.id}/subnets/default"},
        "publicIPAddress": {"id": public.id, "properties": {"deleteOption": "Delete"}},
    }
    properties = {"ipConfigurations": [{"name": "primary", "properties": configuration}]}
    interface = served.network.network_interfaces.begin_create_or_update(
        GROUP, "web-1", {"location": PLACE, "properties": properties}
    ).result()
    assert interface.ip_configurations[0].private_ip_address.startswith("10.")
    return str(interface.id)


def prototype(interface: str) -> Any:
    models = compute.models
    image = models.ImageReference(publisher="Debian", offer="debian-12", sku="12-gen2", version="latest")
    disk = models.OSDisk(create_option="FromImage", delete_option="Delete")
    key = models.SshPublicKey(path="/home/quay/.ssh/authorized_keys", key_data=KEY)
    linux = models.LinuxConfiguration(
        disable_password_authentication=True, ssh=models.SshConfiguration(public_keys=[key])
    )
    return models.VirtualMachine(
        location=PLACE,
        tags={"role": "web"},
        hardware_profile=models.HardwareProfile(vm_size="Standard_B1ms"),
        storage_profile=models.StorageProfile(image_reference=image, os_disk=disk),
        os_profile=models.OSProfile(computer_name="web-1", admin_username="quay", linux_configuration=linux),
        network_profile=models.NetworkProfile(
            network_interfaces=[models.NetworkInterfaceReference(id=interface, primary=True, delete_option="Delete")]
        ),
    )


def power(served: Served) -> str:
    view = served.compute.virtual_machines.instance_view(GROUP, "web-1")
    return str(view.statuses[-1].code)


async def test_a_machine_lives_its_whole_life(azure: Served) -> None:
    def work(served: Served) -> list[str]:
        machines = served.compute.virtual_machines
        made = machines.begin_create_or_update(GROUP, "web-1", prototype(ground(served))).result()
        assert (made.name, made.provisioning_state, made.tags) == ("web-1", "Succeeded", {"role": "web"})
        assert made.storage_profile.os_disk.delete_option == "Delete"
        assert made.time_created.tzinfo is not None
        states = [power(served)]
        for verb in ("deallocate", "start", "restart", "power_off", "start", "redeploy"):
            getattr(machines, f"begin_{verb}")(GROUP, "web-1").result()
            states.append(power(served))
        change = {"tags": {"role": "db"}, "properties": {"hardwareProfile": {"vmSize": "Standard_B2s"}}}
        changed = machines.begin_update(GROUP, "web-1", change).result()
        assert (changed.tags, changed.hardware_profile.vm_size) == ({"role": "db"}, "Standard_B2s")
        said = machines.begin_run_command(GROUP, "web-1", {"commandId": "RunShellScript", "script": ["true"]}).result()
        assert "[stdout]" in said.value[0].message
        machines.begin_delete(GROUP, "web-1").result()
        with pytest.raises(exceptions.ResourceNotFoundError):
            machines.get(GROUP, "web-1")
        assert list(served.network.network_interfaces.list_all()) == []
        assert list(served.network.public_ip_addresses.list_all()) == []
        assert list(served.compute.disks.list()) == []
        return states

    states = [word.removeprefix("PowerState/") for word in await azure.do(work)]
    assert states == ["running", "deallocated", "running", "running", "stopped", "running", "running"]


async def test_a_machine_that_is_there_is_not_overwritten_by_one_that_must_be_new(azure: Served) -> None:
    def work(served: Served) -> None:
        machines, body = served.compute.virtual_machines, prototype(ground(served))
        condition = official("azure.core").MatchConditions.IfMissing
        machines.begin_create_or_update(GROUP, "web-1", body, match_condition=condition).result()
        with pytest.raises(exceptions.ResourceExistsError):
            machines.begin_create_or_update(GROUP, "web-1", body, match_condition=condition)

    await azure.do(work)


async def test_the_lists_are_whole(azure: Served) -> None:
    azure.simulator.populate(230)

    def work(served: Served) -> None:
        names = [one.name for one in served.compute.virtual_machines.list_all()]
        assert sorted(names) == sorted(one.name for one in served.simulator.world.machines.values())
        states = served.compute.virtual_machines.list_all(status_only="true")
        codes = {status.code for one in states for status in one.instance_view.statuses}
        assert codes == {"ProvisioningState/succeeded", "PowerState/running"}
        assert len(list(served.network.network_interfaces.list_all())) == 230
        found = list(served.compute.resource_skus.list(filter=f"location eq '{PLACE}'"))
        sizes = {sku.name: sku for sku in found if sku.resource_type == "virtualMachines"}
        able = {each.name: each.value for each in sizes["Standard_D2s_v3"].capabilities}
        assert (able["vCPUs"], able["MemoryGB"]) == ("2", "8")
        assert sizes["Standard_NC6s_v3"].restrictions[0].reason_code == "NotAvailableForSubscription"
        images = served.compute.virtual_machine_images
        assert [each.name for each in images.list_skus(PLACE, "Debian", "debian-12")] == ["12-gen2"]

    await azure.do(work)
    assert azure.simulator.calls["VirtualMachines_ListAll"] == 6


async def test_a_lack_of_room_is_told_by_the_operation(azure: Served) -> None:
    azure.simulator.faults.append(NoCapacity(on="VirtualMachines_CreateOrUpdate"))

    def work(served: Served) -> None:
        poller = served.compute.virtual_machines.begin_create_or_update(GROUP, "web-1", prototype(ground(served)))
        with pytest.raises(exceptions.HttpResponseError, match="sufficient capacity") as caught:
            poller.result()
        assert caught.value.error.code == "AllocationFailed"
        assert served.compute.virtual_machines.get(GROUP, "web-1").provisioning_state == "Failed"

    await azure.do(work)


async def test_a_key_and_a_rule_come_and_go(azure: Served) -> None:
    def work(served: Served) -> None:
        served.resource.resource_groups.create_or_update(GROUP, {"location": PLACE})
        keys = served.compute.ssh_public_keys
        keys.create(GROUP, "mine", {"location": PLACE, "properties": {"publicKey": KEY}})
        assert [key.public_key for key in keys.list_by_subscription()] == [KEY]
        keys.delete(GROUP, "mine")
        guards = served.network.network_security_groups
        guards.begin_create_or_update(GROUP, "web", {"location": PLACE}).result()
        rule = {"protocol": "Tcp", "access": "Allow", "direction": "Inbound", "priority": 100}
        rule |= {"sourceAddressPrefix": "*", "destinationAddressPrefix": "*", "destinationPortRange": "80"}
        served.network.security_rules.begin_create_or_update(GROUP, "web", "http", {"properties": rule}).result()
        assert [each.name for each in guards.get(GROUP, "web").security_rules] == ["http"]
        guards.begin_delete(GROUP, "web").result()
        assert [each.name for each in served.resource.resource_groups.list()] == [GROUP]
        served.resource.resource_groups.begin_delete(GROUP).result()
        assert list(served.resource.resource_groups.list()) == []

    await azure.do(work)


async def test_an_application_signs_in_and_one_with_a_wrong_secret_does_not(tmp_path: Path) -> None:
    authority, simulator = trustme.CA(), AzureSimulator()
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    known = dict(simulator.credentials)
    subscription = known.pop("subscription_id")
    async with serve(simulator, tls=context) as base:
        where = {"authority": str(base).rstrip("/"), "connection_verify": str(file), "retry_total": 0}
        async with identity.ClientSecretCredential(**known, **where) as credential:
            options = {"base_url": where["authority"], "connection_verify": str(file)}
            scopes = ["https://management.azure.com/.default"]
            client = compute_aio.ComputeManagementClient(credential, subscription, credential_scopes=scopes, **options)
            async with client:
                assert [one async for one in client.virtual_machines.list_all()] == []
        async with identity.ClientSecretCredential(**{**known, "client_secret": "wrong"}, **where) as credential:
            with pytest.raises(exceptions.ClientAuthenticationError, match="AADSTS7000215"):
                await credential.get_token(*scopes)
    assert simulator.calls["POST token"] == 2
