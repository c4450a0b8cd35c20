"""Processors and memory of sizes, for those who have no account: prices are told to anybody, and these are not.

The catalogue knows no facts of Azure's sizes either. A size's name holds its processors; most families have a fixed
share of memory for each: https://learn.microsoft.com/azure/virtual-machines/sizes/overview
"""

from __future__ import annotations

import re
from collections.abc import Mapping

FAMILIES: Mapping[str, str] = {
    "D": "v3 sv3 v4 sv4 dv4 dsv4 av4 asv4 v5 sv5 dv5 dsv5 asv5 adsv5 psv5 pdsv5 sv6 dsv6 asv6 adsv6 psv6 pdsv6",
    "E": "v4 sv4 dv4 dsv4 v5 sv5 dv5 dsv5 asv5 adsv5 psv5 pdsv5 v3 sv3 av4 asv4",
    "F": "sv2",
}
"""The series of a family in which each processor has as much memory."""
SHARE: Mapping[str, int] = {"D": 4, "E": 8, "F": 2}
"""GiB for each processor."""
MOST: Mapping[str, int] = {"D": 96, "E": 48, "F": 72}
"""Processors up to which this holds: the largest ones of E have less memory."""

BY_NAME: Mapping[str, tuple[int, float]] = {
    "Standard_A1_v2": (1, 2),
    "Standard_A2_v2": (2, 4),
    "Standard_A4_v2": (4, 8),
    "Standard_A8_v2": (8, 16),
    "Standard_A2m_v2": (2, 16),
    "Standard_A4m_v2": (4, 32),
    "Standard_A8m_v2": (8, 64),
    "Standard_B1ls": (1, 0.5),
    "Standard_B1s": (1, 1),
    "Standard_B1ms": (1, 2),
    "Standard_B2s": (2, 4),
    "Standard_B2ms": (2, 8),
    "Standard_B4ms": (4, 16),
    "Standard_B8ms": (8, 32),
    "Standard_B12ms": (12, 48),
    "Standard_B16ms": (16, 64),
    "Standard_B20ms": (20, 80),
    "Standard_D1_v2": (1, 3.5),
    "Standard_D2_v2": (2, 7),
    "Standard_D3_v2": (4, 14),
    "Standard_D4_v2": (8, 28),
    "Standard_D5_v2": (16, 56),
    "Standard_DS1_v2": (1, 3.5),
    "Standard_DS2_v2": (2, 7),
    "Standard_DS3_v2": (4, 14),
    "Standard_DS4_v2": (8, 28),
    "Standard_DS5_v2": (16, 56),
    "Standard_F1": (1, 2),
    "Standard_F2": (2, 4),
    "Standard_F4": (4, 8),
    "Standard_F8": (8, 16),
    "Standard_F16": (16, 32),
    "Standard_F1s": (1, 2),
    "Standard_F2s": (2, 4),
    "Standard_F4s": (4, 8),
    "Standard_F8s": (8, 16),
    "Standard_F16s": (16, 32),
}
"""Processors, and GiB of memory, where a family has no rule."""

SIZE = re.compile(r"Standard_([DEF])(\d+)([a-z]*)_(v\d)")


def facts(name: str) -> tuple[int, int, str] | None:
    """Processors, MiB of memory and architecture of a size; None for one of which they are not known.

    >>> facts("Standard_D4s_v3"), facts("Standard_E2pds_v5"), facts("Standard_B1ls")
    ((4, 16384, 'x86_64'), (2, 16384, 'arm64'), (1, 512, 'x86_64'))
    >>> facts("Standard_E64s_v3") is None, facts("Standard_M128ms") is None
    (True, True)
    """
    if (known := BY_NAME.get(name)) is not None:
        return known[0], int(known[1] * 1024), "x86_64"
    found = SIZE.fullmatch(name)
    if found is None:
        return None
    family, count, letters, series = found[1], int(found[2]), found[3], found[4]
    if f"{letters}{series}" not in FAMILIES[family].split() or count > MOST[family]:
        return None
    return count, count * SHARE[family] * 1024, "arm64" if "p" in letters else "x86_64"
