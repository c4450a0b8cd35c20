"""What SoftLayer sells, where, and for how much: the facts of `facts/softlayer.json` as its API tells them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from aiocloud.simulators.softlayer.wire import ApiFault, Struct, invalid

PACKAGE_ID = 835
PACKAGE_KEY = "PUBLIC_CLOUD_SERVER"
CATEGORIES = {
    "os": (12, "Operating System"),
    "guest_core": (80, "Computing Instance"),
    "ram": (3, "RAM"),
    "guest_disk0": (81, "First Disk"),
    "guest_disk1": (82, "Second Disk"),
    "guest_disk2": (92, "Third Disk"),
    "guest_disk3": (93, "Fourth Disk"),
    "port_speed": (26, "Uplink Port Speeds"),
    "pri_ip_addresses": (13, "Primary IP Addresses"),
    "monitoring": (20, "Monitoring"),
    "notification": (21, "Notification"),
    "response": (22, "Response"),
    "remote_management": (46, "Remote Management"),
    "bandwidth": (10, "Public Bandwidth"),
}
UNITS = {"ram": "GB", "guest_core": "CORE", "port_speed": "Mbps", "guest_disk0": "GB"}
MAKERS = {"REDHAT": "Red Hat", "UBUNTU": "Canonical", "DEBIAN": "Debian"}


def fee_text(amount: Decimal) -> str:
    """A fee as SoftLayer writes it: no zeros that say nothing.

    >>> fee_text(Decimal("0.0530")), fee_text(Decimal(0)), fee_text(Decimal("10.40"))
    ('.053', '0', '10.4')
    """
    text = f"{amount.normalize():f}"
    return text[1:] if text.startswith("0.") else text


@dataclass(frozen=True, slots=True)
class Flavor:
    """A configuration on offer; `ram` in GB, `disk` in GB. Transient ones are sold by the hour alone."""

    key: str
    cpus: int
    ram: int
    disk: int
    hourly: Decimal
    monthly: Decimal | None
    preset: Struct | None

    @property
    def transient(self) -> bool:
        """Whether the guest may be reclaimed at any time."""
        return self.key.endswith("_TRANSIENT")


class Catalogue:
    """Data centres, items, prices, presets and images, each as the API's structures."""

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self.groups = {group["id"]: _group(group) for group in facts["groups"]}
        self.datacenters = {entry["name"]: self._datacenter(entry) for entry in facts["datacenters"]}
        self.items = {entry["id"]: _item(entry) for entry in facts["items"]}
        self.prices = [price for item in self.items.values() for price in item["prices"]]
        for price in self.prices:
            price["pricingLocationGroup"] = self.groups.get(price["locationGroupId"])
        self.presets = [self._preset(entry) for entry in facts["presets"]]
        self.flavors = {preset["keyName"]: _flavor_of(preset) for preset in self.presets}
        self.flavors |= {entry["key"]: _transient(entry) for entry in facts["transient"]}
        self.systems = {
            item["softwareDescription"]["referenceCode"]: item
            for item in self.items.values()
            if item["softwareDescription"]
        }
        self.extra_disks = facts["extra_disks"]
        self.regions = [_region(center) for center in self.datacenters.values()]
        self.package: Struct = {
            "id": PACKAGE_ID,
            "keyName": PACKAGE_KEY,
            "name": "Public Cloud Server",
            "description": "<p>Public virtual servers</p>",
            "isActive": 1,
            "type": {"id": 71, "keyName": "VIRTUAL_SERVER_INSTANCE", "name": "Virtual Server Instance"},
            "items": list(self.items.values()),
            "activePresets": self.presets,
            "accountRestrictedActivePresets": [],
            "regions": self.regions,
        }

    def datacenter(self, name: object) -> Struct:
        """The data centre of that name; raises ApiFault."""
        found = self.datacenters.get(str(name))
        if found is None:
            raise invalid(f"Invalid value provided for 'datacenter.name': {name}.")
        return found

    def flavor(self, key: object) -> Flavor:
        """The flavour of that key name; raises ApiFault."""
        found = self.flavors.get(str(key))
        if found is None:
            raise ApiFault("SoftLayer_Exception_NotFound", f"Unable to find a preset for key name {key}.")
        return found

    def custom(self, cpus: object, memory: object) -> Flavor:
        """The configuration of a template that names cores and memory (in MB) itself; raises ApiFault."""
        core = self._part("guest_core", cpus, f"core capacity of {cpus}")
        gigabytes = memory // 1024 if isinstance(memory, int) else memory
        ram = self._part("ram", gigabytes, f"RAM capacity of {memory}")
        disk = self._part("guest_disk0", 25, "disk capacity of 25")
        prices = [item["prices"][0] for item in (core, ram, disk)]
        return Flavor("", int(core["capacity"]), int(ram["capacity"]), 25, *_sums(prices), None)

    def system(self, code: object) -> Struct:
        """The operating system of a reference code; `…_LATEST` names the newest. Raises ApiFault."""
        wanted = str(code)
        family, latest, _ = wanted.partition("_LATEST")
        found = self.systems.get(wanted)
        if found is None and latest:
            found = next((item for known, item in self.systems.items() if known.startswith(f"{family}_")), None)
        if found is None:
            raise invalid(f"Invalid operating system reference code: {code}.")
        return found

    def create_options(self) -> Struct:
        """The answer of getCreateObjectOptions."""
        return {
            "flavors": [_flavor_option(flavor) for flavor in self.flavors.values()],
            "processors": [
                _option(item, {"startCpus": int(item["capacity"])}) for item in self._category("guest_core")
            ],
            "memory": [_option(item, {"maxMemory": int(item["capacity"]) * 1024}) for item in self._category("ram")],
            "blockDevices": [*map(_first_disk, self._category("guest_disk0")), *map(_extra_disk, self.extra_disks)],
            "networkComponents": [
                _option(item, {"networkComponents": [{"maxSpeed": int(item["capacity"])}]})
                for item in self._category("port_speed")
            ],
            "operatingSystems": [
                _option(item, {"operatingSystemReferenceCode": code}) for code, item in self.systems.items()
            ],
            "datacenters": [{"template": {"datacenter": {"name": name}}} for name in self.datacenters],
        }

    def _category(self, code: str) -> list[Struct]:
        return [item for item in self.items.values() if item["itemCategory"]["categoryCode"] == code]

    def _part(self, category: str, capacity: object, name: str) -> Struct:
        found = next((item for item in self._category(category) if item["capacity"] == str(capacity)), None)
        if found is None:
            raise ApiFault("SoftLayer_Exception_NotFound", f"Unable to find price for {name}.")
        return found

    def _datacenter(self, entry: Struct) -> Struct:
        number = int(entry["name"][-2:])
        groups = [self.groups[group] for group in entry.get("groups", ())]
        region = {
            "keyname": f"{entry['city'].upper().replace(' ', '')}{number:02}",
            "description": entry["name"].upper(),
        }
        center: Struct = {
            "id": entry["id"],
            "name": entry["name"],
            "longName": f"{entry['city']} {number}",
            "statusId": 2,
            "locationAddress": {"id": entry["id"] + 1, "city": entry["city"], "country": entry["country"]},
            "priceGroups": groups,
            "groups": groups,
            "regions": [region],
        }
        for group in groups:
            group["locations"].append(center)
        return center

    def _preset(self, entry: Struct) -> Struct:
        prices = [self.items[item]["prices"][0] for item in entry["items"]]
        hourly, monthly = _sums(prices)
        return {
            "id": entry["id"],
            "keyName": entry["key"],
            "name": entry["name"],
            "description": entry["name"],
            "isActive": "1",
            "packageId": PACKAGE_ID,
            "prices": prices,
            "configuration": [{"category": price["categories"][0], "price": price} for price in prices],
            "locations": [],
            "totalMinimumHourlyFee": f"{hourly:f}",
            "totalMinimumRecurringFee": f"{monthly:f}",
        }


