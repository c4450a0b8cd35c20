"""The front door: routes, tokens, errors."""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import parse_qsl, unquote

from aiocloud.http.message import Request, Response, headers_of
from aiocloud.simulators.base import Simulator
from aiocloud.simulators.gce import billing, catalogue, instances, network
from aiocloud.simulators.gce.wire import Call, Json, RefusedError, body_of, not_found, wrong
from aiocloud.simulators.gce.world import BEFORE, Instance, World
from aiocloud.simulators.ssh import Machine

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

Answer: TypeAlias = Callable[[World, Call], Json]

INSTANCE = "/zones/{}/instances/{}"
ROUTES: dict[str, tuple[str, Answer]] = {
    "zones.list": ("GET /zones", catalogue.zones),
    "zones.get": ("GET /zones/{}", catalogue.zone),
    "regions.list": ("GET /regions", catalogue.regions),
    "machineTypes.list": ("GET /zones/{}/machineTypes", catalogue.machine_types),
    "machineTypes.get": ("GET /zones/{}/machineTypes/{}", catalogue.machine_type),
    "machineTypes.aggregatedList": ("GET /aggregated/machineTypes", catalogue.all_machine_types),
    "images.list": ("GET /global/images", catalogue.images),
    "images.getFromFamily": ("GET /global/images/family/{}", catalogue.image),
    "images.get": ("GET /global/images/{}", catalogue.image),
    "instances.aggregatedList": ("GET /aggregated/instances", instances.everywhere),
    "instances.list": ("GET /zones/{}/instances", instances.index),
    "instances.insert": ("POST /zones/{}/instances", instances.create),
    "instances.get": (f"GET {INSTANCE}", instances.show),
    "instances.delete": (f"DELETE {INSTANCE}", instances.delete),
    "instances.start": (f"POST {INSTANCE}/start", instances.act),
    "instances.stop": (f"POST {INSTANCE}/stop", instances.act),
    "instances.reset": (f"POST {INSTANCE}/reset", instances.act),
    "instances.suspend": (f"POST {INSTANCE}/suspend", instances.act),
    "instances.resume": (f"POST {INSTANCE}/resume", instances.act),
    "instances.setLabels": (f"POST {INSTANCE}/setLabels", instances.set_labels),
    "instances.setMachineType": (f"POST {INSTANCE}/setMachineType", instances.set_type),
    "instances.getSerialPortOutput": (f"GET {INSTANCE}/serialPort", instances.serial_port),
    "zoneOperations.list": ("GET /zones/{}/operations", instances.operations),
    "zoneOperations.get": ("GET /zones/{}/operations/{}", instances.operation),
    "zoneOperations.wait": ("POST /zones/{}/operations/{}/wait", instances.operation),
    "globalOperations.get": ("GET /global/operations/{}", instances.operation),
    "globalOperations.wait": ("POST /global/operations/{}/wait", instances.operation),
    "networks.list": ("GET /global/networks", network.networks),
    "firewalls.list": ("GET /global/firewalls", network.firewalls),
    "firewalls.insert": ("POST /global/firewalls", network.create_firewall),
    "firewalls.delete": ("DELETE /global/firewalls/{}", network.delete_firewall),
    "addresses.aggregatedList": ("GET /aggregated/addresses", network.addresses),
}
PATTERNS = {name: re.compile(route.replace("{}", "([^/]+)")) for name, (route, _) in ROUTES.items()}
PROJECT = re.compile(r"/compute/v1(/projects/([^/]+)(/.*))")
SKUS = f"GET {billing.PATH}"
TOKEN, METADATA = "POST /token", "GET /computeMetadata/v1/instance/service-accounts/default/token"
SCOPES = frozenset({"https://www.googleapis.com/auth/compute", "https://www.googleapis.com/auth/cloud-platform"})
USER_TOKEN = "1//harbour-refresh-token"  # noqa: S105 - invented
BILLING_KEY = "AIzaHarbourKeyForPrices"
LIFE = 3600
"""Seconds for which a token is good, and the most for which an assertion may be."""


