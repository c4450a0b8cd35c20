"""Run every benchmark; `--markdown` prints the table for a page, `--record` writes it into the README here."""

from __future__ import annotations

import sys

from benchmarks import cheapest, deployments, fan_out, imports, listing, offers, one_call, ssh_hosts
from benchmarks.measure import report

PARTS = (imports, one_call, listing, fan_out, cheapest, offers, deployments, ssh_hosts)

sys.exit(report((part.measure() for part in PARTS), whole=True))
