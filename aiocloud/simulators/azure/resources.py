"""Resource groups, and all that is no machine: interfaces, addresses, networks, security groups, disks, keys."""

from __future__ import annotations

import copy

from aiocloud.http.message import Response
from aiocloud.simulators.azure.catalogue import REGIONS
from aiocloud.simulators.azure.wire import Call, Json, RefusedError, answer, not_found, page, wrong
from aiocloud.simulators.azure.world import Resource, World, addresses_of

NETWORK, COMPUTE = "Microsoft.Network", "Microsoft.Compute"
KINDS = {
    "networkinterfaces": f"{NETWORK}/networkInterfaces",
    "publicipaddresses": f"{NETWORK}/publicIPAddresses",
    "virtualnetworks": f"{NETWORK}/virtualNetworks",
    "networksecuritygroups": f"{NETWORK}/networkSecurityGroups",
    "disks": f"{COMPUTE}/disks",
    "sshpublickeys": f"{COMPUTE}/sshPublicKeys",
    "images": f"{COMPUTE}/images",
    "galleries": f"{COMPUTE}/galleries",
}


# ---- groups


def groups(world: World, call: Call) -> Response:
    """All resource groups."""
    return page(call, list(world.groups.values()))


def group(world: World, call: Call) -> Response:
    """One resource group."""
    return answer(find_group(world, call.names[0]))


def create_group(world: World, call: Call) -> Response:
    """Make one, or change its tags."""
    name, place = call.names[0], call.body.get("location")
    if place not in REGIONS:
        text = f"The provided location '{place}' is not available for resource group. List of available regions is ..."
        raise wrong("LocationNotAvailableForResourceGroup", text)
    known = world.groups.get(name.lower())
    if known is not None and known["location"] != place:
        text = f"Invalid resource group location '{place}'. The Resource group already exists in '{known['location']}'."
        raise RefusedError(409, "InvalidResourceGroupLocation", text)
    made = {
        "id": f"{call.root}/resourceGroups/{name}",
        "name": name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": place,
        "tags": call.body.get("tags") or {},
        "properties": {"provisioningState": "Succeeded"},
    }
    world.groups[name.lower()] = made
    return answer(made, 200 if known else 201)


def delete_group(world: World, call: Call) -> Response:
    """Delete one with all that is in it."""
    find_group(world, call.names[0])
    here = f"/resourcegroups/{call.names[0].lower()}/"
    for table in (world.machines, world.resources):
        for key in [key for key in table if here in key]:
            del table[key]
    del world.groups[call.names[0].lower()]
    return world.begin(call, "eastus", namespace="Microsoft.Resources")


def find_group(world: World, name: str) -> Json:
    """The group of that name."""
    if name.lower() not in world.groups:
        raise RefusedError(404, "ResourceGroupNotFound", f"Resource group '{name}' could not be found.")
    return world.groups[name.lower()]


# ---- anything in a group


def everywhere(world: World, call: Call) -> Response:
    """All of a kind in the subscription."""
    kind = KINDS[call.names[1].lower()]
    return page(call, [payload(world, each) for each in world.of_type(kind)])


def within(world: World, call: Call) -> Response:
    """All of a kind in a group."""
    find_group(world, call.names[0])
    found = world.of_type(KINDS[call.names[2].lower()], call.names[0])
    return page(call, [payload(world, each) for each in found])


def show(world: World, call: Call) -> Response:
    """One of them."""
    found = find(world, call)
    return answer(payload(world, found, expand="publicipaddress" in call.query.get("$expand", "").lower()))


def create(world: World, call: Call) -> Response:
    """Make it, or give it another body."""
    where, namespace, word, name = call.names
    find_group(world, where)
    place = call.body.get("location")
    if place not in REGIONS:
        text = f"The provided location '{place}' is not available for resource type '{KINDS[word.lower()]}'."
        raise wrong("LocationNotAvailableForResourceType", text)
    kind = KINDS[word.lower()]
    id = f"{call.root}/resourceGroups/{where}/providers/{kind}/{name}"
    known = world.resources.get(id.lower())
    body = copy.deepcopy(call.body)
    body.setdefault("properties", {})
    for field in ("ipAddress", "privateIPAddress"):  # what was given before stays
        if known is not None and field in known.body["properties"]:
            body["properties"][field] = known.body["properties"][field]
    if kind.endswith("networkInterfaces"):
        _wire(world, body, known)
    if kind.endswith("publicIPAddresses"):
        body["properties"].setdefault("ipAddress", world.next_public())
    made = Resource(id=id, name=name, type=kind, body=body, ready=world.in_(0.1))
    world.resources[id.lower()] = made
    if kind.endswith("sshPublicKeys"):
        made.ready = world.now()
        return answer(payload(world, made), 200 if known else 201)
    status = 200 if known else 201
    return world.begin(call, place, namespace=namespace, status=status, payload=payload(world, made), share=0.1)


