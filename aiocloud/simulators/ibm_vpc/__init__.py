"""IBM Cloud VPC in miniature, with the part of IAM that gives tokens: https://cloud.ibm.com/apidocs/vpc/latest

* `simulator`  the front door: routes, tokens, parameters that all requests need
* `wire`       what all answers share: errors, references, pages
* `catalogue`  regions, zones, profiles, images
* `world`      what exists, and how it changes with time
* `instances`  the machines, and what is done to them
* `network`    subnets, floating addresses, keys

Codes and words of refusals are IBM's where its client's documentation has them (`not_found`, `over_quota`,
`cannot_start_capacity`, BXNIM0415E); the others are ours, with IBM's status.
"""

from aiocloud.simulators.ibm_vpc.simulator import IBMVPCSimulator

__all__ = ["IBMVPCSimulator"]
