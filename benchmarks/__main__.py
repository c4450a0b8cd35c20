"""Run every benchmark."""

from __future__ import annotations

import sys

from benchmarks import deployments, fan_out, imports, ssh_hosts
from benchmarks.measure import report

sys.exit(report([*imports.measure(), *fan_out.measure(), *deployments.measure(), *ssh_hosts.measure()]))