@cache
def facts() -> Mapping[str, Any]:
    """The facts that ship with the package, dated and with their sources."""
    path = Path(__file__).parents[1] / "facts" / "softlayer.json"
    loaded: Mapping[str, Any] = json.loads(path.read_text("utf-8"))
    return loaded


@cache
def catalogue() -> Catalogue:
    """The catalogue that all worlds share; nothing in it ever changes."""
    return Catalogue(facts())


def _group(entry: Struct) -> Struct:
    kind = {"locationGroupTypeId": 82, "locationGroupType": {"name": "PRICING"}}
    return {"id": entry["id"], "name": entry["name"], "description": entry["description"], "locations": [], **kind}


def _category(code: str) -> Struct:
    number, name = CATEGORIES[code]
    return {"id": number, "name": name, "categoryCode": code}


def _item(entry: Struct) -> Struct:
    category = _category(entry["category"])
    item: Struct = {
        "id": entry["id"],
        "keyName": entry["key"],
        "description": entry["text"],
        "capacity": entry["capacity"],
        "units": UNITS.get(entry["category"]),
        "itemCategory": category,
        "categories": [category],
        "attributes": [],
        "softwareDescription": _software(entry) if "code" in entry else None,
    }
    item["prices"] = [_price(price, item, category) for price in entry["prices"]]
    return item


