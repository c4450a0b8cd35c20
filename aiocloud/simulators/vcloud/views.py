"""What the world's things look like as documents and as records."""

from __future__ import annotations

from aiocloud.simulators.vcloud.wire import TYPE, Ask, Tree, link, stamp
from aiocloud.simulators.vcloud.world import POLICIES, Task, Template, VApp, Vdc, identifier

WORDS = {-1: "FAILED_CREATION", 0: "UNRESOLVED", 3: "SUSPENDED", 4: "POWERED_ON", 8: "POWERED_OFF", 2: "DEPLOYED"}

RASD = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"


def task_view(ask: Ask, task: Task) -> Tree:
    """A Task."""
    view: Tree = {
        "@href": ask.href(f"/api/task/{task.id}"),
        "@id": f"urn:vcloud:task:{task.id}",
        "@type": TYPE.format("task"),
        "@status": task.status,
        "@operationName": task.operation,
        "@operation": f"{task.operation} {task.owner.name}({task.owner.id.removeprefix('vapp-')})",
        "@startTime": stamp(task.start),
    }
    if task.status != "running":
        view["@endTime"] = stamp(task.due)
    view["Owner"] = {
        "@href": ask.href(f"/api/vApp/{task.owner.id}"),
        "@name": task.owner.name,
        "@type": TYPE.format("vApp"),
    }
    if task.error is not None:
        view["Error"] = task.error.element()
    return view


POWER = {
    4: ("powerOff", "reset", "reboot", "shutdown", "suspend"),
    8: ("powerOn",),
    3: ("powerOn",),
}


def vapp_view(ask: Ask, vapp: VApp) -> Tree:
    """A VApp; its machine shows when it is there."""
    here = f"/api/vApp/{vapp.id}"
    links = [link("up", ask.href(f"/api/vdc/{vapp.vdc.id}"), "vdc")]
    if vapp.task is None:
        for verb in POWER.get(vapp.status, ()):
            href = ask.href(f"{here}/power/action/{verb}")
            links.append({"@rel": f"power:{verb}", "@href": href})
        links.append(
            link("undeploy", ask.href(f"{here}/action/undeploy"), "undeployVAppParams")
            if vapp.deployed
            else {"@rel": "remove", "@href": ask.href(here)}
        )
    view: Tree = {
        "@href": ask.href(here),
        "@id": f"urn:vcloud:vapp:{vapp.id.removeprefix('vapp-')}",
        "@type": TYPE.format("vApp"),
        "@name": vapp.name,
        "@status": str(vapp.status),
        "@deployed": "true" if vapp.deployed else "false",
        "Link": links,
        "Description": vapp.description,
    }
    shown = [task for task in vapp.tasks if task.status == "running" or vapp.status == -1]
    if shown:
        view["Tasks"] = {"Task": [task_view(ask, task) for task in shown]}
    view["DateCreated"] = stamp(vapp.created)
    if vapp.status > 0:
        view["Children"] = {"Vm": machine_view(ask, vapp)}
    return view


def machine_view(ask: Ask, vapp: VApp) -> Tree:
    """A Vm."""
    hardware = hardware_of(ask, vapp)
    view: Tree = {
        "@href": ask.href(f"/api/vApp/{vapp.machine}"),
        "@id": f"urn:vcloud:vm:{vapp.machine.removeprefix('vm-')}",
        "@type": TYPE.format("vm"),
        "@name": vapp.name,
        "@status": str(vapp.status),
        "@deployed": "true" if vapp.deployed else "false",
        "Link": link("up", ask.href(f"/api/vApp/{vapp.id}"), "vApp"),
        "ovf:VirtualHardwareSection": {"ovf:Info": "Virtual hardware requirements", "ovf:Item": hardware},
        "ovf:OperatingSystemSection": {"ovf:Info": "Guest", "ovf:Description": vapp.template.guest},
        "NetworkConnectionSection": {
            "ovf:Info": "Network cards of the machine",
            "PrimaryNetworkConnectionIndex": "0",
            "NetworkConnection": {
                "@network": vapp.network,
                "NetworkConnectionIndex": "0",
                "IpAddress": vapp.address,
                "IsConnected": "true",
                "MACAddress": vapp.mac,
                "IpAddressAllocationMode": "POOL",
            },
        },
        "GuestCustomizationSection": {
            "ovf:Info": "What is set in the guest",
            "Enabled": "true",
            **({"AdminPassword": vapp.password.reveal()} if vapp.password else {}),
            "ComputerName": vapp.computer_name,
        },
    }
    if vapp.policy:
        href = ask.href(f"/cloudapi/2.0.0/vdcComputePolicies/{vapp.policy}")
        view["ComputePolicy"] = {"VmSizingPolicy": {"@href": href, "@id": vapp.policy}}
    return view


