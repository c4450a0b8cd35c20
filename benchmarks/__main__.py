"""Run every benchmark."""

from __future__ import annotations

import sys

from benchmarks import fan_out, imports, ssh_hosts
from benchmarks.measure import report

sys.exit(report([*imports.measure(), *fan_out.measure(), *ssh_hosts.measure()]))