def _software(entry: Struct) -> Struct:
    family, version, _ = entry["code"].split("_", 2)
    return {
        "id": entry["id"] + 1,
        "manufacturer": MAKERS[family],
        "name": family.capitalize(),
        "version": f"{version}.0-64 Minimal for VSI",
        "referenceCode": entry["code"],
        "longDescription": entry["text"],
    }


def _price(entry: Struct, item: Struct, category: Struct) -> Struct:
    price: Struct = {
        "id": entry["id"],
        "itemId": item["id"],
        "locationGroupId": entry.get("group"),
        "hourlyRecurringFee": entry["hourly"],
        "recurringFee": entry.get("monthly"),
        "oneTimeFee": "0",
        "laborFee": "0",
        "setupFee": "0",
        "sort": 0,
        "item": item,
        "categories": [category],
    }
    if "cores" in entry:
        cores = str(entry["cores"])
        price |= {"capacityRestrictionMaximum": cores, "capacityRestrictionMinimum": cores}
        price["capacityRestrictionType"] = "CORE"
    return price


def _sums(prices: list[Struct]) -> tuple[Decimal, Decimal]:
    hourly = sum((Decimal(price["hourlyRecurringFee"]) for price in prices), Decimal(0))
    monthly = sum((Decimal(price["recurringFee"]) for price in prices), Decimal(0))
    return hourly, monthly


def _flavor_of(preset: Struct) -> Flavor:
    cpus, ram, disk = map(int, preset["keyName"].split("_")[1].split("X"))
    return Flavor(preset["keyName"], cpus, ram, disk, *_sums(preset["prices"]), preset)


def _transient(entry: Struct) -> Flavor:
    cpus, ram, disk = map(int, entry["key"].split("_")[1].split("X"))
    return Flavor(entry["key"], cpus, ram, disk, Decimal(entry["hourly"]), None, None)


def _flavor_option(flavor: Flavor) -> Struct:
    template: Struct = {"id": None, "supplementalCreateObjectOptions": {"flavorKeyName": flavor.key}}
    shown: Struct = {"keyName": flavor.key, "name": flavor.key.replace("_", ".", 1).replace("X", "x")}
    shown["totalMinimumHourlyFee"] = f"{flavor.hourly:f}"
    if flavor.transient:
        template["transientGuestFlag"] = True
    if flavor.preset is not None:
        shown["name"] = flavor.preset["name"]
        shown["totalMinimumRecurringFee"] = flavor.preset["totalMinimumRecurringFee"]
        shown["configuration"] = [
            {"category": {"name": part["category"]["name"]}, "price": _fees(part["price"])}
            for part in flavor.preset["configuration"]
        ]
    return {"flavor": shown, "template": template}


def _fees(price: Struct) -> Struct:
    fees = {name: price[name] for name in ("hourlyRecurringFee", "recurringFee") if price[name] is not None}
    return {"id": price["id"], **fees, "item": {"description": price["item"]["description"]}}


def _option(item: Struct, template: Struct) -> Struct:
    return {"itemPrice": _fees(item["prices"][0]), "template": template}


def _first_disk(item: Struct) -> Struct:
    disks = [{"device": "0", "diskImage": {"capacity": int(item["capacity"])}}]
    return _option(item, {"id": "", "blockDevices": disks, "localDiskFlag": item["keyName"].endswith("LOCAL")})


def _extra_disk(entry: Struct) -> Struct:
    disks = [{"device": "2", "diskImage": {"capacity": entry["capacity"]}}]
    price = {"hourlyRecurringFee": entry["hourly"], "item": {"description": f"{entry['capacity']} GB (SAN)"}}
    return {"itemPrice": price, "template": {"id": "", "blockDevices": disks, "localDiskFlag": False}}


def _region(center: Struct) -> Struct:
    place = {"locationId": center["id"], "location": center}
    region = center["regions"][0]
    return {"description": region["description"], "keyname": region["keyname"], "sortOrder": 0, "location": place}
