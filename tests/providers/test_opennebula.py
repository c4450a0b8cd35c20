"""What only the OpenNebula driver does; what every driver does is in tests/conformance."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from aiocloud.accounts import Environment
from aiocloud.errors import (
    AmbiguousCreateError,
    ApiError,
    ConfigurationError,
    ConflictError,
    ForbiddenError,
    InvalidCredsError,
    InvalidRequestError,
    MalformedResponseError,
    NotFoundError,
    QuotaExceededError,
    ServerError,
    ServiceUnavailableError,
)
from aiocloud.http.message import Request, Response
from aiocloud.http.retry import Retry
from aiocloud.models import KeyPair, NodeAuthPassword, NodeAuthSSHKey, NodeState
from aiocloud.providers.opennebula import OpenNebula
from aiocloud.providers.opennebula.shapes import LCM_STATES, NODE
from aiocloud.providers.opennebula.wire import RPC, template_text
from aiocloud.simulators import xmlrpc
from aiocloud.simulators.base import Answer, LostAnswer
from aiocloud.simulators.opennebula import OpenNebulaSimulator
from aiocloud.simulators.opennebula.templates import parse
from aiocloud.simulators.virtualtime import run

CREATE = "one.template.instantiate"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJP4Ck6JO2XhDiWGt42h8ldHiAh59cTsTkwtq1Zmum0L quay"
ENDPOINT = "https://one.example.org/RPC2"


def over(simulator: OpenNebulaSimulator, **options: Any) -> OpenNebula:
    known: dict[str, Any] = {"endpoint": ENDPOINT, "transport": simulator, "now": simulator.now}
    return OpenNebula(**{**simulator.credentials, **known, **options})


def body(*values: Any) -> bytes:
    return f"<methodResponse><params><param>{xmlrpc.encode(values)}</param></params></methodResponse>".encode()


def answering(*answers: bytes, sent: list[Any] | None = None) -> OpenNebula:
    """A driver whose server gives these answers; what it was sent is kept."""
    left = iter(answers)

    async def transport(request: Request) -> Response:
        if sent is not None:
            sent.append(xmlrpc.read_call(request.body))
        return Response(status=200, body=next(left))

    once = Retry(attempts=1)
    return OpenNebula("alice", "canary-of-the-mine", endpoint=ENDPOINT, transport=transport, retry=once)


# ---- calls ----


def test_a_call_begins_with_the_session_and_an_action_comes_before_its_id() -> None:
    sent: list[Any] = []

    async def scenario() -> None:
        await answering(body(True, 42, 0), sent=sent).stop_node("42")

    run(scenario())
    assert sent == [("one.vm.action", ("alice:canary-of-the-mine", "poweroff", 42))]


def test_pages_are_asked_for_by_an_end_below_minus_one_and_a_place() -> None:
    sent: list[Any] = []
    full = "<VM_POOL>" + "".join(f"<VM><ID>{n}</ID><NAME>a</NAME></VM>" for n in range(100)) + "</VM_POOL>"

    async def scenario() -> int:
        return len(await answering(body(True, full, 0), body(True, "<VM_POOL/>", 0, -1, -1), sent=sent).list_nodes())

    assert run(scenario()) == 100
    assert [arguments[1:] for _, arguments in sent] == [(-2, 0, -100, -1), (-2, 100, -100, -1)]


def test_an_answer_with_long_integers_and_characters_that_xml_forbids_is_read() -> None:
    vm = "&lt;VM&gt;&lt;ID&gt;42&lt;/ID&gt;&lt;NAME&gt;we\x07b&lt;/NAME&gt;&lt;/VM&gt;"
    values = f"<boolean>1</boolean>|<string>{vm}</string>|<i4>0</i4>|<i8>-1</i8>".split("|")
    data = "".join(f"<value>{value}</value>" for value in values)
    text = f"<methodResponse><params><param><value><array><data>{data}</data></array></value></param></params>"

    async def scenario() -> str:
        return (await answering(f"{text}</methodResponse>".encode()).get_node("42")).name

    assert run(scenario()) == "web"


@pytest.mark.parametrize(
    ("code", "message", "kind", "word"),
    [
        (256, "[one.vm.info] User couldn't be authenticated, aborting call.", InvalidCredsError, "AUTHENTICATION"),
        (512, "[one.vm.info] User [3] : Not authorized to perform USE VM [7].", ForbiddenError, "AUTHORIZATION"),
        (512, "User [3] : limit of 2 reached for VMS quota in VM.", QuotaExceededError, "AUTHORIZATION"),
        (1024, "[one.vm.info] Error getting virtual machine [7].", NotFoundError, "NO_EXISTS"),
        (2048, "This action is not available for state PROLOG", ConflictError, "ACTION"),
        (2048, "limit of 4 reached for RUNNING_CPU quota in VM", QuotaExceededError, "ACTION"),
        (4096, "Incorrect filter_flag, must be >= -4.", InvalidRequestError, "XML_RPC_API"),
        (8192, "Cannot process request, no leader found", ServerError, "INTERNAL"),
        (16384, "NAME is already taken by VM 3.", ConflictError, "ALLOCATE"),
        (16384, "Parse error: syntax error", InvalidRequestError, "ALLOCATE"),
        (32768, "VM is locked by user 0", ConflictError, "LOCKED"),
        (65536, "Replication failed", ServiceUnavailableError, "REPLICATION"),
        (131072, "What is that?", ServerError, "131072"),
    ],
)
def test_a_refusal_in_http_200_raises_by_code_and_text(code: int, message: str, kind: Any, word: str) -> None:
    async def scenario() -> None:
        with pytest.raises(ApiError) as caught:
            await answering(body(False, message, code, -1)).get_node("7")
        assert type(caught.value) is kind
        assert (caught.value.code, caught.value.message) == (word, message)
        assert caught.value.status is None

    run(scenario())


@pytest.mark.parametrize(("code", "kind"), [(-506, InvalidRequestError), (-500, ServerError)])
def test_a_fault_of_xml_rpc_is_an_error_too(code: int, kind: Any) -> None:
    struct = xmlrpc.encode({"faultCode": code, "faultString": "Method 'one.vm.infos' not defined"})

    async def scenario() -> None:
        with pytest.raises(kind, match="not defined"):
            await answering(f"<methodResponse><fault>{struct}</fault></methodResponse>".encode()).get_node("7")

    run(scenario())


@pytest.mark.parametrize("answer", [body(), body(True), RPC.answer("text"), body(True, "<VM>", 0)])
def test_an_answer_of_another_form_is_malformed(answer: bytes) -> None:
    async def scenario() -> None:
        with pytest.raises(MalformedResponseError):
            await answering(answer).get_node("7")

    run(scenario())


@pytest.mark.parametrize("node", ["web-a", "-1", "2147483648", "٤"])
def test_an_id_that_is_no_number_is_refused_before_anything_is_sent(node: str) -> None:
    async def scenario() -> None:
        with pytest.raises(ConfigurationError, match="is no id"):
            await answering().get_node(node)

    run(scenario())


def test_an_endpoint_and_a_user_are_needed() -> None:
    with pytest.raises(ConfigurationError, match="endpoint"):
        OpenNebula("alice", "secret")
    with pytest.raises(ConfigurationError, match="username"):
        OpenNebula(None, "secret", endpoint=ENDPOINT)


# ---- templates ----


@pytest.mark.parametrize(
    "text", ["plain", 'a "quoted" word', "back\\slash", "two\nlines", "a, b = [c]", "# no comment", ""]
)
def test_any_text_comes_through_the_syntax_of_templates(text: str) -> None:
    written = template_text({"LABELS": text, "CONTEXT": {"PASSWORD": text, "NETWORK": "YES"}, "NIC": [{"A": text}]})
    assert parse(written) == {
        "LABELS": text,
        "CONTEXT": {"PASSWORD": text, "NETWORK": "YES"},
        "NIC": [{"A": text}],
    }


def test_a_key_is_added_to_the_context_of_the_template() -> None:
    simulator = OpenNebulaSimulator()

    async def scenario() -> None:
        driver = over(simulator)
        node = await driver.create_node(
            "web", size="1x1024", image="7", auth=NodeAuthSSHKey(KEY), user_data="#!/bin/sh"
        )
        context = simulator.world.vm(int(node.id)).template["CONTEXT"]
        assert (context["NETWORK"], context["SET_HOSTNAME"], context["SSH_PUBLIC_KEY"]) == ("YES", "$NAME", KEY)
        assert simulator.machine(simulator.world.vm(int(node.id))).user_data == b"#!/bin/sh"
        assert "USER_DATA" not in (await driver.get_node(node)).extra["TEMPLATE"]["CONTEXT"]

    run(scenario())


def test_what_is_not_asked_for_is_left_as_the_template_has_it() -> None:
    simulator = OpenNebulaSimulator()

    async def scenario() -> None:
        driver = over(simulator)
        same = simulator.world.vm(int((await driver.create_node("a", size="2x2048", image="8")).id))
        other = simulator.world.vm(int((await driver.create_node("b", size="4x8192", image="8")).id))
        assert (same.template["CPU"], same.template["VCPU"], same.template["MEMORY"]) == ("1", "2", "2048")
        assert (other.template["CPU"], other.template["VCPU"], other.template["MEMORY"]) == ("4", "4", "8192")
        assert same.template["CONTEXT"] == {"NETWORK": "YES"}
        assert len(same.template["NIC"]) == 2

    run(scenario())


def test_a_password_reaches_the_guest_and_no_model() -> None:
    simulator = OpenNebulaSimulator()

    async def scenario() -> None:
        driver = over(simulator)
        auth = NodeAuthPassword("canary-of-the-mine")
        node = await driver.get_node(await driver.create_node("web", size="1x1024", image="8", auth=auth))
        password = simulator.machine(simulator.world.vm(int(node.id))).password
        assert password is not None
        assert password.reveal() == "canary-of-the-mine"
        shown = f"{dict(node.extra)} {[dict(image.extra) for image in await driver.list_images()]}"
        assert "canary" not in shown

    run(scenario())


def test_a_cluster_is_required_beside_what_the_template_requires() -> None:
    simulator = OpenNebulaSimulator()

    async def scenario() -> None:
        driver = over(simulator, region="100")
        node = await driver.create_node("web", size="2x2048", image="8")
        wanted = simulator.world.vm(int(node.id)).user_template["SCHED_REQUIREMENTS"]
        assert wanted == '(HYPERVISOR = "kvm") & CLUSTER_ID = 100'
        assert (await driver.get_node(node)).location == "100"
        assert (await driver.wait_until(node)).location == "100"
        await driver.create_node("web", size="2x2048", image="8", location="0")
        assert [each.id for each in await driver.list_nodes(location="100")] == [node.id]

    run(scenario())


def test_a_cluster_that_is_not_there_is_refused_for_the_vm_would_wait_for_ever() -> None:
    simulator = OpenNebulaSimulator()

    async def scenario() -> None:
        with pytest.raises(NotFoundError, match=r"cluster \[77\]"):
            await over(simulator).create_node("web", size="1x1024", image="7", location="77")

    run(scenario())
    assert not simulator.world.vms


def test_several_regions_are_refused_where_one_cluster_is_needed() -> None:
    async def scenario() -> None:
        with pytest.raises(ConfigurationError, match="one `region`"):
            await over(OpenNebulaSimulator(), region=["0", "100"]).create_node("web", size="1x1024", image="7")

    run(scenario())


def test_a_vm_that_no_host_takes_is_pending_and_says_where_it_was_told_to_go() -> None:
    simulator = OpenNebulaSimulator()
    simulator.world.clusters[101] = "empty"

    async def scenario() -> None:
        driver = over(simulator)
        node = await driver.get_node(await driver.create_node("web", size="1x1024", image="7", location="101"))
        assert (node.state, node.location) == (NodeState.PENDING, "101")
        assert "Cannot dispatch" in node.extra["USER_TEMPLATE"]["SCHED_MESSAGE"]

    run(scenario())


@pytest.mark.parametrize("tags", [{"a": "b,c"}, {"a=b": "c"}, {" a": ""}, {"": "x"}])
def test_tags_that_would_come_back_as_others_are_refused_before_anything_is_sent(tags: dict[str, str]) -> None:
    simulator = OpenNebulaSimulator()

    async def scenario() -> None:
        with pytest.raises(ConfigurationError, match="tag"):
            await over(simulator).create_node("web", size="1x1024", image="7", tags=tags)

    run(scenario())
    assert not simulator.calls


def test_a_key_pair_without_its_key_is_refused() -> None:
    async def scenario() -> None:
        with pytest.raises(ConfigurationError, match="KeyPair"):
            await answering().create_node("web", size="1x1024", image="7", auth=KeyPair(id="k", name="k"))

    run(scenario())


def test_the_extras_of_a_create_are_obeyed() -> None:
    simulator = OpenNebulaSimulator()

    async def scenario() -> None:
        driver = over(simulator)
        extras: dict[str, Any] = {
            "ex_cpu": 0.5,
            "ex_networks": ["2"],
            "ex_hold": True,
            "ex_template": {"LOGO": "a.png"},
        }
        node = await driver.create_node("web", size="1x1024", image="7", **extras)
        seen = await driver.get_node(node)
        vm = simulator.world.vm(int(node.id))
        assert (vm.template["CPU"], vm.user_template["LOGO"]) == ("0.5", "a.png")
        assert (seen.state, seen.public_ips, len(seen.private_ips)) == (NodeState.PENDING, (), 1)
        await driver.ex_release_node(node)
        assert (await driver.wait_until(node)).state is NodeState.RUNNING

    run(scenario())


# ---- making and destroying ----


def test_a_quota_that_is_used_up_is_told_from_a_right_that_is_missing() -> None:
    simulator = OpenNebulaSimulator()
    simulator.world.quota = 1

    async def scenario() -> None:
        driver = over(simulator)
        await driver.create_node("web", size="1x1024", image="7")
        with pytest.raises(QuotaExceededError, match="limit of 1 reached"):
            await driver.create_node("web", size="1x1024", image="7")

    run(scenario())


def test_two_vms_of_one_name_are_told_apart_by_their_mark() -> None:
    simulator = OpenNebulaSimulator()

    async def scenario() -> None:
        driver = over(simulator)
        older = await driver.create_node("web", size="1x1024", image="7")
        simulator.faults.append(LostAnswer(on=CREATE))
        newer = await driver.create_node("web", size="1x1024", image="7", tags={"role": "web"})
        assert newer.id != older.id
        assert newer.tags == {"role": "web"}

    run(scenario())


def test_a_lost_answer_with_nothing_to_be_found_is_ambiguous_since_names_are_no_ids() -> None:
    simulator = OpenNebulaSimulator()

    async def scenario() -> None:
        simulator.faults.append(Answer(on=CREATE, status=502))
        with pytest.raises(AmbiguousCreateError, match="'web'"):
            await over(simulator).create_node("web", size="1x1024", image="7")

    run(scenario())
    assert simulator.calls[CREATE] == 1


def test_a_vm_that_boots_is_destroyed_as_soon_as_that_is_allowed() -> None:
    simulator = OpenNebulaSimulator(boot=20)

    async def scenario() -> None:
        driver = over(simulator)
        node = await driver.create_node("web", size="1x1024", image="7")
        await driver.wait_until(node, NodeState.RUNNING, timeout=60)
        other = await driver.create_node("web-2", size="1x1024", image="7")
        simulator.world.vm(int(other.id)).go((3, 1), (simulator.after(12), (3, 3)))
        with pytest.raises(ConflictError, match="PROLOG"):
            await driver.destroy_node(other, ex_wait=0)
        await driver.destroy_node(other)
        assert (await driver.wait_until(other, NodeState.TERMINATED)).state is NodeState.TERMINATED

    run(scenario())


def test_destroying_what_is_done_already_is_no_error() -> None:
    simulator = OpenNebulaSimulator()

    async def scenario() -> None:
        driver = over(simulator)
        node = await driver.wait_until(await driver.create_node("web", size="1x1024", image="7"))
        await driver.destroy_node(node)
        await asyncio.sleep(60)
        await driver.destroy_node(node)
        assert (await driver.get_node(node)).state is NodeState.TERMINATED
        assert await driver.list_nodes() == []

    run(scenario())


def test_a_stuck_vm_can_be_deleted_by_recovering_it() -> None:
    simulator = OpenNebulaSimulator(boot=10_000)

    async def scenario() -> None:
        driver = over(simulator)
        node = await driver.create_node("web", size="1x1024", image="7")
        await driver.ex_recover_node(node, "delete")
        assert (await driver.get_node(node)).state is NodeState.TERMINATED

    run(scenario())


def test_a_vm_is_suspended_undeployed_renamed_resized_and_labelled() -> None:
    simulator = OpenNebulaSimulator()

    async def scenario() -> None:
        driver = over(simulator)
        node = await driver.wait_until(await driver.create_node("web", size="1x1024", image="7"))
        await driver.ex_suspend_node(node)
        await driver.wait_until(node, NodeState.SUSPENDED)
        await driver.start_node(node)
        await driver.wait_until(node)
        await driver.ex_undeploy_node(node)
        await driver.wait_until(node, NodeState.STOPPED)
        await driver.ex_resize_node(node, "2x4096")
        await driver.ex_rename_node(node, "web-2")
        await driver.ex_set_tags(node, {"role": "db"})
        await driver.start_node(node)
        seen = await driver.wait_until(node)
        assert (seen.name, seen.size, dict(seen.tags)) == ("web-2", "2x4096", {"role": "db"})

    run(scenario())


def test_lists_of_what_only_opennebula_has() -> None:
    async def scenario() -> None:
        driver = over(OpenNebulaSimulator())
        assert [host["CLUSTER"] for host in await driver.ex_list_hosts()] == ["default", "prod"]
        assert [network["NAME"] for network in await driver.ex_list_networks()] == ["public", "lan"]
        assert [image["SIZE"] for image in await driver.ex_list_disk_images()] == ["10240", "10240"]
        assert await driver.ex_version() == "7.4.0"

    run(scenario())


def test_a_failed_vm_tells_why() -> None:
    node = NODE({"ID": "1", "NAME": "a", "STATE": "3", "LCM_STATE": "36", "USER_TEMPLATE": {"ERROR": "no space left"}})
    assert node.state is NodeState.ERROR
    assert answering().failure_reason(node) == "no space left"


def test_every_state_of_the_life_cycle_is_known_once() -> None:
    assert set(LCM_STATES) == {str(number) for number in range(72)} - {"16"}, "16 is UNKNOWN itself"


# ---- credentials ----


def discovered(variables: dict[str, str], home: Path) -> list[Any]:
    found = OpenNebula.accounts(Environment(variables, home, home))
    return [(account.name, dict(account.options)) for account in found]


def test_the_account_is_the_one_of_opennebulas_own_commands(tmp_path: Path) -> None:
    assert discovered({}, tmp_path) == []
    (tmp_path / ".one").mkdir()
    (tmp_path / ".one" / "one_auth").write_text("alice:pass:word\n")
    login = {"username": "alice", "password": "pass:word"}
    assert discovered({}, tmp_path) == [("default", {**login, "endpoint": "http://localhost:2633/RPC2"})]
    (tmp_path / ".one" / "one_endpoint").write_text(f"{ENDPOINT}\n")
    assert discovered({}, tmp_path) == [("default", {**login, "endpoint": ENDPOINT})]
    (tmp_path / "other").write_text("bob:secret")
    variables = {"ONE_AUTH": str(tmp_path / "other"), "ONE_XMLRPC": "http://two.example.org:2633/RPC2"}
    bob = {"username": "bob", "password": "secret", "endpoint": "http://two.example.org:2633/RPC2"}
    assert discovered(variables, tmp_path) == [("default", bob)]


def test_a_login_file_that_cannot_be_read_says_which(tmp_path: Path) -> None:
    (tmp_path / "auth").mkdir()
    with pytest.raises(ConfigurationError, match="auth cannot be read"):
        discovered({"ONE_AUTH": str(tmp_path / "auth")}, tmp_path)
