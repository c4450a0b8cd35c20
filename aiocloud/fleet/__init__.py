"""Many accounts at once: `Fleet`, and the `Report` that it answers with.

fleet      the accounts, and the calls on all of them
gathering  one call on many accounts: task group, deadlines, streaming
report     items, failures, coverage
discovery  which accounts there are
sandbox    a fleet of simulated clouds
"""

from aiocloud.fleet.fleet import Fleet
from aiocloud.fleet.gathering import Gathering
from aiocloud.fleet.report import Coverage, Failure, IncompleteError, OfferReport, Report, Scope
from aiocloud.fleet.sandbox import sandbox

__all__ = ["Coverage", "Failure", "Fleet", "Gathering", "IncompleteError", "OfferReport", "Report", "Scope", "sandbox"]
