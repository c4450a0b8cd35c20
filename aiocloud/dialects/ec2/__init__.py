"""The EC2 query dialect: Amazon's, and that of the private clouds that speak it.

`protocol` is how questions are put and answers read, `sigv4` how they are signed, `shapes` what becomes of them.
"""

from aiocloud.dialects.ec2.protocol import ERRORS, XML, Query, filters, flatten
from aiocloud.dialects.ec2.shapes import IMAGE, KEY_PAIR, NODE, SIZE, STATES, region_of, reservations
from aiocloud.dialects.ec2.sigv4 import Credentials, SigV4
from aiocloud.dialects.ec2.things import (
    ADDRESS,
    GROUP,
    SUBNET,
    VPC,
    Address,
    Rule,
    SecurityGroup,
    Subnet,
    Vpc,
    permission,
)

__all__ = [
    "ADDRESS",
    "ERRORS",
    "GROUP",
    "IMAGE",
    "KEY_PAIR",
    "NODE",
    "SIZE",
    "STATES",
    "SUBNET",
    "VPC",
    "XML",
    "Address",
    "Credentials",
    "Query",
    "Rule",
    "SecurityGroup",
    "SigV4",
    "Subnet",
    "Vpc",
    "filters",
    "flatten",
    "permission",
    "region_of",
    "reservations",
]
