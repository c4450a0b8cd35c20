"""Regions, sizes, images and prices: what Azure offers."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache

from aiocloud.http.message import Response
from aiocloud.pricing.catalogue import SHIPPED, Catalogue, load
from aiocloud.simulators.azure.wire import Call, Json, answer, page, wrong

AS_OF = date(2020, 12, 31)
"""The day of the prices, and of the world."""

# Name, geography, its group, where it is; latitude and longitude; availability zones.
REGIONS: dict[str, tuple[str, str, str, str, str, str, int]] = {
    "eastus": ("East US", "United States", "US", "Virginia", "37.3719", "-79.8164", 3),
    "westus2": ("West US 2", "United States", "US", "Washington", "47.233", "-119.852", 3),
    "centralus": ("Central US", "United States", "US", "Iowa", "41.5908", "-93.6208", 3),
    "northeurope": ("North Europe", "Europe", "Europe", "Ireland", "53.3478", "-6.2597", 3),
    "westeurope": ("West Europe", "Europe", "Europe", "Netherlands", "52.3667", "4.9", 3),
    "uksouth": ("UK South", "United Kingdom", "UK", "London", "50.941", "-0.799", 3),
    "germanywestcentral": ("Germany West Central", "Germany", "Europe", "Frankfurt", "50.110924", "8.682127", 0),
    "japaneast": ("Japan East", "Japan", "Asia Pacific", "Tokyo, Saitama", "35.68", "139.77", 3),
    "australiaeast": ("Australia East", "Australia", "Asia Pacific", "New South Wales", "-33.86", "151.2094", 3),
    "southeastasia": ("Southeast Asia", "Asia Pacific", "Asia Pacific", "Singapore", "1.283", "103.833", 3),
    "brazilsouth": ("Brazil South", "Brazil", "South America", "Sao Paulo State", "-23.55", "-46.633", 0),
}
LOGICAL = {"global": "Global", "europe": "Europe", "unitedstates": "United States"}

# vCPUs, GB of memory, MB of temporary disk, family.
SIZES: dict[str, tuple[int, str, int, str]] = {
    "Standard_B1ls": (1, "0.5", 4096, "standardBSFamily"),
    "Standard_B1s": (1, "1", 4096, "standardBSFamily"),
    "Standard_B1ms": (1, "2", 4096, "standardBSFamily"),
    "Standard_B2s": (2, "4", 8192, "standardBSFamily"),
    "Standard_B2ms": (2, "8", 16384, "standardBSFamily"),
    "Standard_A1_v2": (1, "2", 10240, "standardAv2Family"),
    "Standard_DS1_v2": (1, "3.5", 7168, "standardDSv2Family"),
    "Standard_D2s_v3": (2, "8", 16384, "standardDSv3Family"),
    "Standard_D4s_v3": (4, "16", 32768, "standardDSv3Family"),
    "Standard_D2_v4": (2, "8", 0, "standardDv4Family"),
    "Standard_E2s_v3": (2, "16", 32768, "standardESv3Family"),
    "Standard_F2s_v2": (2, "4", 16384, "standardFSv2Family"),
    "Standard_NC6s_v3": (6, "112", 753664, "standardNCSv3Family"),
}
RESTRICTED = frozenset({"Standard_NC6s_v3"})
"""What this subscription cannot have anywhere."""

# Publisher, offer, SKU, version, architecture. The versions are invented.
IMAGES = (
    ("Canonical", "ubuntu-24_04-lts", "server", "24.04.202602170", "x64"),
    ("Canonical", "ubuntu-24_04-lts", "server-arm64", "24.04.202602170", "Arm64"),
    ("Canonical", "0001-com-ubuntu-server-jammy", "22_04-lts-gen2", "22.04.202602100", "x64"),
    ("Debian", "debian-12", "12-gen2", "0.20260210.2384", "x64"),
    ("Debian", "debian-11", "11-backports-gen2", "0.20260113.2356", "x64"),
    ("RedHat", "RHEL", "8-lvm-gen2", "8.10.2026020412", "x64"),
    ("SUSE", "openSUSE-leap-15-4", "gen2", "2026.01.09", "x64"),
    ("kinvolk", "flatcar-container-linux-free", "stable-gen2", "4230.2.4", "x64"),
)


def locations(call: Call) -> Response:
    """The regions, those that are no places included."""
    rows = [_location(call, name) for name in REGIONS]
    for name, title in LOGICAL.items():
        about = {"regionType": "Logical", "regionCategory": "Other"}
        row = {"id": f"{call.root}/locations/{name}", "name": name, "type": "Region", "displayName": title}
        rows.append({**row, "regionalDisplayName": title, "metadata": about})
    return answer({"value": rows})


def _location(call: Call, name: str) -> Json:
    title, geography, group, where, latitude, longitude, zones = REGIONS[name]
    found: Json = {
        "id": f"{call.root}/locations/{name}",
        "name": name,
        "type": "Region",
        "displayName": title,
        "regionalDisplayName": f"({group}) {title}",
        "metadata": {
            "regionType": "Physical",
            "regionCategory": "Recommended",
            "geography": geography,
            "geographyGroup": group,
            "longitude": longitude,
            "latitude": latitude,
            "physicalLocation": where,
            "pairedRegion": [],
        },
    }
    if zones:
        numbers = range(1, zones + 1)
        found["availabilityZoneMappings"] = [
            {"logicalZone": str(number), "physicalZone": f"{name}-az{number}"} for number in numbers
        ]
    return found


def skus(call: Call) -> Response:
    """The sizes of a region, or of all; among what else is sold in kinds."""
    text = call.query.get("$filter")
    found = re.fullmatch(r"location eq '([a-z0-9]+)'", text) if text else None
    if text and found is None:
        raise wrong("InvalidFilter", f"The filter '{text}' is not supported.")
    places = [found[1]] if found else list(REGIONS)
    rows = [_sku(name, place) for place in places if place in REGIONS for name in sizes_of(place)]
    disks = [{"resourceType": "disks", "name": "Premium_LRS", "tier": "Premium", "size": "P4", "locations": [place]}
             for place in places]  # fmt: skip
    return page(call, [*disks, *rows])


def sizes_of(place: str) -> list[str]:
    """The sizes that are sold in a region: those of which the price list has a line for it."""
    return [name for name in SIZES if _table().cell(_plain(name), place) is not False]


def _sku(name: str, place: str) -> Json:
    cpus, memory, temporary, family = SIZES[name]
    able = {
        "MaxResourceVolumeMB": str(temporary),
        "OSVhdSizeMB": "1047552",
        "vCPUs": str(cpus),
        "MemoryPreservingMaintenanceSupported": "True",
        "HyperVGenerations": "V1,V2",
        "MemoryGB": memory,
        "MaxDataDiskCount": str(2 * cpus),
        "CpuArchitectureType": "x64",
        "vCPUsAvailable": str(cpus),
        "PremiumIO": "True",
    }
    about = {"locations": [place], "zones": []}
    refused = {"type": "Location", "values": [place], "restrictionInfo": about}
    return {
        "resourceType": "virtualMachines",
        "name": name,
        "tier": "Standard",
        "size": name.partition("_")[2],
        "family": family,
        "locations": [place],
        "locationInfo": [{"location": place, "zones": [], "zoneDetails": []}],
        "capabilities": [{"name": key, "value": value} for key, value in able.items()],
        "restrictions": [{**refused, "reasonCode": "NotAvailableForSubscription"}] if name in RESTRICTED else [],
    }


def find_image(reference: Json) -> Json | None:
    """The image of the marketplace that a machine names, with its exact version."""
    for publisher, offer, sku, version, architecture in IMAGES:
        wanted = (reference.get("publisher"), reference.get("offer"), reference.get("sku"))
        if wanted == (publisher, offer, sku) and reference.get("version") in ("latest", version):
            return {**reference, "exactVersion": version, "architecture": architecture}
    return None


def marketplace(call: Call) -> Response:
    """The publishers in a region, or what is below one."""
    place, *chosen = call.names
    if place not in REGIONS:
        raise wrong("LocationNotAvailableForResourceType", f"The provided location '{place}' is not available.")
    depth = len(chosen)
    names = [row[depth] for row in IMAGES if list(row[:depth]) == chosen]
    path = call.url.path
    rows = [{"location": place, "name": name, "id": f"{path}/{name}"} for name in dict.fromkeys(names)]
    return answer(rows)


# ---- prices

PAGE = 100


def prices(url: Call) -> Response:
    """The lines of the retail price list that a filter lets through, a page of them.

    Each is that of the shipped table, whose source tells plain Linux alone: there are no lines for Windows.
    """
    found: list[tuple[str, str]] = re.findall(r"(\w+) eq '([^']*)'", url.query.get("$filter", ""))
    clauses = {_KEYS.get(key, key): value for key, value in found}
    items = [_item(name, place) for place in REGIONS for name in SIZES if _priced(name, place)]
    items = [item for item in items if all(item.get(key) == value for key, value in clauses.items())]
    begin = int(url.query.get("$skip", "0"))
    more = begin + PAGE < len(items)
    link = str(url.url.update_query({"$skip": str(begin + PAGE)})) if more else None
    shown = items[begin : begin + PAGE]
    about = {"BillingCurrency": "USD", "CustomerEntityId": "Default", "CustomerEntityType": "Retail"}
    return answer({**about, "Items": shown, "NextPageLink": link, "Count": len(shown)})


_KEYS = {"priceType": "type"}


def _priced(name: str, place: str) -> bool:
    return bool(_table().cell(_plain(name), place))


def _item(name: str, place: str) -> Json:
    price = float(_table().cell(_plain(name), place) or 0)
    title = name.removeprefix("Standard_").replace("_", " ")
    return {
        "currencyCode": "USD",
        "tierMinimumUnits": 0.0,
        "retailPrice": price,
        "unitPrice": price,
        "armRegionName": place,
        "location": REGIONS[place][0],
        "effectiveStartDate": f"{AS_OF}T00:00:00Z",
        "meterName": title,
        "productName": f"Virtual Machines {SIZES[name][3].removeprefix('standard').removesuffix('Family')} Series",
        "skuName": title,
        "serviceName": "Virtual Machines",
        "serviceFamily": "Compute",
        "unitOfMeasure": "1 Hour",
        "type": "Consumption",
        "isPrimaryMeterRegion": True,
        "armSkuName": name,
    }


def _plain(name: str) -> str:
    """A size's name as the table writes it."""
    return name.replace("_", "").lower()


@lru_cache(maxsize=1)
def _table() -> Catalogue:
    """The shipped table alone: a user's own would be of another day."""
    return load("azure", folder=SHIPPED)
