"""Amazon EC2 in miniature: one account, every region."""

from __future__ import annotations

import base64
import gzip
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import ClassVar
from urllib.parse import parse_qsl, unquote_plus
from uuid import uuid4

from aiocloud.http.message import Request, Response, headers_of
from aiocloud.pricing.catalogue import SHIPPED, load
from aiocloud.simulators.base import Simulator
from aiocloud.simulators.ec2 import attributes, groups, images, instances, keys, launch, places, sizes, tags
from aiocloud.simulators.ec2.signature import not_valid, verify
from aiocloud.simulators.ec2.wire import Body, Params, Refusal, failure, missing, success
from aiocloud.simulators.ec2.world import Call, Instance, Region, World
from aiocloud.simulators.ssh import Machine
from aiocloud.simulators.ssh.machine import users_of

ACTIONS: Mapping[str, Callable[[Call], Body]] = {
    "DescribeRegions": places.describe_regions,
    "DescribeAvailabilityZones": places.describe_availability_zones,
    "DescribeVpcs": places.describe_vpcs,
    "DescribeSubnets": places.describe_subnets,
    "DescribeInstanceTypes": sizes.describe_instance_types,
    "DescribeInstanceTypeOfferings": sizes.describe_instance_type_offerings,
    "DescribeImages": images.describe_images,
    "RunInstances": launch.run_instances,
    **instances.ACTIONS,
    **attributes.ACTIONS,
    "CreateTags": tags.create_tags,
    "DeleteTags": tags.delete_tags,
    "DescribeTags": tags.describe_tags,
    "DescribeKeyPairs": keys.describe_key_pairs,
    "CreateKeyPair": keys.create_key_pair,
    "ImportKeyPair": keys.import_key_pair,
    "DeleteKeyPair": keys.delete_key_pair,
    "DescribeSecurityGroups": groups.describe_security_groups,
    "CreateSecurityGroup": groups.create_security_group,
    "DeleteSecurityGroup": groups.delete_security_group,
    "AuthorizeSecurityGroupIngress": groups.authorize_ingress,
    "AuthorizeSecurityGroupEgress": groups.authorize_egress,
    "RevokeSecurityGroupIngress": groups.revoke_ingress,
    "RevokeSecurityGroupEgress": groups.revoke_egress,
}

CATALOGUE = load("ec2", folder=SHIPPED)  # the same world everywhere, whatever prices the user has fetched
ACTION = re.compile(r"(?:^|&)Action=([^&]*)")
OLDEST, NEWEST = "2009-04-04", "2016-11-15"
ACCESS_KEY_ID = "AKIAAIOCLOUDSIMULATE"
SECRET_ACCESS_KEY = "simulated/secret+access/key+0123456789ab"  # noqa: S105 - of a world that is not real


