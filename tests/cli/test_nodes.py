from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from aiocloud.simulators.base import Answer, LostAnswer
from aiocloud.simulators.linode import LinodeSimulator
from tests.cli.conftest import Ran

WEB = ("create", "web-1", "--size", "g6-nanode-1", "--image", "linode/debian12", "--location", "eu-central")
CREATE = "POST /linode/instances"


@pytest.fixture
def prod(configure: Callable[..., None], linode: LinodeSimulator) -> LinodeSimulator:
    """A Linode with two nodes as the account "prod"."""
    configure(prod=linode)
    return linode


def names(simulator: LinodeSimulator) -> list[str]:
    return sorted(instance.label for instance in simulator.world.instances.values())


def test_a_new_node_is_shown_with_its_password_once(run: Callable[..., Ran], prod: LinodeSimulator) -> None:
    ran = run(*WEB, "--account", "prod", "--tag", "role=web")
    assert ran.status == 0
    assert "('web-1') at linode/prod: running" in ran.out
    assert ran.out.count("password: ") == 1
    assert "(it will not be shown again)" in ran.out
    assert "web-1" in names(prod)
    listed = json.loads(run("nodes", "--format", "json").out)["items"]
    assert [node["tags"] for node in listed if node["name"] == "web-1"] == [{"role": "web"}]


def test_json_holds_the_password_only_on_request(run: Callable[..., Ran], prod: LinodeSimulator) -> None:
    silent = run(*WEB, "--format", "json")
    assert "password" not in json.loads(silent.out)["items"][0]
    assert "is not shown without --show-password" in silent.err
    told = run("create", "web-2", *WEB[2:], "--format", "json", "--show-password")
    assert len(json.loads(told.out)["items"][0]["password"]) > 20
    assert told.err == ""


def test_waiting_tells_the_addresses(run: Callable[..., Ran], prod: LinodeSimulator) -> None:
    ran = run(*WEB, "--wait")
    assert ran.status == 0
    assert " is running at 198.18." in ran.out.splitlines()[-1]


def test_the_only_account_need_not_be_named_but_one_of_several_must(
    run: Callable[..., Ran], configure: Callable[..., None], prod: LinodeSimulator
) -> None:
    assert run(*WEB).status == 0
    configure(test=LinodeSimulator())
    ran = run("create", "web-2", *WEB[2:])
    assert ran == Ran(1, "", "aiocloud: name an account with --account. There are: linode/prod, linode/test\n")
    assert "There are: linode/prod, linode/test" in run(*WEB, "--account", "nope").err


def test_unknown_ids_are_named_with_those_that_come_near(run: Callable[..., Ran], prod: LinodeSimulator) -> None:
    ran = run("create", "web", "--size", "g6-nanode", "--image", "linode/debian", "--location", "eu-centrl")
    assert ran.status == 1
    assert ran.err.count("\n") == 1
    assert ran.err.startswith("aiocloud: linode (prod): ")
    assert "No size 'g6-nanode' is listed: did you mean g6-nanode-1" in ran.err
    assert "No image 'linode/debian' is listed: did you mean" in ran.err
    assert "No location 'eu-centrl' is listed: did you mean eu-central" in ran.err


def test_unknown_ids_are_named_even_where_the_name_is_taken_too(run: Callable[..., Ran], prod: LinodeSimulator) -> None:
    ran = run("create", "linode1001", "--size", "g6-nanode", "--image", "linode/debian12", "--location", "eu-central")
    assert (ran.status, ran.err.count("\n")) == (1, 1)
    assert "No size 'g6-nanode' is listed in eu-central: did you mean g6-nanode-1" in ran.err


def test_files_are_read_before_anything_is_made(run: Callable[..., Ran], prod: LinodeSimulator, tmp_path: Path) -> None:
    key = tmp_path / "id"
    key.write_text("-----BEGIN OPENSSH PRIVATE KEY-----")
    assert "holds a private key; give the public one" in run(*WEB, "--public-key", str(key)).err
    assert "cannot be read: No such file" in run(*WEB, "--user-data", str(tmp_path / "none")).err
    assert "no key pair 'nobody'" in run(*WEB, "--key", "nobody").err
    assert prod.calls[CREATE] == 0


