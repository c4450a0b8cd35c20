"""Exoscale in miniature: API v2, a host for each zone, signed requests, operations that end later.

* `simulator`  the front door: routes, signatures, zones
* `wire`       what all answers share: refusals, the parts of a request
* `catalogue`  zones, instance types, templates
* `world`      the instances of an account, its operations, keys and addresses
* `instances`  what can be asked about the machines
* `account`    what can be asked about all else
"""

from aiocloud.simulators.exoscale.simulator import ExoscaleSimulator

__all__ = ["ExoscaleSimulator"]
