"""How Google bills a machine: its cores and its memory, each at a price of the machine's series.

https://docs.cloud.google.com/compute/vm-instance-pricing: each vCPU and each GB of memory (2**30 bytes) is billed by
itself, and a predefined machine type costs what its parts do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

SHARED = {"e2-micro": Decimal("0.25"), "e2-small": Decimal("0.5"), "e2-medium": Decimal(1)}
"""The cores for which a machine is billed that shares them; the API tells two of each.

https://docs.cloud.google.com/compute/docs/general-purpose-machines#e2-shared-core. The prices that Google's page of
general-purpose machines shows are these fractions of a core, and the whole memory.
"""
WHOLE = frozenset({"f1-micro", "g1-small"})
"""What has a price of its own, and none by its parts."""

PREDEFINED = re.compile(r"([a-z]\d+[a-z]*)-(?:standard|highcpu|highmem|megamem|ultramem)-\d+")
CUSTOM = re.compile(r"(?:([a-z]\d+[a-z]*)-)?custom-(\d+)-(\d+)")
"""With cores and MiB; those of N1 name no series. More memory than usual ("-ext") costs more, and is not read."""


@dataclass(frozen=True, slots=True)
class Billed:
    """What a machine is billed for: `cores`, and GiB of `memory`, at the prices of a `series`."""

    series: str
    cores: Decimal
    memory: Decimal = Decimal(0)


def billed(size: str, vcpus: int | None = None, ram: int | None = None) -> Billed | None:
    """What a machine type is billed for; None for one that these rules do not cover, or of which too little is told.

    `ram` is in MiB. A custom type needs neither it nor `vcpus`: both stand in its name. A type that comes with
    accelerators or local disks is billed for these, too, which its name need not tell: that is for the caller to know.

    >>> billed("e2-small", 2, 2048), billed("n2-custom-4-10240")
    (Billed(series='e2', cores=Decimal('0.5'), memory=Decimal('2')), \
Billed(series='n2-custom', cores=Decimal('4'), memory=Decimal('10')))
    """
    if size in WHOLE:
        return Billed(size, Decimal(1))
    if custom := CUSTOM.fullmatch(size):
        # Of E2, custom types are made of the same cores and memory as all others.
        series = "e2" if custom[1] == "e2" else f"{custom[1] or 'n1'}-custom"
        return Billed(series, Decimal(custom[2]), Decimal(custom[3]) / 1024)
    if not vcpus or not ram:
        return None
    if size in SHARED:
        return Billed("e2", SHARED[size], Decimal(ram) / 1024)
    if predefined := PREDEFINED.fullmatch(size):
        return Billed(predefined[1], Decimal(vcpus), Decimal(ram) / 1024)
    return None
