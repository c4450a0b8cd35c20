"""What a driver is: `Driver`, and a base class for each thing that a provider can do.

A driver is bound to one account. Verbs live here, not on the models. A capability that a provider lacks is a
base class that its driver does not have: no method exists only to raise.

base      Driver: one account, its options and its network
compute   Compute: nodes, and what they are made of; PowerControl: nodes that can be stopped
keypairs  KeyPairs: SSH keys that the provider knows by name; LabelledKeys: by an id, and names may be taken twice
patience  asking again for what is refused only because something else is under way
"""

from aiocloud.driver.base import Driver, Options, Retired, id_of, segment, utcnow
from aiocloud.driver.compute import Compute, NodeAuth, PowerControl
from aiocloud.driver.keypairs import KeyPairs, LabelledKeys

__all__ = [
    "Compute",
    "Driver",
    "KeyPairs",
    "LabelledKeys",
    "NodeAuth",
    "Options",
    "PowerControl",
    "Retired",
    "id_of",
    "segment",
    "utcnow",
]
