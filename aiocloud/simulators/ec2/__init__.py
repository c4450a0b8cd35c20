"""Amazon EC2 in miniature."""

from aiocloud.simulators.ec2.simulator import EC2Simulator

__all__ = ["EC2Simulator"]
