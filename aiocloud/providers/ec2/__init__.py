"""Amazon EC2, API version 2016-11-15: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/"""

from aiocloud.providers.ec2.driver import EC2

__all__ = ["EC2"]
