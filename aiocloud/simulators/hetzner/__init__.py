"""Hetzner Cloud in miniature: API v1, https://docs.hetzner.cloud/reference/cloud.

* `simulator`  the front door: routes, token, limits
* `wire`       what all answers share: errors, pages, label selectors, times
* `catalogue`  locations, server types, images
* `world`      the servers of a project, its keys, addresses and actions

The codes of its refusals and their statuses are Hetzner's; their sentences are ours.
"""

from aiocloud.simulators.hetzner.simulator import HetznerSimulator

__all__ = ["HetznerSimulator"]
