"""Run every benchmark."""

from __future__ import annotations

import sys

from benchmarks import cheapest, deployments, fan_out, imports, ssh_hosts
from benchmarks.measure import report

BENCHMARKS = imports, fan_out, cheapest, deployments, ssh_hosts

sys.exit(report([line for benchmark in BENCHMARKS for line in benchmark.measure()]))
