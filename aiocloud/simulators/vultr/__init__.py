"""Vultr in miniature: API v2, https://docs.vultr.com/api.

* `simulator`  the front door: routes, key, limits
* `wire`       what all answers share: errors, pages, the parts of a request
* `catalogue`  regions, plans, systems
* `world`      the instances of an account, its keys, snapshots and addresses
* `instances`  what can be asked about the machines
* `account`    what can be asked about all else

"Invalid API token." and the statuses are Vultr's own; where no record of a refusal was found, the words are ours.
"""

from aiocloud.simulators.vultr.simulator import VultrSimulator

__all__ = ["VultrSimulator"]
