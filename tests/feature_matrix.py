"""The table of what each provider can do, made from the classes. `python -m tests.feature_matrix` writes it anew."""

from __future__ import annotations

import sys
from pathlib import Path

from aiocloud.driver import Compute, Driver, KeyPairs, PowerControl
from aiocloud.providers import Provider, get_driver

PAGE = Path(__file__).parent.parent / "docs" / "providers.md"
BEGIN, END = "<!-- made by tests.feature_matrix -->", "<!-- end -->"
CAPABILITIES = {"nodes": Compute, "stop, start": PowerControl, "key pairs": KeyPairs}
FEATURES = {
    "ssh_key": "key at create",
    "password": "password at create",
    "generates_password": "makes a password",
    "user_data": "user data",
    "tags": "tags",
    "idempotent_create": "create once",
}


def mark(yes: bool) -> str:
    return "✓" if yes else ""


def row(driver: type[Driver]) -> list[str]:
    features: frozenset[str] = getattr(driver, "features", frozenset())
    status = f"retired {driver.retired.since}" if driver.retired else "living"
    return [
        f"[{driver.title}](providers/{driver.provider}.md)",
        f"`{driver.provider}`",
        status,
        driver.protocol,
        *(mark(issubclass(driver, capability)) for capability in CAPABILITIES.values()),
        *(mark(feature in features) for feature in FEATURES),
        mark(driver.public),
    ]


def table() -> str:
    head = ["provider", "id", "status", "API", *CAPABILITIES, *FEATURES.values(), "offers without account"]
    rows = [head, ["---"] * len(head), *(row(get_driver(provider)) for provider in sorted(Provider))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in rows)


def renewed(page: str) -> str:
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text()))
    print(f"{PAGE.name} holds {len(Provider)} providers")
    sys.exit(0)
