"""DigitalOcean in miniature: API v2, https://docs.digitalocean.com/reference/api/.

* `simulator`  the front door: routes, tokens, rate limits
* `wire`       what all answers share: errors, pages, times
* `world`      what exists, and how it changes with time
* `catalogue`  regions, sizes, images
* `droplets`   the machines, and the actions on them
* `account`    SSH keys, tags, reserved addresses, firewalls

These sentences of its refusals are DigitalOcean's own, as its users have quoted them: "Size is not available in this
region.", "Region is not available", "Droplet already has a pending event.", "creating this/these droplet(s) will exceed
your droplet limit". The others are ours, with DigitalOcean's status and word.
"""

from aiocloud.simulators.digitalocean.simulator import DigitalOceanSimulator

__all__ = ["DigitalOceanSimulator"]
