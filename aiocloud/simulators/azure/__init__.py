"""Azure in miniature: its Resource Manager, with the parts of Entra that give tokens, and the list of retail prices.

* `simulator`  the front door: routes, tokens, errors
* `signin`     tokens, and where they are had
* `wire`       what all answers share: refusals, links, pages
* `catalogue`  regions, sizes, images, prices
* `world`      what exists, and how it changes with time
* `machines`   the machines, and what is done to them
* `resources`  resource groups, and all that is no machine
"""

from aiocloud.simulators.azure.simulator import AzureSimulator

__all__ = ["AzureSimulator"]
