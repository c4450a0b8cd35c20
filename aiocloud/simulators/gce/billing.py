"""The Cloud Billing Catalog: what Compute Engine sells, as far as this world has it, and what only looks like it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from aiocloud.simulators.gce.catalogue import REGIONS
from aiocloud.simulators.gce.wire import Json, RefusedError

PATH = "/v1/services/6F81-5844-456A/skus"
LIMIT = 5000

# The words of a description for each region: one thing may be sold in several.
PLACES = {
    "Americas": ("us-central1", "us-west1"),
    "Northern Virginia": ("us-east4",),
    "Belgium": ("europe-west1",),
    "Frankfurt": ("europe-west3",),
    "Japan": ("asia-northeast1",),
    "Sydney": ("australia-southeast1",),
    "Sao Paulo": ("southamerica-east1",),
}
# Words, group, and nanodollars an hour: all invented, and only the words are Google's.
PARTS = {
    "N1 Predefined Instance Core": ("N1Standard", 30_000_000),
    "N1 Predefined Instance Ram": ("N1Standard", 4_000_000),
    "E2 Instance Core": ("CPU", 20_000_000),
    "E2 Instance Ram": ("RAM", 3_000_000),
    "N2 Instance Core": ("CPU", 32_000_000),
    "N2 Instance Ram": ("RAM", 4_200_000),
    "N2 Custom Instance Core": ("CPU", 34_000_000),
    "N2 Custom Instance Ram": ("RAM", 4_400_000),
    "N2 Custom Extended Instance Ram": ("RAM", 9_000_000),
    "C3 Instance Core": ("CPU", 33_000_000),
    "C3 Instance Ram": ("RAM", 4_300_000),
    "C3 Instance Local SSD": ("LocalSSD", 110_000),
    "T2A Arm Instance Core": ("CPU", 25_000_000),
    "T2A Arm Instance Ram": ("RAM", 3_400_000),
    "Sole Tenancy Premium for N2 Sole Tenancy Instance Core": ("CPU", 3_200_000),
    "Small Instance with 1 VCPU": ("G1Small", 25_000_000),
    "Micro Instance with burstable CPU": ("F1Micro", 7_500_000),
}

NOBODY = (
    "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form"
    " of API consumer identity to call this API."
)
WRONG_KEY = "API key not valid. Please pass a valid API key."


def refusal(status: int, word: str, message: str, reason: str | None = None) -> Json:
    """A no in the form of Google's newer APIs."""
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com"}
    return {"error": {"code": status, "message": message, "status": word} | ({"details": [info]} if reason else {})}


def skus(query: Mapping[str, str], now: datetime, *, priced: bool) -> Json:
    """The page that was asked for, less the fields that were not; prices only where they may be invented."""
    text, token = query.get("pageSize", ""), query.get("pageToken", "")
    if not re.fullmatch(r"\d*", text) or not re.fullmatch(r"(s[0-9a-f]+)?", token):
        raise RefusedError(400, "INVALID_ARGUMENT", "Request contains an invalid argument.")
    if query.get("currencyCode", "USD") != "USD":
        raise RefusedError(400, "INVALID_ARGUMENT", "This world knows no other currency.")
    begin, size = int(token[1:] or "0", 16), min(int(text or LIMIT) or LIMIT, LIMIT)
    everything = list(_everything(now - timedelta(hours=6), priced=priced))
    end = begin + size
    found = {"skus": everything[begin:end], "nextPageToken": f"s{end:x}" if end < len(everything) else ""}
    fields = query.get("fields")
    return _kept(found, _mask(fields)) if fields else found


def _everything(since: datetime, *, priced: bool) -> Iterator[Json]:
    for place, regions in PLACES.items():
        here = [region for region in regions if region in REGIONS]
        for words, (group, nanos) in PARTS.items():
            asked = nanos if priced else None
            unit = "GiBy.h" if words.endswith("Ram") else "h"
            yield _sku(f"{words} running in {place}", group, "OnDemand", here, unit, asked, since)
            spot = f"Spot Preemptible {words} running in {place}"
            yield _sku(spot, group, "Preemptible", here, unit, asked and asked // 3, since)
        text = f"Commitment v1: N2 Cpu in {place} for 1 Year"
        yield _sku(text, "CPU", "Commit1Yr", here, "h", 20_000_000 if priced else None, since)


def _sku(text: str, group: str, usage: str, regions: list[str], unit: str, nanos: int | None, since: datetime) -> Json:
    number = hashlib.sha256(text.encode()).hexdigest()[:12].upper()
    name = "-".join((number[:4], number[4:8], number[8:]))
    found: Json = {
        "name": f"services/6F81-5844-456A/skus/{name}",
        "skuId": name,
        "description": text,
        "category": {
            "serviceDisplayName": "Compute Engine",
            "resourceFamily": "Compute",
            "resourceGroup": group,
            "usageType": usage,
        },
        "serviceRegions": regions,
        "serviceProviderName": "Google",
        "geoTaxonomy": {"type": "MULTI_REGIONAL" if len(regions) > 1 else "REGIONAL", "regions": regions},
    }
    return found | ({"pricingInfo": [_price(unit, nanos, since)]} if nanos is not None else {})


def _price(unit: str, nanos: int, since: datetime) -> Json:
    money = {"currencyCode": "USD", "units": "0", "nanos": nanos}
    return {
        "summary": "",
        "pricingExpression": {
            "usageUnit": unit,
            "usageUnitDescription": "hour" if unit == "h" else "gibibyte hour",
            "displayQuantity": 1,
            "tieredRates": [{"startUsageAmount": 0, "unitPrice": money}],
        },
        "currencyConversionRate": 1,
        "effectiveTime": since.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


# ---- partial answers: https://docs.cloud.google.com/apis/docs/system-parameters


def _mask(text: str) -> dict[str, Any]:
    """`a,b(c,d)` as a tree. Raises RefusedError for what is none."""
    root: dict[str, Any] = {}
    open_, last = [root], ""
    for word in re.findall(r"\w+|[(),]", text):
        if word == "(":
            open_.append(open_[-1][last])
        elif word == ")":
            open_.pop()
        elif word != ",":
            open_[-1][last := word] = {}
    if len(open_) != 1 or re.search(r"[^\w(),]", text):
        raise RefusedError(400, "INVALID_ARGUMENT", f"Invalid field selection {text}")
    return root


def _kept(thing: Any, mask: Mapping[str, Any]) -> Any:
    """What the mask lets through; an empty one all of it."""
    if isinstance(thing, list):
        return [_kept(each, mask) for each in thing]
    if not mask or not isinstance(thing, dict):
        return thing
    return {key: _kept(value, mask[key]) for key, value in thing.items() if key in mask}
