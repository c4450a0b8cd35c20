"""The services of the API: a table of methods each, with the kind of object that a method answers with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from aiocloud.simulators.softlayer import kinds
from aiocloud.simulators.softlayer.belongings import image, security_group, ssh_key
from aiocloud.simulators.softlayer.catalogue import Flavor
from aiocloud.simulators.softlayer.guests import Guest, transaction
from aiocloud.simulators.softlayer.kinds import Kind
from aiocloud.simulators.softlayer.method import Method, Service, look_up, no_object
from aiocloud.simulators.softlayer.wire import ApiFault, Call, Struct, invalid
from aiocloud.simulators.softlayer.world import World, check_names, words

USUAL_ITEMS = (503, 9201, 439, 15, 49, 51, 52)


def services(world: World) -> Mapping[str, Service]:
    """All services of a world by their class names."""
    return {
        "SoftLayer_Account": account(world),
        "SoftLayer_Virtual_Guest": virtual_guest(world),
        "SoftLayer_Location": location(world),
        "SoftLayer_Location_Datacenter": location(world),
        "SoftLayer_Product_Package": product_package(world),
        "SoftLayer_Product_Package_Preset": product_preset(world),
        "SoftLayer_Security_Ssh_Key": ssh_key(world),
        "SoftLayer_Virtual_Guest_Block_Device_Template_Group": image(world),
        "SoftLayer_Network_SecurityGroup": security_group(world),
    }


def account(world: World) -> Service:
    """SoftLayer_Account: the account, and the lists of what it owns."""
    guests = "virtualGuests"
    return {
        "getObject": Method(lambda _: _account(world), kinds.ACCOUNT),
        "getCurrentUser": Method(lambda _: _user(world), kinds.USER),
        "getVirtualGuests": Method(lambda _: list(world.guests()), kinds.GUEST, (guests,)),
        # The official client filters these two under the first name, the documentation under their own.
        "getHourlyVirtualGuests": Method(lambda _: _billed(world, True), kinds.GUEST, ("hourlyVirtualGuests", guests)),
        "getMonthlyVirtualGuests": Method(
            lambda _: _billed(world, False), kinds.GUEST, ("monthlyVirtualGuests", guests)
        ),
        "getSshKeys": Method(lambda _: list(world.keys.values()), kinds.SSH_KEY, ("sshKeys",)),
        "getSecurityGroups": Method(lambda _: list(world.groups.values()), kinds.SECURITY_GROUP, ("securityGroups",)),
        "getPrivateBlockDeviceTemplateGroups": Method(
            lambda _: world.private_images, kinds.IMAGE, ("privateBlockDeviceTemplateGroups",)
        ),
    }


def virtual_guest(world: World) -> Service:
    """SoftLayer_Virtual_Guest: ordering guests, and everything that one does to a guest."""

    def on(act: Callable[[Guest, Call], Any], kind: Kind | None = None) -> Method:
        return Method(lambda call: act(_guest(world, call), call), kind)

    def switch(then: str | None) -> Method:
        return on(lambda guest, _: _switch(world, guest, then))

    reboot = switch(None)
    return {
        "getCreateObjectOptions": Method(lambda _: world.catalogue.create_options()),
        "generateOrderTemplate": Method(lambda call: _order_template(world, call.struct())),
        "createObject": Method(lambda call: world.create(call.struct()), kinds.GUEST),
        "createObjects": Method(lambda call: _create_all(world, call), kinds.GUEST),
        "getObject": on(lambda guest, _: guest, kinds.GUEST),
        "editObject": on(_edit),
        "deleteObject": on(lambda guest, _: _delete(world, guest)),
        "powerOn": switch("RUNNING"),
        "powerOff": switch("HALTED"),
        "powerOffSoft": switch("HALTED"),
        "powerCycle": switch("RUNNING"),
        "rebootDefault": reboot,
        "rebootSoft": reboot,
        "rebootHard": reboot,
        "pause": on(lambda guest, _: _pause(world, guest)),
        "resume": on(lambda guest, _: _resume(world, guest)),
        "setTags": on(_set_tags),
        "setUserMetadata": on(_set_user_data),
        "getUserData": on(lambda guest, _: guest.get("userData"), kinds.USER_DATA),
        "getPowerState": on(lambda guest, _: guest.get("powerState"), kinds.STATE),
        "getStatus": on(lambda guest, _: guest.get("status"), kinds.STATUS),
        "getDatacenter": on(lambda guest, _: guest.datacenter, kinds.LOCATION),
        "getBillingItem": on(lambda guest, _: guest.get("billingItem"), kinds.BILLING_ITEM),
        "getActiveTransaction": on(lambda guest, _: transaction(guest), kinds.TRANSACTION),
        "getActiveTransactions": on(lambda guest, _: guest.get("activeTransactions"), kinds.TRANSACTION),
    }


def location(world: World) -> Service:
    """SoftLayer_Location: the data centres."""
    return {"getDatacenters": Method(lambda _: list(world.catalogue.datacenters.values()), kinds.LOCATION)}


def product_package(world: World) -> Service:
    """SoftLayer_Product_Package: the price list of public virtual servers."""
    goods = world.catalogue
    packages = {goods.package["id"]: goods.package}

    def part(answer: list[Struct], kind: Kind, root: str) -> Method:
        def run(call: Call) -> list[Struct]:
            look_up(packages, call)
            return answer

        return Method(run, kind, (root,))

    return {
        "getAllObjects": Method(lambda _: [goods.package], kinds.PACKAGE),
        "getObject": Method(lambda call: look_up(packages, call), kinds.PACKAGE),
        "getItems": part(list(goods.items.values()), kinds.ITEM, "items"),
        "getItemPrices": part(goods.prices, kinds.PRICE, "itemPrices"),
        "getActivePresets": part(goods.presets, kinds.PRESET, "activePresets"),
        "getAccountRestrictedActivePresets": part([], kinds.PRESET, "accountRestrictedActivePresets"),
        "getRegions": part(goods.regions, kinds.REGION, "regions"),
    }


def product_preset(world: World) -> Service:
    """SoftLayer_Product_Package_Preset: one flavour."""
    presets = {preset["id"]: preset for preset in world.catalogue.presets}
    return {"getObject": Method(lambda call: look_up(presets, call), kinds.PRESET)}


def _account(world: World) -> Struct:
    number = sum(1 for _ in world.guests())
    owner = {"companyName": "Harbour Example", "email": "harbour@example.net", "brandId": 2}
    return {"id": world.account_id, "virtualGuestCount": number, **owner}


def _user(world: World) -> Struct:
    account_id = world.account_id
    return {"id": account_id + 1, "username": world.username, "email": "harbour@example.net", "accountId": account_id}


def _billed(world: World, hourly: bool) -> list[Guest]:
    return [guest for guest in world.guests() if guest.hourly is hourly]


def _guest(world: World, call: Call) -> Guest:
    found = None if call.object_id is None else world.guest(call.object_id)
    if found is None:
        raise no_object(call)
    return found


def _create_all(world: World, call: Call) -> list[Guest]:
    """All or none: a bad template among the good ones leaves nothing behind."""
    templates = call.args[0] if call.args and isinstance(call.args[0], list) else []
    calls = [Call(service=call.service, method=call.method, args=(template,)) for template in templates]
    for one in calls:
        world.order(one.struct())
    return [world.create(one.struct()) for one in calls]


def _settled(guest: Guest) -> None:
    """The guest must not be in the middle of something. IBM's wording is only known in part."""
    if transaction(guest) is not None:
        raise ApiFault("SoftLayer_Exception_Public", "There is currently an active transaction on this virtual guest.")


