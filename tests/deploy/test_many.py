"""Many deployments side by side, and commands on many simulated nodes; on virtual time, by real SSH."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from aiocloud.deploy import SSH, AcceptAnyHostKey, Deployed, ScriptDeployment, run
from aiocloud.deploy.keys import make_key
from aiocloud.errors import ConfigurationError, NotStartedError, ScriptFailedError, SignInError, SSHConnectError
from aiocloud.http.retry import Retry
from aiocloud.models import NodeState
from aiocloud.providers.linode import Linode
from aiocloud.simulators import virtualtime
from aiocloud.simulators.base import Answer, LostAnswer, NoCapacity
from aiocloud.simulators.linode import LinodeSimulator
from aiocloud.simulators.ssh import Ended, SSHFault

CREATE = "POST /linode/instances"
MADE_OF: dict[str, Any] = {"size": "g6-nanode-1", "image": "linode/debian12", "location": "eu-central"}


def linode(simulator: LinodeSimulator, **ssh: Any) -> Linode:
    return Linode(
        "quay-token",
        transport=simulator,
        account="prod",
        ssh=SSH(dial=simulator.dial, **ssh),
        now=simulator.now,
        retry=Retry(jitter=lambda: 1.0),
    )


async def living(driver: Linode) -> set[str]:
    return {node.id for node in await driver.list_nodes() if node.state is not NodeState.TERMINATED}


def test_of_fifty_deployments_with_failures_each_has_one_outcome_that_names_what_is_left() -> None:
    simulator = LinodeSimulator()
    simulator.ssh.faults += [
        SSHFault(kind="refused", on="web-1?", times=3),  # passes
        SSHFault(kind="refused", on="web-20", times=10_000),
        SSHFault(kind="not ready", on="web-21", times=10_000),
        SSHFault(kind="disconnects", on="web-22"),  # passes: a connection is made again
        SSHFault(kind="never ends", on="web-23"),
        SSHFault(kind="never ends", on="web-24"),
    ]
    simulator.ssh.programs["fails-on"] = lambda call: Ended(int(call.argv[1] in call.argv[2:]))
    simulator.faults += [NoCapacity(on=CREATE), LostAnswer(on=CREATE, times=2), Answer(on=CREATE, status=400)]
    script = ScriptDeployment('fails-on "$(hostname)" web-30 web-31 web-32 web-33')
    names = [f"web-{number}" for number in range(50)]

    async def scenario() -> None:
        async with linode(simulator) as driver:
            outcomes = await driver.deploy_nodes(
                names, deploy=script, limit=25, on_failure="destroy", timeout=300, **MADE_OF
            )
            assert sorted(outcome.name for outcome in outcomes) == sorted(names)
            failed = {outcome.name for outcome in outcomes if not outcome.ok}
            assert {f"web-{n}" for n in (20, 21, 23, 24, 30, 31, 32, 33)} < failed
            assert len(failed) == 10, "and the two whose making was refused"
            there = {outcome.node.id for outcome in outcomes if outcome.left == "running" and outcome.node}
            assert await living(driver) == there
            assert len(there) == 40
            ready = next(outcome for outcome in outcomes if outcome.ok)
            assert ready.steps[0].exit_status == 0
        assert script.exit_status is None, "each node has steps of its own"

    virtualtime.run(scenario())


def test_kept_nodes_are_named_too() -> None:
    simulator = LinodeSimulator()

    async def scenario() -> list[Deployed]:
        async with linode(simulator) as driver:
            outcomes = await driver.deploy_nodes(
                ["a-1", "b-1"], deploy=ScriptDeployment("exit 1"), on_failure="keep", ordered=True, **MADE_OF
            )
            assert await living(driver) == {outcome.node.id for outcome in outcomes if outcome.node}
            return outcomes

    outcomes = virtualtime.run(scenario())
    assert [(outcome.name, outcome.left) for outcome in outcomes] == [("a-1", "running"), ("b-1", "running")]
    assert "goes on running" in str(outcomes[0].error)


def test_leaving_the_loop_early_settles_what_is_under_way() -> None:
    simulator = LinodeSimulator()

    async def scenario() -> None:
        async with linode(simulator) as driver:
            simulator.ssh.faults.append(SSHFault(kind="never ends", on="slow-*", times=9))
            names = ["quick-1", *(f"slow-{number}" for number in range(9))]
            outcomes = aiter(driver.deploy_nodes(names, deploy=ScriptDeployment("true"), **MADE_OF))
            first = await anext(outcomes)
            await outcomes.aclose()  # type: ignore[attr-defined]  # it is a generator
            assert first.node is not None
            assert await living(driver) == {first.node.id}

    virtualtime.run(scenario())


@pytest.mark.parametrize("collected", [True, False])
def test_of_every_node_that_was_ready_somebody_hears_when_all_is_cancelled(
    collected: bool, caplog: pytest.LogCaptureFixture
) -> None:
    simulator = LinodeSimulator()

    async def scenario() -> None:
        async with linode(simulator) as driver:
            simulator.ssh.faults.append(SSHFault(kind="never ends", on="slow-1"))
            names, read = ["slow-1", "quick-1", "quick-2"], list[str]()
            deployments = driver.deploy_nodes(names, deploy=ScriptDeployment("true"), **MADE_OF)

            async def reads_one_and_sleeps() -> None:
                async with aclosing(aiter(deployments)) as outcomes:  # type: ignore[type-var]  # it is a generator
                    async for outcome in outcomes:
                        read.append(outcome.name)
                        await asyncio.sleep(10_000)

            task = asyncio.ensure_future(deployments if collected else reads_one_and_sleeps())
            await asyncio.sleep(120)
            task.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await task
            notes = " ".join(getattr(caught.value, "__notes__", ()))
            there = [node for node in await driver.list_nodes() if node.state is not NodeState.TERMINATED]
            assert {node.name for node in there} == {"quick-1", "quick-2"}
            unread = [node for node in there if node.name not in read]
            assert len(unread) == (2 if collected else 1)
            for node in unread:
                told = f"node {node.id} ('{node.name}') at linode/prod was deployed, and goes on running"
                assert told in caplog.text
                assert (told in notes) is collected

    virtualtime.run(scenario())


def nodes_and_key(count: int) -> tuple[LinodeSimulator, SSH]:
    simulator, key = LinodeSimulator(), make_key("ours")
    simulator.populate(count)
    simulator.ssh.authorized_keys.append(key.public)
    return simulator, SSH(dial=simulator.dial, keys=[key.private], host_keys=AcceptAnyHostKey())


def test_a_command_runs_on_all_nodes_and_failures_are_data() -> None:
    simulator, ssh = nodes_and_key(5)
    simulator.ssh.faults += [
        SSHFault(kind="refused", on="linode1001", times=9),
        SSHFault(kind="not ready", on="linode1005", times=9),
        SSHFault(kind="never ends", on="linode1009"),
    ]

    async def scenario() -> None:
        async with linode(simulator) as driver:
            results = await run(driver.list_nodes(), "hostname", ssh=ssh, ordered=True, timeout=30)
        assert [result.node.name for result in results] == [f"linode{number}" for number in range(1001, 1018, 4)]
        assert isinstance(results[0].error, SSHConnectError)
        assert isinstance(results[1].error, SignInError)
        assert "within" in str(results[2].error)
        assert [result.stdout for result in results[3:]] == ["linode1013\n", "linode1017\n"]

    virtualtime.run(scenario())


def test_several_commands_share_one_connection() -> None:
    simulator, ssh = nodes_and_key(1)
    calls: list[str] = []

    async def dial(host: str, port: int) -> Any:
        calls.append(host)
        return await simulator.dial(host, port)

    async def scenario() -> None:
        async with linode(simulator) as driver:
            nodes = await driver.list_nodes()
        way = SSH(dial=dial, keys=ssh.keys, host_keys=AcceptAnyHostKey())
        results = await run(nodes, ["hostname", "exit 3"], ssh=way)
        assert [result.exit_status for result in results] == [0, 3]
        assert isinstance(results[1].error, ScriptFailedError)

    virtualtime.run(scenario())
    assert len(calls) == 1


def test_after_too_many_failures_no_more_are_begun() -> None:
    simulator, ssh = nodes_and_key(20)

    async def scenario() -> None:
        async with linode(simulator) as driver:
            nodes = await driver.list_nodes()
        results = await run(nodes, "exit 1", ssh=ssh, limit=1, max_fail=2)
        assert len(results) == 20
        begun = [result for result in results if not isinstance(result.error, NotStartedError)]
        assert 3 <= len(begun) <= 6

    virtualtime.run(scenario())


def test_no_more_machines_are_visited_at_once_than_was_said() -> None:
    simulator, ssh = nodes_and_key(60)
    most = 0

    async def dial(host: str, port: int) -> Any:
        nonlocal most
        most = max(most, len(simulator.ssh._serving))
        return await simulator.dial(host, port)

    async def scenario() -> int:
        async with linode(simulator) as driver:
            way = SSH(dial=dial, keys=ssh.keys, host_keys=AcceptAnyHostKey())
            return sum([result.ok async for result in run(driver.list_nodes(), "true", ssh=way, limit=20)])

    assert virtualtime.run(scenario()) == 60
    assert most <= 2 * 20, "the other side's of the wave before may still be closing"


@pytest.mark.parametrize(("wrong", "what"), [({"limit": 0}, "limit"), ({"command": " "}, "needs a command")])
def test_what_makes_no_sense_is_refused_at_once(wrong: dict[str, Any], what: str) -> None:
    with pytest.raises(ConfigurationError, match=what):
        run(["host"], **{"command": "true", **wrong})


def test_output_comes_line_by_line_while_it_runs() -> None:
    simulator, ssh = nodes_and_key(1)
    seen: list[tuple[str, str, float]] = []

    async def scenario() -> None:
        async with linode(simulator) as driver:
            nodes = await driver.list_nodes()
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await run(
            nodes,
            "echo one; sleep 10; echo two >&2",
            ssh=ssh,
            on_output=lambda _, output: seen.append((output.stream, output.text, round(loop.time() - begun))),
        )

    virtualtime.run(scenario())
    assert seen == [("out", "one", 0), ("err", "two", 10)]
