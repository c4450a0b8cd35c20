"""Scaleway in miniature: Instances API v1, https://www.scaleway.com/en/developers/api/instances/

* `simulator`  the front door: routes, keys
* `wire`       what all answers share: errors, pages, times
* `world`      what exists, and how it changes with time
* `catalogue`  zones, commercial types, images: readable without a key
* `servers`    the machines, and what is done to them
* `parts`      their addresses and volumes, security groups, the project's SSH keys

Of its refusals, the types and their fields are Scaleway's, as its Go client documents them, and so are the words for
missing arguments, for a key that is not known, and "instance should be powered off". The other words are ours, and
so is the status for a lack of machines.
"""

from aiocloud.simulators.scaleway.simulator import ScalewaySimulator

__all__ = ["ScalewaySimulator"]