def _delete(world: World, guest: Guest) -> bool:
    _settled(guest)
    world.reclaim(guest)
    return True


def _switch(world: World, guest: Guest, then: str | None) -> bool:
    """Power changes take a fifth of the time that a boot takes; what is done already is no error."""
    _settled(guest)
    state = guest.power.seen(world.now())
    if then is not None and state != then:
        guest.power.begin(state, then=then, at=world.now() + timedelta(seconds=world.boot / 5))
    elif then is not None:
        guest.power.begin(then)
    return True


def _pause(world: World, guest: Guest) -> bool:
    _settled(guest)
    if guest.power.seen(world.now()) != "RUNNING":
        raise ApiFault("SoftLayer_Exception_Public", "Only a running virtual guest can be paused.")  # worded by us
    guest.power.begin("PAUSED")
    return True


def _resume(world: World, guest: Guest) -> bool:
    _settled(guest)
    if guest.power.seen(world.now()) != "PAUSED":
        raise ApiFault("SoftLayer_Exception_Public", "Only a paused virtual guest can be resumed.")  # worded by us
    guest.power.begin("RUNNING")
    return True


def _edit(guest: Guest, call: Call) -> bool:
    changes = call.struct()
    hostname, domain = changes.get("hostname", guest.hostname), changes.get("domain", guest.domain)
    check_names(hostname, domain)
    guest.hostname, guest.domain = hostname, domain
    guest.notes = words(changes.get("notes", guest.notes))
    return True


def _set_tags(guest: Guest, call: Call) -> bool:
    given = words(call.args[0]) if call.args else ""
    guest.tags = tuple(dict.fromkeys(tag.strip() for tag in given.split(",") if tag.strip()))
    return True


def _set_user_data(guest: Guest, call: Call) -> bool:
    given = call.args[0] if call.args else None
    if not isinstance(given, list):
        raise invalid("User metadata must be a list of strings.")
    guest.user_data = words(given[0]) if given else None
    return True


def _order_template(world: World, template: Struct) -> Struct:
    flavor, center = world.order(template)
    code = template.get("operatingSystemReferenceCode")
    system = [world.catalogue.system(code)] if code else []
    items = [*system, *(world.catalogue.items[number] for number in USUAL_ITEMS)]
    names = {name: str(template[name]) for name in ("hostname", "domain")}
    return {
        "complexType": "SoftLayer_Container_Product_Order_Virtual_Guest",
        "imageTemplateId": None,
        "location": str(center["id"]),
        "packageId": world.catalogue.package["id"],
        "presetId": _preset_id(flavor),
        "prices": [_price_line(item) for item in items],
        "quantity": 1,
        "sourceVirtualGuestId": None,
        "sshKeys": [],
        "useHourlyPricing": bool(template.get("hourlyBillingFlag", True)),
        "virtualGuests": [names],
    }


def _preset_id(flavor: Flavor) -> int | None:
    return None if flavor.preset is None else int(flavor.preset["id"])


def _price_line(item: Struct) -> Struct:
    price = item["prices"][0]
    fees = {name: price[name] for name in ("hourlyRecurringFee", "recurringFee") if price[name] is not None}
    return {"id": price["id"], **fees, "item": {"id": item["id"], "description": item["description"]}}
