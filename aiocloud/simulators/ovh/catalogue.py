"""What there is to buy: the order catalogue, in the shape in which OVHcloud tells it.

The shape is that of the answers recorded in tests/fixtures/ovh_catalog.json of https://github.com/mixxor/eu-cloud-prices
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from importlib.resources import files
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]

FACTS: Json = json.loads(files("aiocloud.simulators").joinpath("facts/ovh.json").read_text("utf-8"))
TAXES = {"DE": 19, "FR": 20}
"""The subsidiaries whose prices are those of the facts, and their value-added tax in percent."""


@dataclass(frozen=True, slots=True)
class Row:
    """A flavor: `ram` and `disk` in GB, `hourly` in hundred-millionths of a euro."""

    name: str
    vcpus: int
    ram: int
    disk: int
    hourly: int
    subtype: str


ROWS = {row[0]: Row(*row) for row in FACTS["flavors"]}
PLANS = {f"{row.name}.consumption": row.hourly for row in ROWS.values()} | dict(FACTS["other_plans"])


def catalogue(subsidiary: str) -> Json:
    """The catalogue of a subsidiary. Only those of Germany and France were recorded: the others tell no prices."""
    tax = TAXES.get(subsidiary)
    currency = "EUR" if tax is not None else "USD"
    return {
        "catalogId": 4821,
        "locale": {"currencyCode": currency, "subsidiary": subsidiary, "taxRate": tax or 0},
        "plans": [
            {"planCode": "project", "invoiceName": "Public Cloud Project", "product": "cloud", "addonFamilies": []}
        ],
        "products": [{"name": "publiccloud-instance", "description": "Public Cloud instance", "blobs": None}],
        "addons": [
            *(_instance(code, price if tax is not None else 0, tax or 0) for code, price in PLANS.items()),
            {
                "planCode": "volume.classic.consumption",
                "invoiceName": "volume.classic",
                "product": "publiccloud-volume-classic",
                "pricings": [],
                "configurations": [],
                "blobs": None,
            },
        ],
        "planFamilies": [],
    }


def _instance(code: str, price: int, tax: int) -> Json:
    flavor, _, rest = code.partition(".")
    row, monthly = ROWS[flavor], rest.startswith("monthly")
    gpu = {"gpu": {"memory": {"interface": "HBM2", "size": 80}, "model": "A100", "number": 1}}
    return {
        "planCode": code,
        "invoiceName": flavor,
        "addonFamilies": [],
        "product": "publiccloud-instance",
        "pricingType": "consumption",
        "consumptionConfiguration": {
            "billingStrategy": "ping",
            "prorataUnit": "hour" if monthly else "second",
            "pingEndPolicy": "prorata",
        },
        "pricings": [_pricing("month" if monthly else "hour", price, tax)] if price else [],
        "configurations": [],
        "family": None,
        "blobs": {
            "commercial": {
                "brick": "gpu" if row.subtype == "gpu" else "guaranteed-resources",
                "brickSubtype": None if row.subtype == "gpu" else row.subtype,
                "name": flavor,
                "price": {"interval": "P1M"} if monthly else {"interval": "PT1H", "precision": 4, "unit": "h"},
            },
            "tags": ["active"],
            "technical": {
                "cpu": {"cores": row.vcpus, "model": "vCore", "type": "vCore"},
                **(gpu if row.subtype == "gpu" else {}),
                "memory": {"size": row.ram},
                "name": flavor,
                "os": {"family": "linux"},
                "storage": {"disks": [{"capacity": row.disk, "number": 1}], "raid": "local"},
            },
        },
    }


def _pricing(unit: str, price: int, tax: int) -> Json:
    return {
        "phase": 0,
        "capacities": ["consumption"],
        "commitment": 0,
        "description": "monthly prices" if unit == "month" else "hourly prices",
        "interval": 1,
        "intervalUnit": unit,
        "quantity": {"min": 1, "max": None},
        "repeat": {"min": 1, "max": None},
        "price": price,
        "formattedPrice": f"{Decimal(price) / 10**8:.2f} €",
        "tax": price * tax // 100,
        "mode": "default",
        "strategy": "tiered",
        "mustBeCompleted": False,
        "type": "consumption",
        "promotions": [],
        "engagementConfiguration": None,
    }