def _wire(world: World, body: Json, known: Resource | None) -> None:
    """Give an interface its addresses. Raises for a subnet or an address that is not there."""
    for each in body["properties"].get("ipConfigurations") or ():
        properties = each["properties"]
        network, _, subnet = (properties.get("subnet") or {}).get("id", "").rpartition("/subnets/")
        found = world.resources.get(network.lower())
        names = [one["name"] for one in found.body["properties"].get("subnets") or ()] if found else []
        if subnet not in names:
            text = f"Resource {network}/subnets/{subnet} referenced by resource was not found."
            raise wrong("InvalidResourceReference", text)
        address = properties.get("publicIPAddress")
        if address is not None and address["id"].lower() not in world.resources:
            raise wrong("InvalidResourceReference", f"Resource {address['id']} referenced by resource was not found.")
        properties["privateIPAddress"] = _given(known, each["name"]) or world.next_private()
        properties.setdefault("privateIPAddressVersion", "IPv4")


def _given(known: Resource | None, name: str) -> str | None:
    rows = known.body["properties"].get("ipConfigurations") or () if known else ()
    return next((str(row["properties"]["privateIPAddress"]) for row in rows if row["name"] == name), None)


def delete(world: World, call: Call) -> Response:
    """Remove it, unless something has it. What is not there is no error."""
    where, namespace, word, name = call.names
    find_group(world, where)
    world.alive()
    key = f"{call.root}/resourceGroups/{where}/providers/{KINDS[word.lower()]}/{name}".lower()
    found = world.resources.get(key)
    if found is None:
        return answer(None, 204)
    _refuse_if_held(world, found)
    del world.resources[key]
    if found.type.endswith("sshPublicKeys"):
        return answer(None, 200)
    return world.begin(call, found.body["location"], namespace=namespace, share=0.1)


def _refuse_if_held(world: World, one: Resource) -> None:
    if (until := world.reserved.get(one.id.lower())) is not None and world.now() < until:
        text = "Nic(s) in request is reserved for another Virtual Machine for 180 seconds."
        raise wrong("NicReservedForAnotherVm", text)
    if one.type.endswith("networkInterfaces") and (machine := world.machine_of(one.id)) is not None:
        text = f"Network Interface {one.id} is used by existing resource {machine.id}."
        raise wrong("NicInUse", text)
    if one.type.endswith("publicIPAddresses"):
        for interface in world.of_type(f"{NETWORK}/networkInterfaces"):
            if any(address["id"].lower() == one.id.lower() for address in addresses_of(interface)):
                text = f"Public IP address {one.id} can not be deleted since it is still allocated to {interface.id}."
                raise wrong("PublicIPAddressCannotBeDeleted", text)
    for machine in world.alive() if one.type.endswith("disks") else ():
        if machine.body["properties"]["storageProfile"]["osDisk"]["managedDisk"]["id"].lower() == one.id.lower():
            text = f"Disk {one.name} is attached to VM {machine.id}."
            raise RefusedError(409, "OperationNotAllowed", text)


def find(world: World, call: Call) -> Resource:
    """The resource that the path names."""
    where, _, word, name = call.names
    find_group(world, where)
    world.alive()
    kind = KINDS[word.lower()]
    found = world.resources.get(f"{call.root}/resourceGroups/{where}/providers/{kind}/{name}".lower())
    if found is None:
        raise not_found(kind, name, where)
    return found


def payload(world: World, one: Resource, *, expand: bool = False) -> Json:
    """As the API shows it."""
    body = copy.deepcopy(one.body)
    state = "Succeeded" if world.now() >= one.ready else "Updating"
    body["properties"]["provisioningState"] = state
    if one.type.endswith("networkInterfaces"):
        for each in body["properties"].get("ipConfigurations") or ():
            each.setdefault("id", f"{one.id}/ipConfigurations/{each['name']}")
            address = each["properties"].get("publicIPAddress")
            if address is not None:
                link = world.resources.get(address["id"].lower())
                each["properties"]["publicIPAddress"] = (
                    payload(world, link) if expand and link else {"id": address["id"]}
                )
    return {"id": one.id, "name": one.name, "type": one.type, "etag": 'W/"1"', **body}


# ---- rules of a security group


def create_rule(world: World, call: Call) -> Response:
    """Put a rule into a security group, in place of the one of that name."""
    found, name = _guard(world, call), call.names[2]
    rules = [rule for rule in found.body["properties"].get("securityRules") or () if rule["name"] != name]
    made = {"name": name, "properties": call.body.get("properties") or {}}
    found.body["properties"]["securityRules"] = [*rules, made]
    return world.begin(call, found.body["location"], namespace=NETWORK, status=201, payload=made, share=0.1)


def rule(world: World, call: Call) -> Response:
    """One rule of a security group."""
    found, name = _guard(world, call), call.names[2]
    for each in found.body["properties"].get("securityRules") or ():
        if each["name"] == name:
            return answer(each)
    raise not_found(f"{NETWORK}/networkSecurityGroups/securityRules", name, call.names[0])


def delete_rule(world: World, call: Call) -> Response:
    """Take a rule out of a security group."""
    found, name = _guard(world, call), call.names[2]
    rules = found.body["properties"].get("securityRules") or ()
    found.body["properties"]["securityRules"] = [rule for rule in rules if rule["name"] != name]
    return world.begin(call, found.body["location"], namespace=NETWORK, share=0.1)


def _guard(world: World, call: Call) -> Resource:
    where, name = call.names[:2]
    find_group(world, where)
    kind = KINDS["networksecuritygroups"]
    found = world.resources.get(f"{call.root}/resourceGroups/{where}/providers/{kind}/{name}".lower())
    if found is None:
        raise not_found(kind, name, where)
    return found
