"""Eucalyptus in miniature: EC2's actions as a private cloud answers them, in one region of its own."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote

from aiocloud.http.message import Request
from aiocloud.pricing.catalogue import Catalogue, CatalogueSize
from aiocloud.simulators.ec2.signature import not_valid, verify
from aiocloud.simulators.ec2.simulator import ACCESS_KEY_ID, SECRET_ACCESS_KEY, EC2Simulator, pairs_of
from aiocloud.simulators.ec2.wire import Body, Refusal
from aiocloud.simulators.ec2.world import Region

# name: vcpus, disk GiB, RAM MiB
TYPES = {
    "t1.micro": (1, 5, 256),
    "m1.small": (1, 5, 256),
    "m1.medium": (1, 10, 512),
    "c1.medium": (2, 10, 512),
    "m1.large": (2, 10, 512),
    "m1.xlarge": (2, 10, 1024),
    "m2.xlarge": (2, 10, 2048),
    "c1.xlarge": (2, 10, 2048),
    "m3.xlarge": (4, 15, 2048),
    "m2.2xlarge": (2, 30, 4096),
    "m3.2xlarge": (4, 30, 4096),
    "cc1.4xlarge": (8, 60, 3072),
    "m2.4xlarge": (8, 60, 4096),
    "hi1.4xlarge": (8, 120, 6144),
    "cc2.8xlarge": (16, 120, 6144),
    "cg1.4xlarge": (16, 200, 12288),
    "cr1.8xlarge": (16, 240, 16384),
    "hs1.8xlarge": (48, 24000, 119808),
}
REGION = "quay-west-1"
SERVICES = frozenset({"/services/compute", "/services/Eucalyptus"})
NOVELTIES = ("MetadataOptions.", "InstanceMarketOptions.", "CpuOptions.", "IncludePublicKey")
"""Parameters that came after it, or of which nobody has seen that it knows them: unknown ones are an error there."""
OF_SIGNATURES = frozenset({"AWSAccessKeyId", "SignatureMethod", "SignatureVersion", "Timestamp", "Signature"})
UNHEEDED = OF_SIGNATURES | {"MaxResults", "AddressingType"}
"""Taken, without effect: all is in one answer, and every instance has a public address."""
SKEW = timedelta(minutes=15)


def catalogue() -> Catalogue:
    """The types that its last releases had, until an administrator changed them."""
    sizes = {
        name: CatalogueSize(name, ram=ram, vcpus=vcpus, disk=disk, arch="x86_64")
        for name, (vcpus, disk, ram) in TYPES.items()
    }
    return Catalogue(
        provider="eucalyptus",
        as_of=date(2017, 11, 1),
        source="eucalyptus 4.4.2",
        currency="USD",
        per="hour",
        regions=(REGION,),
        sizes=sizes,
        cells=dict.fromkeys(sizes, (None,)),
    )


class EucalyptusSimulator(EC2Simulator):
    """A private cloud: one region, version 2 and 4 of the signature, everything in one answer."""

    provider: ClassVar[str] = "eucalyptus"
    endpoint: ClassVar[str] = "https://cloud.example:8773/services/compute"
    whole: ClassVar[Mapping[str, str]] = {}
    as_of: ClassVar[date | None] = None
    facts: ClassVar[str] = "Types as Eucalyptus 4.4.2 of 2017 had them; zones and images are invented."

    def __init__(self, **behaviour: Any) -> None:
        super().__init__(**behaviour)
        self.world.catalogue = catalogue()
        self.world.names = (REGION,)
        self.world.opted_in = frozenset({REGION})
        self.region(REGION)

    def region(self, name: str) -> Region:
        """There is one, whatever it is called by."""
        return super().region(REGION)

    def populate(self, count: int, *, region: str = REGION, size: str = "m1.small") -> None:
        """Put so many running instances, tagged `node-000001` and so on, into the zones."""
        super().populate(count, region=region, size=size)

    def _authenticate(self, request: Request) -> str:
        if request.url.path.rstrip("/") not in SERVICES:
            raise Refusal("InvalidAction", "No service is found at this path", 404)
        pairs = pairs_of(request)
        if pairs.get("SignatureVersion") == "2":
            self._verify(request, pairs)
        else:
            verify(request, {ACCESS_KEY_ID: SECRET_ACCESS_KEY}, self.now())
        if unknown := [name for name in pairs if name.startswith(NOVELTIES)]:
            raise Refusal("InvalidParameterValue", f"Failed to bind the following fields: {', '.join(unknown)}")
        return REGION

    def _verify(self, request: Request, pairs: Mapping[str, str]) -> None:
        """Check a signature of version 2."""
        given = pairs.get("Signature", "")
        words = {name: value for name, value in pairs.items() if name != "Signature"}
        form = "&".join(f"{_encode(name)}={_encode(value)}" for name, value in sorted(words.items()))
        host = request.headers.get("Host") or request.url.host_port_subcomponent or ""
        text = f"{request.method}\n{host.lower()}\n{request.url.raw_path}\n{form}"
        expected = base64.b64encode(hmac.digest(SECRET_ACCESS_KEY.encode(), text.encode(), "sha256")).decode()
        if pairs.get("AWSAccessKeyId") != ACCESS_KEY_ID or not hmac.compare_digest(given, expected):
            raise not_valid()
        if abs(self.now() - datetime.fromisoformat(pairs["Timestamp"])) > SKEW:
            raise Refusal("AuthFailure", "Message has expired", 403)

    def _do(self, action: str, pairs: dict[str, str], region: str) -> Body:
        if action == "DescribeInstanceTypes":
            return {}
        return super()._do(action, {name: pairs[name] for name in pairs if name not in UNHEEDED}, region)

    def _document(self, action: str, version: str, request_id: str, body: Body) -> bytes:
        if action != "DescribeInstanceTypes":
            return super()._document(action, version, request_id, body)
        items = "".join(_type(name, *facts) for name, facts in TYPES.items())
        root = "DescribeInstanceTypesResponseType"
        return (
            f'<?xml version="1.0"?><euca:{root} xmlns:euca="http://msgs.eucalyptus.com/4.4.2">'
            "<euca:VmTypeMessage><euca:_return>true</euca:_return></euca:VmTypeMessage>"
            f"<euca:instanceTypeDetails>{items}</euca:instanceTypeDetails></euca:{root}>"
        ).encode()


def _type(name: str, vcpus: int, disk: int, ram: int) -> str:
    fields = {"name": name, "cpu": vcpus, "disk": disk, "memory": ram}
    inner = "".join(f"<euca:{word}>{value}</euca:{word}>" for word, value in fields.items())
    return f"<euca:item>{inner}</euca:item>"


def _encode(text: str) -> str:
    return quote(text, safe="-_.~")
