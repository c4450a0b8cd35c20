"""Linode (Akamai Cloud) in miniature: API v4, https://techdocs.akamai.com/linode-api/reference/api.

* `simulator`  the front door: routes, tokens, rate limits
* `wire`       what all answers share: errors, pages, times
* `filters`    the X-Filter header
* `world`      what exists, and how it changes with time
* `catalogue`  regions, types, images, kernels: readable without a token
* `instances`  the machines, and what is done to them
* `parts`      their addresses, disks and configuration profiles
* `account`    the profile with its SSH keys, the account with its events, firewalls

Of what it says in its refusals, these words are Linode's own: "Not found", "Invalid Token", "Linode busy.",
"Label must be unique among your linodes", "Cannot filter on …". Where no record of an answer was found, the
status and the field are Linode's, and the words are ours.
"""

from aiocloud.simulators.linode.simulator import LinodeSimulator

__all__ = ["LinodeSimulator"]