def hardware_of(ask: Ask, vapp: VApp) -> list[Tree]:
    """Processors and memory, as OVF tells them."""
    cpus, memory = ask_size(vapp)
    rows = (("1", f"{cpus} virtual CPU(s)", "3", cpus), ("2", f"{memory} MB of memory", "4", memory))
    return [
        {
            "@xmlns:rasd": RASD,
            "rasd:ElementName": name,
            "rasd:InstanceID": number,
            "rasd:ResourceType": kind,
            "rasd:VirtualQuantity": str(quantity),
        }
        for number, name, kind, quantity in rows
    ]


def ask_size(vapp: VApp) -> tuple[int, int]:
    """Its processors and MiB: its policy's, or those of the template."""
    policy = next((each for each in POLICIES if each.id == vapp.policy), None)
    return (policy and policy.cpus) or 1, (policy and policy.memory) or 1024


def template_view(ask: Ask, template: Template) -> Tree:
    """A VAppTemplate with its machine."""
    machine = {
        "@href": ask.href(f"/api/vAppTemplate/{machine_of(template)}"),
        "@id": f"urn:vcloud:vm:{machine_of(template).removeprefix('vm-')}",
        "@type": TYPE.format("vm"),
        "@name": template.name,
        "@status": "8",
        "NetworkConnectionSection": {
            "ovf:Info": "Network cards of the machine",
            "PrimaryNetworkConnectionIndex": "0",
            "NetworkConnection": {"@network": "none", "NetworkConnectionIndex": "0", "IsConnected": "false"},
        },
    }
    return {
        "@href": ask.href(f"/api/vAppTemplate/{template.id}"),
        "@id": f"urn:vcloud:vapptemplate:{template.id.removeprefix('vappTemplate-')}",
        "@type": TYPE.format("vAppTemplate"),
        "@name": template.name,
        "@status": "8",
        "@ovfDescriptorUploaded": "true",
        "Children": {"Vm": machine},
    }


def machine_of(template: Template) -> str:
    """The id of the machine in a template."""
    return template.id.replace("vappTemplate-", "vm-")


def vdc_view(ask: Ask, vdc: Vdc, vapps: list[VApp], org: str) -> Tree:
    """A Vdc with all that is in it."""
    here = f"/api/vdc/{vdc.id}"
    networks = [
        {"@name": name, "@href": ask.href(network_path(vdc, name)), "@type": TYPE.format("network")}
        for name in vdc.networks
    ]
    entities = [
        {"@name": vapp.name, "@href": ask.href(f"/api/vApp/{vapp.id}"), "@type": TYPE.format("vApp")} for vapp in vapps
    ]
    return {
        "@href": ask.href(here),
        "@id": f"urn:vcloud:vdc:{vdc.id}",
        "@type": TYPE.format("vdc"),
        "@name": vdc.name,
        "@status": "1",
        "Link": [
            link("up", ask.href(org), "org"),
            link("add", ask.href(f"{here}/action/instantiateVAppTemplate"), "instantiateVAppTemplateParams"),
        ],
        "AllocationModel": "Flex",
        "ResourceEntities": {"ResourceEntity": entities},
        "AvailableNetworks": {"Network": networks},
        "IsEnabled": "true",
    }


def network_path(vdc: Vdc, name: str) -> str:
    """Where a network of a virtual data centre is."""
    return f"/api/network/{identifier('network', vdc.name, name)}"


# ---- records of the query service ----


def vapp_record(ask: Ask, vapp: VApp) -> Tree:
    """A VAppRecord."""
    return {
        "@name": vapp.name,
        "@href": ask.href(f"/api/vApp/{vapp.id}"),
        "@status": WORDS[vapp.status],
        "@isDeployed": "true" if vapp.deployed else "false",
        "@isBusy": "true" if vapp.task else "false",
        "@vdc": ask.href(f"/api/vdc/{vapp.vdc.id}"),
        "@vdcName": vapp.vdc.name,
        "@creationDate": stamp(vapp.created),
    }


def machine_record(ask: Ask, vapp: VApp) -> Tree:
    """A VMRecord."""
    cpus, memory = ask_size(vapp)
    return {
        "@name": vapp.name,
        "@href": ask.href(f"/api/vApp/{vapp.machine}"),
        "@status": WORDS[vapp.status],
        "@isVAppTemplate": "false",
        "@isDeployed": "true" if vapp.deployed else "false",
        "@container": ask.href(f"/api/vApp/{vapp.id}"),
        "@containerName": vapp.name,
        "@vdc": ask.href(f"/api/vdc/{vapp.vdc.id}"),
        "@numberOfCpus": str(cpus),
        "@memoryMB": str(memory),
        "@guestOs": vapp.template.guest,
        "@ipAddress": vapp.address,
        "@networkName": vapp.network,
    }
