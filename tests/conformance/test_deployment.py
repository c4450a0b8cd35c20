"""What every driver does when it deploys: over its simulator, by real SSH, on virtual time."""

from __future__ import annotations

import asyncio
import secrets
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from aiocloud.deploy import (
    SSH,
    AcceptAnyHostKey,
    CloudInitDeployment,
    ConsoleHostKeys,
    MultiStepDeployment,
    ScriptDeployment,
    SSHKeyDeployment,
)
from aiocloud.deploy.deploying import CLEANING
from aiocloud.deploy.hostkeys import alias_of
from aiocloud.deploy.keys import make_key
from aiocloud.driver import KeyPairs
from aiocloud.errors import ConfigurationError, DeploymentError
from aiocloud.models import Node
from aiocloud.simulators import virtualtime
from aiocloud.simulators.ssh import SSHFault
from tests.conformance.conftest import Cloud

BUILT_IN = make_key("built in")


def way(cloud: Cloud, **more: Any) -> dict[str, Any]:
    """Where drivers find the SSH servers of their nodes."""
    how: dict[str, Any] = {"username": "root", "dial": cloud.simulator.dial}
    if not cloud.can("user_data"):  # so that no host key can be planted
        how["host_keys"] = AcceptAnyHostKey()
    if not any(map(cloud.can, ("ssh_key", "password", "generates_password"))):  # whose images let somebody in
        cloud.simulator.ssh.authorized_keys = [BUILT_IN.public]
        how["keys"] = [BUILT_IN.private]
    if not cloud.simulator.reachable:
        how["interface"] = "private_ips"
    return {"ssh": SSH(**{**how, **more})}


async def deploy(cloud: Cloud, driver: Any, name: str = "lc-test", **more: Any) -> Node:
    recipe = await cloud.recipe(driver)
    what = {"size": recipe.size, "image": recipe.image, "location": recipe.location}
    node: Node = await driver.deploy_node(name=name, **what, **more)
    return node


def test_a_node_is_made_worked_on_and_returned_running(cloud: Cloud) -> None:
    key = make_key("mine")
    script = ScriptDeployment("echo from $1; hostname", args=["a b"])
    steps = MultiStepDeployment([SSHKeyDeployment(key.public), script])

    async def scenario(driver: Any) -> None:
        node = await deploy(cloud, driver, deploy=steps)
        assert cloud.named(node, "lc-test")
        assert node.state == "running"
        assert (script.exit_status, script.stdout, script.stderr) == (0, f"from a b\n{node.name}\n", "")
        host = cloud.simulator.ssh.host(cloud.simulator.machine_at((node.public_ips or node.private_ips)[0]))  # type: ignore[arg-type]  # it is there
        lines = host.files.read_file("/root/.ssh/authorized_keys").decode().splitlines()
        assert lines == [key.public], "the key that was made for the deployment has gone from the node"
        if isinstance(driver, KeyPairs):
            assert [pair.name for pair in await driver.list_key_pairs()] == [], "and from the account"
        assert [each.id for each in await cloud.living(driver)] == [node.id]

    cloud.run(scenario, **way(cloud))


def test_a_key_of_the_users_own_signs_in_and_stays(cloud: Cloud) -> None:
    if not cloud.can("ssh_key"):
        pytest.skip("new nodes are given no key")
    key = make_key("mine")
    script = ScriptDeployment("true")

    async def scenario(driver: Any) -> None:
        node = await deploy(cloud, driver, deploy=script, ssh_key=key.private)
        machine = cloud.simulator.machine_at((node.public_ips or node.private_ips)[0])
        assert machine is not None
        assert [line.split()[1] for line in machine.keys] == [key.public.split()[1]]

    cloud.run(scenario, **way(cloud))


@pytest.mark.parametrize(("on_failure", "left"), [("destroy", 0), ("keep", 1)])
def test_a_script_that_fails_ends_as_was_said_and_names_step_and_node(cloud: Cloud, on_failure: Any, left: int) -> None:
    script = ScriptDeployment("echo so >&2; exit 7")

    async def scenario(driver: Any) -> None:
        with pytest.raises(DeploymentError) as caught:
            await deploy(cloud, driver, deploy=[ScriptDeployment("true"), script], on_failure=on_failure)
        error = caught.value
        assert error.step is script
        assert "step 2 of 2" in str(error)
        assert "status 7: so" in str(error)
        assert error.node.id in str(error)
        assert error.left == ("running" if left else "destroyed")
        assert [node.id for node in await cloud.living(driver)] == [error.node.id] * left

    cloud.run(scenario, **way(cloud))
    assert (script.exit_status, script.stderr) == (7, "so\n")


def test_another_machine_at_its_address_is_not_trusted(cloud: Cloud) -> None:
    if not cloud.can("user_data"):
        pytest.skip("new nodes are given no host key")
    cloud.simulator.ssh.faults.append(SSHFault(kind="other key", times=1000))

    async def scenario(driver: Any) -> None:
        with pytest.raises(DeploymentError, match="host key is SHA256") as caught:
            await deploy(cloud, driver, deploy=ScriptDeployment("true"))
        assert caught.value.left == "destroyed"

    cloud.run(scenario, **way(cloud))


