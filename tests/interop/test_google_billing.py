"""Google's own client (`google-api-python-client`), unmodified and over HTTP, against our simulator's price list."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aiocloud.simulators.gce import GCESimulator
from aiocloud.simulators.server import serve
from tests.interop.conftest import official

discovery = official("googleapiclient.discovery")
credentials = official("google.auth.credentials")
errors = official("googleapiclient.errors")
folder = Path(official("googleapiclient.discovery_cache").__file__).parent / "documents"

SERVICE = "services/6F81-5844-456A"


def listed(base: str, key: str | None, **asked: Any) -> Iterator[Any]:
    """All that is sold, page by page."""
    described = json.loads((folder / "cloudbilling.v1.json").read_text("utf-8"))
    here = {"api_endpoint": base}
    who = {"developerKey": key} if key else {"credentials": credentials.AnonymousCredentials()}
    with discovery.build_from_document(described, client_options=here, **who) as client:
        skus = client.services().skus()
        request = skus.list(parent=SERVICE, **asked)
        while request is not None:
            answer = request.execute()
            yield from answer["skus"]
            request = skus.list_next(request, answer)


async def test_the_official_client_reads_all_pages_with_a_key_in_the_query() -> None:
    simulator = GCESimulator(invented_prices=True)
    async with serve(simulator) as base:
        found = await asyncio.to_thread(lambda: list(listed(str(base), simulator.billing_key, pageSize=100)))
        whole = await asyncio.to_thread(lambda: list(listed(str(base), simulator.billing_key)))
    assert simulator.calls["cloudbilling.services.skus.list"] == 4
    assert [sku["skuId"] for sku in found] == [sku["skuId"] for sku in whole]
    [core] = [sku for sku in found if sku["description"] == "E2 Instance Core running in Americas"]
    [rate] = core["pricingInfo"][0]["pricingExpression"]["tieredRates"]
    assert rate["unitPrice"] == {"currencyCode": "USD", "units": "0", "nanos": 20_000_000}
    assert core["serviceRegions"] == ["us-central1", "us-west1"]


async def test_the_official_client_gets_the_fields_that_it_asks_for() -> None:
    simulator = GCESimulator(invented_prices=True)
    async with serve(simulator) as base:
        fields = "skus(skuId,category(usageType)),nextPageToken"
        found = await asyncio.to_thread(lambda: list(listed(str(base), simulator.billing_key, fields=fields)))
    assert {tuple(sku) for sku in found} == {("skuId", "category")}
    assert {tuple(sku["category"]) for sku in found} == {("usageType",)}


@pytest.mark.parametrize(("key", "status", "sentence"), [("AIzaWrong", 400, "not valid"), (None, 403, "unregistered")])
async def test_the_official_client_is_refused_without_the_right_key(
    key: str | None, status: int, sentence: str
) -> None:
    async with serve(GCESimulator()) as base:
        with pytest.raises(errors.HttpError, match=sentence) as caught:
            await asyncio.to_thread(lambda: list(listed(str(base), key)))
    assert caught.value.resp.status == status
