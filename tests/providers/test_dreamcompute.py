from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aiocloud.accounts import Environment
from aiocloud.errors import ConfigurationError
from aiocloud.providers.dreamcompute import DreamCompute
from aiocloud.simulators.dreamcompute import DreamComputeSimulator


def driver(**options: Any) -> DreamCompute:
    simulator = DreamComputeSimulator()
    known = {**simulator.credentials, "transport": simulator, "now": simulator.now}
    return DreamCompute(**{**known, **options})


async def test_its_host_its_region_and_its_country_need_not_be_told() -> None:
    async with driver() as cloud:
        (place,) = await cloud.list_locations()
        assert (place.id, place.country, place.city) == ("RegionOne", "US", "Ashburn")
        assert {size.price for size in await cloud.list_sizes()} == {None}


async def test_prices_are_those_of_the_users_own_table() -> None:
    async with driver(prices={"gp1.subsonic": "0.05 USD/hour"}) as cloud:
        known = {size.name: size.price.amount for size in await cloud.list_sizes() if size.price}
    assert {name: str(amount) for name, amount in known.items()} == {"gp1.subsonic": "0.05"}


@pytest.mark.parametrize("missing", ["username", "password", "project"])
def test_all_three_credentials_are_needed(missing: str) -> None:
    given: dict[str, Any] = {
        name: value for name, value in DreamComputeSimulator().credentials.items() if name != missing
    }
    with pytest.raises(ConfigurationError, match="needs `username`, `password` and `project`"):
        DreamCompute(**given)


def test_entries_of_clouds_yaml_are_not_found_twice(tmp_path: Path) -> None:
    (tmp_path / "clouds.yaml").write_text("clouds: {dream: {profile: dreamcompute}}")
    assert list(DreamCompute.accounts(Environment({}, tmp_path, tmp_path))) == []