def test_a_create_whose_outcome_is_not_known_says_what_to_look_for(
    run: Callable[..., Ran], prod: LinodeSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiocloud.creation.LOOKS", (0.01,))
    prod.faults += [LostAnswer(on=CREATE), Answer(on="GET /linode/instances", status=401, body=b"{}")]
    ran = run(*WEB)
    assert (ran.status, ran.out) == (1, "")
    assert "it may be running. Look for a node with that name or the mark " in ran.err


def test_wrong_credentials_are_one_line_with_the_mend(run: Callable[..., Ran], configure: Callable[..., None]) -> None:
    configure(token="wrong", stale=LinodeSimulator())
    ran = run(*WEB)
    assert (ran.status, ran.err.count("\n")) == (1, 1)
    assert ran.err.startswith("aiocloud: linode (stale): ")
    assert "Check the credentials of this account" in ran.err
    assert "wrong" not in ran.err


@pytest.mark.parametrize(("verb", "done"), [("reboot", "rebooting"), ("stop", "stopping"), ("destroy", "destroyed")])
def test_verbs_find_a_node_by_id_and_by_name(
    verb: str, done: str, run: Callable[..., Ran], prod: LinodeSimulator
) -> None:
    first, second = prod.world.instances.values()
    yes = ("--yes",) if verb == "destroy" else ()
    for word, instance in ((str(first.id), first), (second.label, second)):
        ran = run(verb, word, *yes)
        assert ran == Ran(0, f"{done} node {instance.id} ({instance.label!r}) at linode/prod\n", "")


def test_a_stopped_node_starts_again(run: Callable[..., Ran], prod: LinodeSimulator) -> None:
    assert run("stop", "linode1001").status == 0
    assert run("start", "linode1001").status == 0
    states = {node["name"]: node["state"] for node in json.loads(run("nodes", "--format", "json").out)["items"]}
    assert states["linode1001"] == "running"


def test_without_a_terminal_nothing_is_destroyed_unasked(run: Callable[..., Ran], prod: LinodeSimulator) -> None:
    ran = run("destroy", "linode1001")
    assert (ran.status, ran.out) == (2, "")
    assert "destroy needs --yes" in ran.err
    assert "linode1001" in names(prod)


def test_an_unknown_node_is_named_with_those_that_come_near(run: Callable[..., Ran], prod: LinodeSimulator) -> None:
    ran = run("reboot", "linode101")
    assert (ran.status, ran.out) == (1, "")
    assert "no node 'linode101' at linode/prod. Did you mean linode1001" in ran.err


def test_a_name_of_several_nodes_is_refused(
    run: Callable[..., Ran], configure: Callable[..., None], prod: LinodeSimulator
) -> None:
    twin = LinodeSimulator()
    twin.populate(1)
    configure(test=twin)
    ran = run("destroy", "linode1001", "--account", "prod", "--account", "test", "--yes")
    assert (ran.status, ran.out) == (1, "")
    assert "'linode1001' is the name of several nodes: 1001 at linode/prod, 1001 at linode/test" in ran.err
    assert "linode1001" in names(prod)
    assert "linode1001" in names(twin)
    assert run("destroy", "linode1001", "--account", "test", "--yes").status == 0
    assert "linode1001" not in names(twin)


def test_where_no_cloud_answers_nothing_is_done_and_nothing_advised(
    run: Callable[..., Ran], configure: Callable[..., None]
) -> None:
    configure(token="wrong", stale=LinodeSimulator())
    ran = run("destroy", "linode1001", "--yes")
    assert (ran.status, ran.out) == (1, "")
    assert ran.err.splitlines()[-1] == "aiocloud: nothing was done to 'linode1001': no cloud answered"


def test_nothing_is_destroyed_while_another_cloud_may_hold_a_node_of_the_name(
    run: Callable[..., Ran], configure: Callable[..., None], prod: LinodeSimulator
) -> None:
    configure(token="wrong", stale=LinodeSimulator())
    ran = run("destroy", "linode1001", "--yes")
    assert (ran.status, ran.out) == (1, "")
    assert "linode/stale did not answer" in ran.err
    assert "may have a node of the same name; name the account with --account" in ran.err
    assert "linode1001" in names(prod)
    assert run("destroy", "linode1001", "--yes", "--account", "prod").status == 0
    assert "linode1001" not in names(prod)