class GCESimulator(Simulator):
    """A project at Google, with a service account that may do all there. `world` holds all that exists.

    Beside the service account's key it takes `refresh_token`, as that of a user, and answers as the metadata server.
    To whoever has `billing_key` it tells what Google sells; at which prices, only with `invented_prices`.
    """

    provider = "gce"
    endpoint = "https://compute.googleapis.com/compute/v1"
    creates = "compute.instances.insert"
    proof = "private_key"
    unknown_node = "999999999"
    facts = (
        "Some of Google's zones and machine types, with the cores and the memory that its documentation names; the "
        "builds of the images are invented. The API tells no prices; those shown are the catalogue's."
    )

    def __init__(
        self,
        *,
        project: str = "quay-7",
        refresh_token: str = USER_TOKEN,
        billing_key: str = BILLING_KEY,
        invented_prices: bool = False,
        **world: Any,
    ) -> None:
        super().__init__(**world)
        self.billing_key, self._invented_prices = billing_key, invented_prices
        self.project = project
        self._email = f"harbour@{project}.iam.gserviceaccount.com"
        self._refresh_token = refresh_token
        self._given: dict[str, datetime] = {}
        self.world = World(now=lambda: self.now(), boot=lambda: self.boot)

    @property
    def credentials(self) -> Mapping[str, str]:
        """The service account and the project."""
        return {"client_email": self._email, "private_key": _pem(), "project": self.project}

    def expire_tokens(self) -> None:
        """Refuse all tokens that were given so far."""
        self._given.clear()

    def nodes(self) -> Iterable[Instance]:
        """The instances."""
        return self.world.alive()

    def addresses(self, node: Instance) -> Iterable[str]:
        """Private, and public while it runs."""
        if self.world.status(node) == "gone" or node.id not in self.world.instances:
            return ()
        return (node.private, *([node.public] if node.public else []))

    def machine(self, node: Instance) -> Machine:
        """What its SSH server knows of an instance: the guest agent lets in who stands in the metadata.

        Root is let in, too, as on all simulated nodes; Google's own images refuse that. `aiocloud` is known on those
        that nobody has made, so that a command can be tried on them.
        """
        rows = [line.partition(":") for line in node.metadata.get("ssh-keys", "").splitlines() if ":" in line]
        data = node.metadata.get("user-data")
        return Machine(
            id=str(node.id),
            name=node.name,
            running=self.world.status(node) == "RUNNING",
            users=tuple(dict.fromkeys(["root", "aiocloud", *(user for user, _, _ in rows)])),
            keys=tuple(key for _, _, key in rows),
            user_data=data.encode() if data is not None else None,
        )

    def populate(self, count: int) -> None:
        """So many running instances, spread over the zones."""
        image = "projects/debian-cloud/global/images/debian-12-bookworm-v20260210"
        for number, zone in enumerate(islice(cycle(catalogue.ZONES), count), 1):
            name = f"pier-{number}"
            self.world.place(name=name, zone=zone, type="e2-small", image=image, disk=10, public=True, at=BEFORE)

    def operation(self, request: Request) -> str:
        """Google's name for the method."""
        found = PROJECT.fullmatch(request.url.raw_path)
        if found is None:
            asked = f"{request.method} {request.url.path}"
            return "cloudbilling.services.skus.list" if asked == SKUS else asked
        name, _ = _route(f"{request.method} {found[3]}")
        return f"compute.{name}" if name else f"{request.method} {found[3]}"

    def answer(self, request: Request) -> Response:
        """Give a token; or check one, find the route, do it."""
        try:
            match self.operation(request):
                case name if name == TOKEN:
                    return self._sign_in(request)
                case name if name == METADATA:
                    return self._metadata(request)
                case "cloudbilling.services.skus.list":
                    return self._skus(request)
            self._authenticate(request)
            name, call = self._understood(request)
            again = self.world.asked.get(call.query.get("requestId", ""))
            if again is not None:  # the same request, once more
                return _response(200, again.payload(call, self.now()))
            return _response(200, ROUTES[name][1](self.world, call))
        except RefusedError as error:
            return _response(error.status, error.payload())

    def throttled(self, request: Request, retry_after: float) -> Response:
        """Too many requests in too short a time."""
        if self.operation(request) in (TOKEN, METADATA):
            return _no("rate_limit_exceeded", "Rate limit exceeded", status=429)
        text = "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute'"
        return _response(403, RefusedError(403, "rateLimitExceeded", text).payload())

    def no_capacity(self, request: Request) -> Response:
        """The request is taken, and its operation fails: a lack of room is only found out then."""
        _, call = self._understood(request)
        return _response(200, instances.create(self.world, call, room=False))

    # ---- the road in ----

    def _understood(self, request: Request) -> tuple[str, Call]:
        found = PROJECT.fullmatch(request.url.raw_path)
        name, names = _route(f"{request.method} {found[3]}") if found else ("", ())
        if found is None or not name:
            raise RefusedError(404, "notFound", "Not Found")
        project = unquote(found[2])
        if project != self.project and not (project in catalogue.PUBLIC_PROJECTS and name.startswith("images.")):
            raise not_found(f"projects/{project}")
        if "{}" in ROUTES[name][0] and "/zones/{}" in ROUTES[name][0] and names[0] not in catalogue.ZONES:
            raise wrong("zone", names[0], "Unknown zone.")
        path, query = unquote(found[1]), request.url.query
        return name, Call(project=project, path=path, names=names, query=query, body=body_of(request.body))

    def _authenticate(self, request: Request) -> None:
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if not token:
            raise RefusedError(401, "required", "Login Required.")
        ends = self._given.get(token)
        if kind != "Bearer" or ends is None or self.now() >= ends:
            raise RefusedError(401, "authError", "Request had invalid authentication credentials.")

    def _sign_in(self, request: Request) -> Response:
        form = dict(parse_qsl(request.body.decode("utf-8", "replace")))
        if form.get("grant_type") == "refresh_token":
            good = form.get("refresh_token") == self._refresh_token
            return self._token() if good else _no("invalid_grant", "Token has been expired or revoked.")
        if form.get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer":
            return _no("unsupported_grant_type", "Invalid grant_type")
        why = self._fault(form.get("assertion", ""))
        return _no("invalid_grant", why) if why else self._token()

    def _fault(self, assertion: str) -> str | None:
        """What is wrong with an assertion, in Google's words; None for a good one."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        try:
            head, claims, signature = (_decoded(part) for part in assertion.split("."))
            told, kind = json.loads(claims), json.loads(head)
            _key().public_key().verify(signature, assertion.rpartition(".")[0].encode(), PKCS1v15(), SHA256())
        except InvalidSignature:
            return "Invalid JWT Signature."
        except ValueError:
            return "Invalid JWT: Failed audience check or malformed."
        now = self.now().timestamp()
        if kind.get("alg") != "RS256" or told.get("iss") != self._email:
            return "Invalid grant: account not found"
        if not told.get("iat", 0) - 300 <= now < told.get("exp", 0) <= told.get("iat", 0) + LIFE:
            return "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."
        if not str(told.get("aud", "")).endswith("/token"):
            return "Invalid JWT: Failed audience check."
        return None if SCOPES & set(str(told.get("scope")).split()) else "Invalid OAuth scope or ID token audience."

    def _skus(self, request: Request) -> Response:
        key = request.headers.get("X-Goog-Api-Key") or request.url.query.get("key")
        if key is None:
            return _response(403, billing.refusal(403, "PERMISSION_DENIED", billing.NOBODY))
        if key != self.billing_key:
            return _response(400, billing.refusal(400, "INVALID_ARGUMENT", billing.WRONG_KEY, "API_KEY_INVALID"))
        return _response(200, billing.skus(request.url.query, self.now(), priced=self._invented_prices))

    def _metadata(self, request: Request) -> Response:
        if request.headers.get("Metadata-Flavor") != "Google":
            return Response(status=403, body=b"Missing Metadata-Flavor:Google header.")
        return self._token()

    def _token(self) -> Response:
        token = f"ya29.{secrets.token_urlsafe(32)}"
        self._given[token] = self.now() + timedelta(seconds=LIFE)
        return _response(200, {"access_token": token, "expires_in": LIFE - 1, "token_type": "Bearer"})


def _no(error: str, description: str, *, status: int = 400) -> Response:
    return _response(status, {"error": error, "error_description": description})


def _response(status: int, payload: Json) -> Response:
    headers = headers_of({"Content-Type": "application/json; charset=UTF-8"})
    return Response(status=status, headers=headers, body=json.dumps(payload).encode())


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


@lru_cache(maxsize=4096)
def _route(text: str) -> tuple[str, tuple[str, ...]]:
    """The method's name and what stands in the open places of its path; "" when there is none."""
    for name, pattern in PATTERNS.items():
        if found := pattern.fullmatch(text):
            return name, tuple(unquote(each) for each in found.groups())
    return "", ()


@lru_cache(maxsize=1)
def _key() -> RSAPrivateKey:
    """The service account's key, the same in all worlds of this process: to make one takes a while."""
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

    return generate_private_key(public_exponent=65537, key_size=2048)


@lru_cache(maxsize=1)
def _pem() -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return _key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
