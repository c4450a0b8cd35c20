"""Google Compute Engine in miniature, with the part of Google's sign-in that gives tokens.

* `simulator`  the front door: routes, tokens, errors
* `wire`       what all answers share: refusals, links, filters, pages
* `catalogue`  zones, machine types, images
* `world`      what exists, and how it changes with time
* `instances`  the machines, and what is done to them
* `billing`    what Google sells, with invented prices if they are wanted
* `network`    networks, firewall rules, reserved addresses
"""

from aiocloud.simulators.gce.simulator import GCESimulator

__all__ = ["GCESimulator"]