class EC2Simulator(Simulator):
    """Amazon EC2, as one account sees it in all the regions of the catalogue.

    A request acts in the region for which it is signed. `session_token` is the one that requests must
    carry, where the credentials are temporary. `opted_in` names the regions, of those that an account
    must ask for, that may be used; None for all of them. Spot instances, volumes, elastic addresses and
    second network interfaces are no part of this world: parameters that ask for them are refused.
    """

    provider: ClassVar[str] = "ec2"
    endpoint: ClassVar[str] = "https://ec2.us-east-1.amazonaws.com/"
    creates = "RunInstances"
    proof = "secret_access_key"
    unknown_node = "i-0bad0bad0bad0bad0"
    whole: ClassVar[Mapping[str, str]] = {"region": "all"}
    as_of: ClassVar[date | None] = CATALOGUE.as_of
    facts: ClassVar[str] = (
        f"Instance types, and the regions that offer them, as of {CATALOGUE.as_of}: {CATALOGUE.source}."
        " Zones and images are after Amazon's manner."
    )

    def __init__(
        self,
        *,
        now: Callable[[], datetime] | None = None,
        latency: float = 0.0,
        boot: float = 2.0,
        rate: float | None = None,
        session_token: str | None = None,
        opted_in: Iterable[str] | None = None,
    ) -> None:
        super().__init__(now=now, latency=latency, boot=boot, rate=rate)
        self.world = World(CATALOGUE, self.now, opted_in)
        self.world.booted = lambda instance: self.ssh.console(self.machine(instance))
        self._session_token = session_token
        self._regions: dict[str, Region] = {}

    @property
    def credentials(self) -> Mapping[str, str]:
        """The access key that its world accepts, and the session token if it wants one."""
        pair = {"access_key_id": ACCESS_KEY_ID, "secret_access_key": SECRET_ACCESS_KEY}
        return {**pair, "session_token": self._session_token} if self._session_token else pair

    def region(self, name: str) -> Region:
        """A region's machines, images, keys and networks, to look at or to arrange."""
        if name not in self._regions:
            region = Region(name)
            images.seed(region)
            self._regions[name] = region
        return self._regions[name]

    def nodes(self) -> Iterator[Instance]:
        """The instances of all regions. Private addresses are not unique among them: the first has it."""
        return (each for region in self._regions.values() for each in region.instances.values())

    def addresses(self, node: Instance) -> Iterable[str]:
        """Public, private and IPv6."""
        if node.state(self.now()) == "terminated":
            return ()
        return filter(None, (node.public_ip, node.private_ip, *node.v6))

    def machine(self, node: Instance) -> Machine:
        """The key pair may be gone: the instance has the key that it was launched with."""
        return Machine(
            id=node.id,
            name=node.tags.get("Name", node.id),
            running=node.state(self.now()) == "running",
            users=users_of(node.image.name),
            keys=(node.public_key,) if node.public_key else (),
            user_data=base64.b64decode(node.user_data) if node.user_data else None,
        )

    def populate(self, count: int, *, region: str = "us-east-1", size: str = "t3.micro") -> None:
        """Put so many running instances, tagged `node-000001` and so on, into the zones of one region.

        Needs no event loop, unlike all that asks for the time.
        """
        launch.populate(self.world, self.region(region), count, size)

    def operation(self, request: Request) -> str:
        """The action that the request names."""
        for text in (request.url.raw_query_string, request.body.decode("latin-1")):
            if match := ACTION.search(text):
                return unquote_plus(match[1])
        return "?"

    def answer(self, request: Request) -> Response:
        """Check the signature, do what the action says, and answer in XML."""
        request_id = str(uuid4())
        try:
            region = self._authenticate(request)
            return self._response(request, request_id, 200, self._act(request, region, request_id))
        except Refusal as refusal:
            return self._refuse(request, refusal, request_id)

    def throttled(self, request: Request, retry_after: float) -> Response:
        """EC2 does not say how long to wait."""
        return self._refuse(request, Refusal("RequestLimitExceeded", "Request limit exceeded.", 503))

    def no_capacity(self, request: Request) -> Response:
        """A server error in EC2's eyes, though it is no fault of the server."""
        what = (
            "We currently do not have sufficient capacity in the Availability Zone you requested."
            " Our system will be working on provisioning additional capacity."
        )
        return self._refuse(request, Refusal("InsufficientInstanceCapacity", what, 500))

    def _authenticate(self, request: Request) -> str:
        region = verify(request, {ACCESS_KEY_ID: SECRET_ACCESS_KEY}, self.now())
        token = request.headers.get("X-Amz-Security-Token")
        if token != self._session_token or not self.world.may_use(region):
            raise not_valid()
        return region

    def _act(self, request: Request, region: str, request_id: str) -> bytes:
        pairs = pairs_of(request)
        action, version = pairs.pop("Action", ""), pairs.pop("Version", "")
        if not action:
            raise missing("Action")
        if not OLDEST <= version <= NEWEST:
            raise Refusal("NoSuchVersion", f"The requested version ({version}) of service AmazonEC2 does not exist")
        if action not in ACTIONS:
            raise Refusal("InvalidAction", f"The action {action} is not valid for this web service.")
        return self._document(action, version, request_id, self._do(action, pairs, region))

    def _do(self, action: str, pairs: dict[str, str], region: str) -> Body:
        return ACTIONS[action](self._call(action, pairs, region))

    def _document(self, action: str, version: str, request_id: str, body: Body) -> bytes:
        return success(action, version, request_id, body)

    def _call(self, action: str, pairs: dict[str, str], name: str) -> Call:
        now, region = self.now(), self.region(name)
        region.tidy(now)
        return Call(
            action=action,
            params=Params.of(pairs),
            pairs=pairs,
            world=self.world,
            region=region,
            now=now,
            boot=self.boot,
        )

    def _refuse(self, request: Request, refusal: Refusal, request_id: str | None = None) -> Response:
        request_id = request_id or str(uuid4())
        return self._response(request, request_id, refusal.status, failure(refusal, request_id))

    def _response(self, request: Request, request_id: str, status: int, body: bytes) -> Response:
        headers = {"Content-Type": "text/xml;charset=UTF-8", "x-amzn-RequestId": request_id, "Server": "AmazonEC2"}
        if _wants_gzip(request):
            headers["Content-Encoding"] = "gzip"
            body = gzip.compress(body, compresslevel=1)
        return Response(status=status, headers=headers_of(headers), body=body)


def pairs_of(request: Request) -> dict[str, str]:
    """The parameters, wherever they stand."""
    query = parse_qsl(request.url.raw_query_string, keep_blank_values=True)
    form = parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)
    return dict(query + form)


def _wants_gzip(request: Request) -> bool:
    accepted = request.headers.get("Accept-Encoding", "").lower().replace(" ", "").split(",")
    return "gzip" in accepted or any(a.startswith("gzip;") and not a.endswith("q=0") for a in accepted)
