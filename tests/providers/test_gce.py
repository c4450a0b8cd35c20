"""What is particular to Compute Engine: how it signs in, how its operations fail, what it alone has."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest

from aiocloud.accounts import Environment
from aiocloud.errors import (
    CapacityError,
    ConfigurationError,
    ConflictError,
    InvalidCredsError,
    InvalidRequestError,
    MalformedResponseError,
    NotFoundError,
    QuotaExceededError,
    RateLimitReachedError,
    ServiceUnavailableError,
)
from aiocloud.http.message import Request, Response
from aiocloud.http.retry import Retry
from aiocloud.models import KeyPair, NodeAuthPassword, NodeAuthSSHKey, NodeState
from aiocloud.providers.gce import GCE
from aiocloud.providers.gce.shapes import ERRORS, MARK
from aiocloud.simulators import virtualtime
from aiocloud.simulators.base import Answer, Hang, LostAnswer, NoCapacity
from aiocloud.simulators.gce import GCESimulator

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJP4Ck6JO2XhDiWGt42h8ldHiAh59cTsTkwtq1Zmum0L quay"
DEBIAN = "projects/debian-cloud/global/images/family/debian-12"
ZONE = "europe-west1-b"


class Wire:
    """A simulated project, and all that it was asked."""

    def __init__(self, simulator: GCESimulator | None = None) -> None:
        self.simulator = simulator or GCESimulator()
        self.asked: list[Request] = []

    async def __call__(self, request: Request) -> Response:
        self.asked.append(request)
        return await self.simulator(request)

    def run(self, scenario: Any, **options: Any) -> Any:
        async def go() -> Any:
            own = {**self.simulator.credentials, "transport": self, "now": self.simulator.now, "region": ZONE}
            async with GCE(**{"retry": Retry(jitter=lambda: 1.0), **own, **options}) as driver:
                return await scenario(driver)

        return virtualtime.run(go())

    def body(self, end: str) -> Any:
        return next(json.loads(each.body) for each in self.asked if each.url.path.endswith(end) and each.body)


async def make(driver: GCE, name: str = "web-1", **more: Any) -> Any:
    return await driver.create_node(name, size="e2-small", image=DEBIAN, **more)


# ---- signing in ----


def test_an_assertion_says_who_asks_for_what_and_for_how_long() -> None:
    wire = Wire()
    wire.run(lambda driver: driver.list_locations().__aiter__().__anext__())
    form = dict(pair.split("=", 1) for pair in wire.asked[0].body.decode().split("&"))
    assert str(wire.asked[0].url) == "https://oauth2.googleapis.com/token"
    head, claims, _ = form["assertion"].split(".")
    assert json.loads(base64.urlsafe_b64decode(head + "==")) == {"alg": "RS256", "typ": "JWT"}
    told = json.loads(base64.urlsafe_b64decode(claims + "=="))
    assert told.pop("exp") - told.pop("iat") == 3600
    assert told == {
        "iss": "harbour@quay-7.iam.gserviceaccount.com",
        "scope": "https://www.googleapis.com/auth/compute",
        "aud": "https://oauth2.googleapis.com/token",
    }


def test_many_callers_share_one_sign_in_and_one_renewal() -> None:
    wire = Wire()

    async def scenario(driver: GCE) -> None:
        await asyncio.gather(*[driver.list_locations() for _ in range(6)])
        assert wire.simulator.calls["POST /token"] == 1
        wire.simulator.expire_tokens()
        await asyncio.gather(*[driver.list_locations() for _ in range(6)])

    wire.run(scenario)
    assert wire.simulator.calls["POST /token"] == 2


def test_a_token_is_renewed_before_its_hour_is_over() -> None:
    wire = Wire()

    async def scenario(driver: GCE) -> None:
        await driver.list_locations()
        await asyncio.sleep(3550)
        await driver.list_locations()

    wire.run(scenario)
    assert wire.simulator.calls["POST /token"] == 2
    assert wire.simulator.calls["compute.zones.list"] == 2  # none was refused first


def test_a_key_of_another_account_is_refused_once() -> None:
    wire = Wire()

    async def scenario(driver: GCE) -> None:
        with pytest.raises(InvalidCredsError, match="account not found") as caught:
            await driver.list_nodes()
        assert caught.value.code == "invalid_grant"

    wire.run(scenario, client_email="somebody@else.example")
    assert wire.simulator.calls["POST /token"] == 1


def test_a_key_in_one_line_as_variables_hold_it_will_do() -> None:
    wire = Wire()
    key = wire.simulator.credentials["private_key"].replace("\n", "\\n")
    assert wire.run(lambda driver: _whole(driver.list_locations()), private_key=key)


async def _whole(pager: Any) -> list[Any]:
    return list(await pager)


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"ex_refresh_token": "1//harbour-refresh-token", "ex_client_id": "me", "ex_client_secret": "shh"}, "/token"),
        (
            {"ex_metadata_host": "metadata.google.internal"},
            "/computeMetadata/v1/instance/service-accounts/default/token",
        ),
    ],
)
def test_a_user_and_an_instance_sign_in_too(options: dict[str, str], path: str) -> None:
    wire = Wire()
    assert wire.run(lambda driver: _whole(driver.list_locations()), private_key=None, client_email=None, **options)
    assert wire.asked[0].url.path == path


def test_a_refresh_token_that_was_revoked_is_said_to_be_so() -> None:
    async def scenario(driver: GCE) -> None:
        with pytest.raises(InvalidCredsError, match="revoked"):
            await driver.list_nodes()

    Wire().run(scenario, private_key=None, ex_refresh_token="another", ex_client_id="me", ex_client_secret="shh")


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        ({}, "project"),
        ({"project": "quay-7"}, "private_key"),
        ({"project": "quay-7", "private_key": "x"}, "client_email"),
        ({"project": "quay-7", "ex_refresh_token": "x"}, "ex_client_secret"),
    ],
)
def test_half_a_login_is_refused_at_once(options: dict[str, str], missing: str) -> None:
    with pytest.raises(ConfigurationError, match=missing):
        GCE(**options)  # type: ignore[arg-type]  # all of them are text


def test_a_project_that_is_another_is_not_found() -> None:
    async def scenario(driver: GCE) -> None:
        with pytest.raises(NotFoundError, match="pier-8"):
            await driver.list_nodes()

    Wire().run(scenario, project="pier-8")


# ---- accounts ----


def _gcloud(home: Path, credentials: Any) -> None:
    folder = home / ".config" / "gcloud"
    (folder / "configurations").mkdir(parents=True)
    (folder / "application_default_credentials.json").write_text(json.dumps(credentials))
    (folder / "active_config").write_text("work\n")
    text = "[core]\nproject = quay-7\n[compute]\nzone = europe-west3-a\n"
    (folder / "configurations" / "config_work").write_text(text)


def test_the_application_default_credentials_are_found_with_gclouds_project_and_zone(tmp_path: Path) -> None:
    user = {"type": "authorized_user", "client_id": "me", "client_secret": "shh", "refresh_token": "1//x"}
    _gcloud(tmp_path, user)
    (account,) = GCE.accounts(Environment({}, tmp_path, tmp_path))
    assert account.options == {
        "ex_client_id": "me",
        "ex_client_secret": "shh",
        "ex_refresh_token": "1//x",
        "project": "quay-7",
        "region": "europe-west3-a",
    }
    assert GCE(**account.options).project == "quay-7"


def test_a_service_account_is_found_where_the_variable_points(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    about = {"type": "service_account", "client_email": "a@b", "private_key": "PEM", "project_id": "from-file"}
    path.write_text(json.dumps(about))
    variables = {"GOOGLE_APPLICATION_CREDENTIALS": str(path)}
    (account,) = GCE.accounts(Environment(variables, tmp_path, tmp_path))
    assert account.options == {"client_email": "a@b", "private_key": "PEM", "project": "from-file", "region": None}
    (account,) = GCE.accounts(Environment({**variables, "GOOGLE_CLOUD_PROJECT": "named"}, tmp_path, tmp_path))
    assert account.options["project"] == "named"


def test_what_cannot_be_used_is_an_error_that_quotes_nothing(tmp_path: Path) -> None:
    assert list(GCE.accounts(Environment({}, tmp_path, tmp_path))) == []
    path = tmp_path / "key.json"
    there = Environment({"GOOGLE_APPLICATION_CREDENTIALS": str(path)}, tmp_path, tmp_path)
    with pytest.raises(ConfigurationError, match="not there"):
        list(GCE.accounts(there))
    for text in ('{"private_key": "s3cret"', '["s3cret"]', '{"type": "external_account", "x": "s3cret"}'):
        path.write_text(text)
        with pytest.raises(ConfigurationError) as caught:
            list(GCE.accounts(there))
        assert "s3cret" not in str(caught.value)


# ---- operations that fail ----


def test_a_lack_of_room_is_told_by_the_operation_and_leaves_no_node() -> None:
    wire = Wire()

    async def scenario(driver: GCE) -> None:
        wire.simulator.faults.append(NoCapacity(on="compute.instances.insert"))
        with pytest.raises(CapacityError, match="does not have enough resources") as caught:
            await make(driver)
        assert (caught.value.status, caught.value.code) == (503, "ZONE_RESOURCE_POOL_EXHAUSTED")
        assert await driver.list_nodes() == []

    wire.run(scenario)
    assert wire.simulator.calls["compute.zoneOperations.wait"] >= 1


def test_an_operation_that_cannot_be_asked_for_loses_no_node(caplog: pytest.LogCaptureFixture) -> None:
    wire = Wire()

    async def scenario(driver: GCE) -> None:
        wire.simulator.faults.append(Answer(on="compute.zoneOperations.wait", status=503, times=99))
        wire.simulator.faults.append(Answer(on="compute.instances.get", status=503, times=99))
        node = await make(driver)
        assert (node.state, node.location, node.name) == (NodeState.PENDING, ZONE, "web-1")
        wire.simulator.faults.clear()
        assert [each.id for each in await driver.list_nodes()] == [node.id]

    wire.run(scenario)
    assert "whose end cannot be learned" in caplog.text


def test_a_create_that_answers_never_is_found_by_its_mark() -> None:
    wire = Wire()

    async def scenario(driver: GCE) -> None:
        wire.simulator.faults.append(LostAnswer(on="compute.instances.insert", times=99))
        node = await make(driver)
        assert MARK in node.extra["labels"]
        assert MARK not in node.tags
        assert len(await driver.list_nodes()) == 1

    wire.run(scenario)
    tries = [each for each in wire.asked if each.method == "POST" and each.url.path.endswith("/instances")]
    assert len(tries) > 1
    assert len({each.url.query["requestId"] for each in tries}) == 1


@pytest.mark.parametrize("body", [b"[]", b"null", b'{"status": "DONE"}'])
def test_a_success_that_says_nothing_is_looked_into(body: bytes) -> None:
    wire = Wire()

    async def scenario(driver: GCE) -> None:
        wire.simulator.faults.append(Answer(on="compute.instances.insert", body=body))
        node = await make(driver)
        assert [each.id for each in await driver.list_nodes()] == [node.id]
        wire.simulator.faults.append(Answer(on="compute.instances.aggregatedList", body=b"[]", times=99))
        with pytest.raises(MalformedResponseError):
            await driver.list_nodes()

    wire.run(scenario)


def test_google_is_not_waited_for_longer_than_said() -> None:
    wire = Wire()

    async def scenario(driver: GCE) -> None:
        node = await driver.wait_until(await make(driver))
        wire.simulator.faults.append(Hang(on="compute.zoneOperations.wait"))
        began = asyncio.get_running_loop().time()
        await driver.destroy_node(node)
        assert 20 <= asyncio.get_running_loop().time() - began < 21

    wire.run(scenario)


def test_a_slow_operation_is_left_to_itself_after_a_minute() -> None:
    wire = Wire(GCESimulator(boot=10_000))

    async def scenario(driver: GCE) -> None:
        began = asyncio.get_running_loop().time()
        assert (await make(driver)).state is NodeState.PENDING
        assert 60 <= asyncio.get_running_loop().time() - began < 70

    wire.run(scenario)


def test_a_full_project_and_a_taken_name_are_named_as_such() -> None:
    wire = Wire()

    async def scenario(driver: GCE) -> None:
        await make(driver)
        with pytest.raises(ConflictError):
            await make(driver)
        wire.simulator.world.quota = 1
        with pytest.raises(QuotaExceededError):
            await make(driver, "web-2")

    wire.run(scenario)


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        (403, "rateLimitExceeded", RateLimitReachedError),
        (403, "quotaExceeded", QuotaExceededError),
        (400, "resourceInUseByAnotherResource", ConflictError),
        (412, "conditionNotMet", ConflictError),
        (400, "invalid", InvalidRequestError),
    ],
)
def test_reasons_count_for_more_than_the_status(status: int, reason: str, kind: type[Exception]) -> None:
    body = {"error": {"code": status, "message": "No.", "errors": [{"reason": reason, "domain": "global"}]}}
    error = ERRORS.read(Response(status=status, body=json.dumps(body).encode()), GCESimulator().now())
    assert type(error) is kind
    assert (error.code, error.message) == (reason, "No.")


def test_an_operation_names_its_quota() -> None:
    assert isinstance(ERRORS.classify("QUOTA_EXCEEDED", "Quota 'CPUS' exceeded.", status=403), QuotaExceededError)
    stockout = ERRORS.classify("ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS", "No room", status=503)
    assert isinstance(stockout, CapacityError)
    assert not stockout.retryable


# ---- lists ----


def test_a_place_that_could_not_be_asked_is_no_empty_place() -> None:
    async def silent(request: Request) -> Response:
        scope = {"zones/us-east4-a": {"warning": {"code": "UNREACHABLE"}}}
        token = {"access_token": "t0ken", "expires_in": 3599}
        told = token if request.url.path == "/token" else {"items": scope}
        return Response(status=200, body=json.dumps(told).encode())

    async def scenario(driver: GCE) -> None:
        with pytest.raises(ServiceUnavailableError, match="us-east4-a"):
            await driver.list_nodes()

    Wire().run(scenario, transport=silent, retry=Retry(attempts=1))


def test_images_are_the_projects_and_googles_or_those_of_a_project_that_is_named() -> None:
    async def scenario(driver: GCE) -> None:
        assert {image.os for image in await driver.list_images()} == {"debian", "ubuntu", "rocky", "cos"}
        named = await driver.list_images(ex_project="debian-cloud")
        assert [image.name for image in named] == [
            "debian-12-bookworm-v20260210",
            "debian-12-bookworm-arm64-v20260210",
        ]
        assert len(await driver.list_images(ex_project=["debian-cloud"], ex_deprecated=True)) == 3

    Wire().run(scenario)


def test_prices_are_those_of_the_catalogue_and_unknown_where_it_has_none() -> None:
    async def scenario(driver: GCE) -> None:
        sizes = {size.id: size for size in await driver.list_sizes()}
        assert sizes["c3-standard-4-lssd"].price is None
        price = sizes["f1-micro"].price
        assert price is not None
        assert (str(price.amount), price.currency, price.source) == ("0.0086", "USD", "catalogue")

    Wire().run(scenario)


def test_nothing_is_to_be_had_in_a_zone_that_is_down() -> None:
    wire = Wire()
    wire.simulator.world.down.add("us-east4-a")

    async def scenario(driver: GCE) -> None:
        offers = await driver.list_offers()
        assert {offer.location.id for offer in offers if offer.available is False} == {"us-east4-a"}
        assert {offer.available for offer in offers} == {None, False}
        assert {offer.location.id for offer in await driver.list_offers(location=ZONE)} == {ZONE}

    wire.run(scenario)


# ---- nodes ----


def test_a_node_is_found_by_id_and_by_a_name_that_is_its_alone() -> None:
    async def scenario(driver: GCE) -> None:
        node = await make(driver)
        assert (await driver.get_node(node.id)).id == (await driver.get_node("web-1")).id == node.id
        await make(driver, location="us-east4-a")
        with pytest.raises(ConfigurationError, match="several nodes 'web-1'"):
            await driver.destroy_node("web-1")
        with pytest.raises(ConfigurationError, match="no id"):
            await driver.get_node('x" OR name!="')

    Wire().run(scenario)


def test_what_is_asked_of_a_new_node_reaches_the_api() -> None:
    wire = Wire()

    async def scenario(driver: GCE) -> None:
        await make(
            driver,
            auth=NodeAuthSSHKey(KEY),
            user_data="#cloud-config\n",
            tags={"role": "web"},
            ex_username="quay",
            ex_disk_size=20,
            ex_disk_type="pd-ssd",
            ex_subnetwork="harbour",
            ex_external_ip="203.0.113.9",
            ex_network_tags=["http"],
            ex_metadata={"startup-script": "true"},
            ex_service_account="a@b",
            ex_spot=True,
        )

    wire.run(scenario)
    body = wire.body("/instances")
    assert body.pop("labels")["role"] == "web"
    assert body == {
        "name": "web-1",
        "machineType": f"zones/{ZONE}/machineTypes/e2-small",
        "disks": [
            {
                "boot": True,
                "autoDelete": True,
                "initializeParams": {
                    "sourceImage": DEBIAN,
                    "diskSizeGb": "20",
                    "diskType": f"zones/{ZONE}/diskTypes/pd-ssd",
                },
            }
        ],
        "networkInterfaces": [
            {
                "subnetwork": "regions/europe-west1/subnetworks/harbour",
                "accessConfigs": [{"name": "External NAT", "type": "ONE_TO_ONE_NAT", "natIP": "203.0.113.9"}],
            }
        ],
        "metadata": {
            "items": [
                {"key": "startup-script", "value": "true"},
                {"key": "ssh-keys", "value": f"quay:{KEY}"},
                {"key": "user-data", "value": "#cloud-config\n"},
            ]
        },
        "tags": {"items": ["http"]},
        "serviceAccounts": [{"email": "a@b", "scopes": ["https://www.googleapis.com/auth/cloud-platform"]}],
        "scheduling": {"provisioningModel": "SPOT", "instanceTerminationAction": "STOP"},
    }


def test_what_cannot_be_had_is_refused_before_anything_is_asked() -> None:
    wire = Wire()

    async def scenario(driver: GCE) -> None:
        with pytest.raises(ConfigurationError, match="NodeAuthPassword"):
            await make(driver, auth=NodeAuthPassword("a-Long-Harbour-Pass-3"))
        with pytest.raises(ConfigurationError, match="KeyPair"):
            await make(driver, auth=KeyPair(id="k", name="k"), location=ZONE)
        with pytest.raises(ConfigurationError, match="location"):
            await make(driver)

    wire.run(scenario, region=None)
    assert wire.asked == []


def test_a_node_without_a_public_address_has_none() -> None:
    async def scenario(driver: GCE) -> None:
        node = await driver.wait_until(await make(driver, ex_external_ip=False))
        assert node.public_ips == ()
        assert node.private_ips

    Wire().run(scenario)


# ---- only here ----


def test_labels_size_and_sleep_can_be_changed() -> None:
    wire = Wire()

    async def scenario(driver: GCE) -> None:
        node = await driver.wait_until(await make(driver))
        await driver.ex_set_tags(node, {"role": "db"})
        assert dict((await driver.get_node(node)).tags) == {"role": "db"}
        with pytest.raises(ConflictError):
            await driver.ex_resize_node(node, "e2-medium")
        assert await driver.ex_get_console_output(node) == "web-1 login: "
        await driver.ex_suspend_node(node)
        await driver.wait_until(node, NodeState.SUSPENDED)
        await driver.ex_resume_node(node)
        await driver.stop_node(await driver.wait_until(node))
        await driver.wait_until(node, NodeState.STOPPED)
        await driver.ex_resize_node(node, "e2-medium")
        assert (await driver.get_node(node)).size == "e2-medium"

    wire.run(scenario)


def test_labels_that_somebody_else_has_changed_are_not_overwritten() -> None:
    wire = Wire()

    async def scenario(driver: GCE) -> None:
        node = await driver.wait_until(await make(driver))
        wire.simulator.faults.append(
            Answer(on="*setLabels", status=412, body=b'{"error":{"errors":[{"reason":"conditionNotMet"}]}}')
        )
        with pytest.raises(ConflictError):
            await driver.ex_set_tags(node, {})

    wire.run(scenario)


def test_firewall_rules_networks_and_addresses() -> None:
    wire = Wire()

    async def scenario(driver: GCE) -> None:
        await driver.ex_create_firewall("web", allowed=["tcp:80,8000-8080", "icmp"], target_tags=["http"])
        (rule,) = await driver.ex_list_firewalls()
        assert rule["allowed"] == [{"IPProtocol": "tcp", "ports": ["80", "8000-8080"]}, {"IPProtocol": "icmp"}]
        assert (rule["network"], rule["sourceRanges"]) == ("global/networks/default", ["0.0.0.0/0"])
        await driver.ex_delete_firewall("web")
        assert await driver.ex_list_firewalls() == []
        with pytest.raises(NotFoundError):
            await driver.ex_delete_firewall("web")
        assert [each["name"] for each in await driver.ex_list_networks()] == ["default"]
        assert await driver.ex_list_addresses() == []

    wire.run(scenario)
