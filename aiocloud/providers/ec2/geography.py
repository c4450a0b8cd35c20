"""Amazon's regions: https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html

The API names regions, but does not say in which country they are.

A region that is named after a country or a state has no city here, since Amazon's names tell none; that Canada
(Central) is Montréal Amazon said when it opened it.
"""

from __future__ import annotations

from typing import NamedTuple


class Region(NamedTuple):
    """What Amazon calls a region, its country (ISO 3166-1 alpha-2), and the city where the name tells one."""

    name: str
    country: str
    city: str | None = None


REGIONS = {
    "af-south-1": Region("Africa (Cape Town)", "ZA", "Cape Town"),
    "ap-east-1": Region("Asia Pacific (Hong Kong)", "HK", "Hong Kong"),
    "ap-east-2": Region("Asia Pacific (Taipei)", "TW", "Taipei"),
    "ap-northeast-1": Region("Asia Pacific (Tokyo)", "JP", "Tokyo"),
    "ap-northeast-2": Region("Asia Pacific (Seoul)", "KR", "Seoul"),
    "ap-northeast-3": Region("Asia Pacific (Osaka)", "JP", "Osaka"),
    "ap-south-1": Region("Asia Pacific (Mumbai)", "IN", "Mumbai"),
    "ap-south-2": Region("Asia Pacific (Hyderabad)", "IN", "Hyderabad"),
    "ap-southeast-1": Region("Asia Pacific (Singapore)", "SG", "Singapore"),
    "ap-southeast-2": Region("Asia Pacific (Sydney)", "AU", "Sydney"),
    "ap-southeast-3": Region("Asia Pacific (Jakarta)", "ID", "Jakarta"),
    "ap-southeast-4": Region("Asia Pacific (Melbourne)", "AU", "Melbourne"),
    "ap-southeast-5": Region("Asia Pacific (Malaysia)", "MY"),
    "ap-southeast-6": Region("Asia Pacific (New Zealand)", "NZ"),
    "ap-southeast-7": Region("Asia Pacific (Thailand)", "TH"),
    "ca-central-1": Region("Canada (Central)", "CA", "Montréal"),
    "ca-west-1": Region("Canada West (Calgary)", "CA", "Calgary"),
    "cn-north-1": Region("China (Beijing)", "CN", "Beijing"),
    "cn-northwest-1": Region("China (Ningxia)", "CN"),
    "eu-central-1": Region("Europe (Frankfurt)", "DE", "Frankfurt"),
    "eu-central-2": Region("Europe (Zurich)", "CH", "Zurich"),
    "eu-north-1": Region("Europe (Stockholm)", "SE", "Stockholm"),
    "eu-south-1": Region("Europe (Milan)", "IT", "Milan"),
    "eu-south-2": Region("Europe (Spain)", "ES"),
    "eu-west-1": Region("Europe (Ireland)", "IE"),
    "eu-west-2": Region("Europe (London)", "GB", "London"),
    "eu-west-3": Region("Europe (Paris)", "FR", "Paris"),
    "eusc-de-east-1": Region("AWS European Sovereign Cloud (Germany)", "DE"),
    "il-central-1": Region("Israel (Tel Aviv)", "IL", "Tel Aviv"),
    "me-central-1": Region("Middle East (UAE)", "AE"),
    "me-south-1": Region("Middle East (Bahrain)", "BH"),
    "me-west-1": Region("Middle East (Saudi Arabia)", "SA"),
    "mx-central-1": Region("Mexico (Central)", "MX"),
    "sa-east-1": Region("South America (São Paulo)", "BR", "São Paulo"),
    "sa-west-1": Region("South America (Chile)", "CL"),
    "us-east-1": Region("US East (N. Virginia)", "US", "Northern Virginia"),
    "us-east-2": Region("US East (Ohio)", "US"),
    "us-gov-east-1": Region("AWS GovCloud (US-East)", "US"),
    "us-gov-west-1": Region("AWS GovCloud (US-West)", "US"),
    "us-west-1": Region("US West (N. California)", "US"),
    "us-west-2": Region("US West (Oregon)", "US"),
}

DOMAINS = {"cn": "amazonaws.com.cn", "eusc": "amazonaws.eu"}
"""Where the parts of Amazon that have accounts of their own keep their endpoints, by the region's first word."""


def endpoint(region: str) -> str:
    """The region's own address.

    >>> endpoint("eu-west-1"), endpoint("cn-north-1")
    ('https://ec2.eu-west-1.amazonaws.com', 'https://ec2.cn-north-1.amazonaws.com.cn')
    """
    return f"https://ec2.{region}.{DOMAINS.get(region.partition('-')[0], 'amazonaws.com')}"