def test_a_keyword_that_nobody_knows_is_refused_before_anything_is_made(cloud: Cloud) -> None:
    async def scenario(driver: Any) -> None:
        with pytest.raises(TypeError, match="'colour'"):
            await deploy(cloud, driver, colour="red")
        with pytest.raises(ConfigurationError, match=r"no step of a deployment"):
            await deploy(cloud, driver, deploy=[object()])

    cloud.run(scenario, **way(cloud))
    assert cloud.simulator.calls[cloud.create] == 0


def test_a_host_key_is_learnt_from_the_console_where_there_is_one(cloud: Cloud, tmp_path: Path) -> None:
    policy = ConsoleHostKeys(tmp_path / "known_hosts")

    async def scenario(driver: Any) -> None:
        if not hasattr(driver, "ex_console_output"):
            with pytest.raises(ConfigurationError, match="shows no consoles"):
                await deploy(cloud, driver, host_keys=policy)
            assert cloud.simulator.calls[cloud.create] == 0
            return
        node = await deploy(cloud, driver, deploy=ScriptDeployment("true"), host_keys=policy)
        (line,) = (tmp_path / "known_hosts").read_text().splitlines()
        shown = cloud.simulator.ssh.host_key((node.public_ips or node.private_ips)[0])
        assert shown is not None
        assert line == f"{alias_of(node)} {' '.join(shown.split()[:2])}"

    cloud.run(scenario, **way(cloud))


def test_cloud_init_is_waited_for_and_its_failure_is_the_deployments(cloud: Cloud) -> None:
    if not cloud.can("user_data"):
        pytest.skip("new nodes are given no user data")
    well = CloudInitDeployment("#!/bin/sh\nsleep 100\necho made > /etc/made\n")
    after = ScriptDeployment("cat /etc/made")

    async def scenario(driver: Any) -> None:
        await deploy(cloud, driver, deploy=[well, after])
        assert (after.stdout, "status: done" in (well.stdout or "")) == ("made\n", True)
        with pytest.raises(DeploymentError, match=r"cloud-init status .+ status 1: status: error") as caught:
            await deploy(cloud, driver, "lc-other", deploy=CloudInitDeployment("#!/bin/sh\nexit 3\n"))
        assert caught.value.left == "destroyed"
        before = cloud.simulator.calls[cloud.create]
        with pytest.raises(ConfigurationError, match="user data"):
            await deploy(cloud, driver, "lc-large", deploy=CloudInitDeployment("#" + secrets.token_hex(200_000)))
        assert cloud.simulator.calls[cloud.create] == before

    cloud.run(scenario, **way(cloud))


def test_a_node_that_never_lets_anybody_in_is_given_up_when_the_time_is_over(cloud: Cloud) -> None:
    cloud.simulator.ssh.faults.append(SSHFault(kind="silent", times=10_000))

    async def scenario(driver: Any) -> None:
        began = asyncio.get_running_loop().time()
        with pytest.raises(
            DeploymentError, match=r"not ready after 300 s, while signing in: .+ did not answer"
        ) as caught:
            await deploy(cloud, driver, timeout=300)
        assert asyncio.get_running_loop().time() - began < 300 + CLEANING
        assert caught.value.left == "destroyed"
        assert await cloud.living(driver) == []

    cloud.run(scenario, **way(cloud))


@pytest.mark.parametrize("on_failure", ["destroy", "keep"])
def test_a_deployment_cancelled_at_any_step_leaves_no_node_that_nobody_names(cloud: Cloud, on_failure: Any) -> None:
    turns, ended = 1, False
    while not ended:
        cloud.simulator = type(cloud.simulator)()
        ended = cloud.run(partial(_cancelled_after, cloud, turns, on_failure))
        # Every step where nodes come to be; later, where all drivers run the same code, every fifth.
        turns += 1 if turns < 40 or cloud.provider == "linode" else 5


async def _cancelled_after(cloud: Cloud, turns: int, on_failure: Any, driver: Any) -> bool:
    """Cancel a deployment in that turn of the loop, and look what is left; whether it had ended before."""
    calm = asyncio.all_tasks()
    doing = deploy(cloud, driver, deploy=ScriptDeployment("true"), on_failure=on_failure, **way(cloud))
    task = asyncio.ensure_future(doing)
    loop = asyncio.get_running_loop()
    assert isinstance(loop, virtualtime.VirtualTimeLoop)
    loop.after_turns(turns, task.cancel)
    await asyncio.wait({task})
    if not task.cancelled():
        assert [node.id for node in await cloud.living(driver)] == [task.result().id]
        return True
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    notes = " ".join(getattr(caught.value, "__notes__", ()))
    left = await cloud.living(driver)
    assert all(node.id in notes or repr(node.name) in notes for node in left), (
        f"turn {turns}: {left} is named nowhere in {notes!r}"
    )
    if "kept" not in notes and "may be running" not in notes:
        assert not left
    ours = [each for each in asyncio.all_tasks() - calm if "simulators/ssh" not in repr(each)]
    assert not ours, "a task is left behind"
    return False
