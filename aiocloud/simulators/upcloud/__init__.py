"""UpCloud in miniature: API 1.3, whose lists are wrapped twice and whose servers must be stopped before they go.

* `simulator`  the front door: routes, signing in
* `wire`       what all answers share: refusals, the parts of a request
* `catalogue`  the account, zones, plans, prices
* `world`      the servers of an account, its templates and addresses
* `servers`    what can be asked about the machines
* `storages`   what can be asked about templates
* `addresses`  what can be asked about addresses

The words of its errors, the form of its answers and the names of its fields are those of UpCloud's own clients, for Go
and for Python; the sentences of most errors are ours.
"""

from aiocloud.simulators.upcloud.simulator import UpCloudSimulator

__all__ = ["UpCloudSimulator"]
