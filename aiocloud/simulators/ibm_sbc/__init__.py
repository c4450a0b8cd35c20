"""IBM SmartCloud Enterprise in miniature, as it was about 2012: XML, and errors in plain text.

* `simulator`  the front door: credentials, routes, answers
* `world`      what exists, what is on offer, and how it changes with time
* `wire`       XML, forms and refusals

Of what it refuses, "Invalid Instance ID", "Instance must be in the Active state" and "No DataCenter with id" are IBM's
words; the others are ours. How it throttled, and which elements told of keys, no record tells.
"""

from aiocloud.simulators.ibm_sbc.simulator import IBMSBCSimulator

__all__ = ["IBMSBCSimulator"]
