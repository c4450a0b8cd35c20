from __future__ import annotations

import anyio
import anyio.lowlevel

from aiocloud.cli.progress import lines
from aiocloud.fleet import Fleet
from aiocloud.providers.linode import Linode
from aiocloud.simulators.base import Answer, Hang
from aiocloud.simulators.linode import LinodeSimulator


async def test_it_is_seen_who_answered_who_failed_and_who_is_waited_for() -> None:
    done, failing, slow = (LinodeSimulator() for _ in range(3))
    done.populate(2)
    failing.faults.append(Answer(status=401, body=b"{}", times=9))
    slow.faults.append(Hang())
    clouds = {"done": done, "failing": failing, "slow": slow}
    drivers = [Linode(cloud.credentials["token"], account=name, transport=cloud) for name, cloud in clouds.items()]
    fleet = Fleet(drivers, deadline=None)
    asking = fleet.list_nodes()
    assert asking.waiting == ()
    with anyio.move_on_after(0.1):
        async with anyio.create_task_group() as group:
            group.start_soon(_await, asking)
            while len(asking.coverage) < 2:
                await anyio.lowlevel.checkpoint()
            assert list(map(str, asking.waiting)) == ["linode/slow"]
            shown = lines(asking, fleet.scopes, 0.0).plain.splitlines()
            assert shown == [
                "✓ linode/done  2 items",
                "✗ linode/failing  0 items, 1 failed",
                "◐ linode/slow  no answer yet",
            ]
            group.cancel_scope.cancel()
    assert asking.waiting == ()


async def _await(asking: object) -> None:
    await asking  # type: ignore[misc]  # a Gathering
