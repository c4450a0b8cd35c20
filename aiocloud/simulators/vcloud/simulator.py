"""The front door: versions, sessions, and who may come in."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import ceil
from typing import Any
from urllib.parse import parse_qs

from aiocloud.http.message import Request, Response, headers_of
from aiocloud.simulators.base import Simulator
from aiocloud.simulators.ssh import Machine
from aiocloud.simulators.vcloud.api import routes, session_view
from aiocloud.simulators.vcloud.wire import Ask, Failure, basic, failed, js, xml
from aiocloud.simulators.vcloud.world import TEMPLATES, VDCS, VApp, World, identifier

VERSIONS = ("36.0", "36.3", "37.3", "38.1", "39.1")
IDLE = timedelta(minutes=30)
VERSIONS_NS = "http://www.vmware.com/vcloud/versions"
ENTRIES = frozenset(
    {
        "GET /api/versions",
        "POST /api/sessions",
        "POST /cloudapi/1.0.0/sessions",
        "POST /oauth/tenant/{id}/token",
    }
)


@dataclass(slots=True)
class Session:
    """`ends` moves on with each use, but for the tokens that an API token was exchanged for."""

    kind: str
    ends: datetime
    idles: bool = True


class VCloudSimulator(Simulator):
    """One organisation with two virtual data centres. `world` holds all that exists.

    `versions` are those of the API that it speaks; below 33, sessions are those of old. `world.failures` are what the
    next tasks end with, in place of success.
    """

    provider = "vcloud"
    facts = "Versions are those of VMware Cloud Director 10.3 to 10.6; data centres, templates and sizes are invented."
    as_of = date(2026, 6, 17)
    endpoint = "https://vcd.example.net"
    creates = "POST /api/vdc/{id}/action/instantiateVAppTemplate"
    proof = "password"
    unknown_node = "vapp-00000000-0000-4000-8000-00000000dead"

    def __init__(
        self,
        *,
        username: str = "alice",
        password: str = "tide-of-pa55",  # noqa: S107 - opens nothing
        org: str = "acme",
        api_token: str = "quay-api-token-77",  # noqa: S107 - opens nothing
        versions: tuple[str, ...] = VERSIONS,
        **world: Any,
    ) -> None:
        super().__init__(**world)
        self.username, self.org, self.versions = username, org, versions
        self._password, self.api_token = password, api_token
        self.sessions: dict[str, Session] = {}
        self.world = World(now=lambda: self.now(), boot=lambda: self.boot)
        self._opened = 0

    @property
    def credentials(self) -> Mapping[str, str]:
        """A user, the password, the organisation."""
        return {"username": self.username, "password": self._password, "org": self.org}

    def nodes(self) -> Iterable[VApp]:
        """The vApps."""
        self.world.settle()
        return list(self.world.vapps.values())

    def addresses(self, node: VApp) -> tuple[str, ...]:
        """The one of its machine."""
        self.world.settle()
        return (node.address,) if node.id in self.world.vapps else ()

    def machine(self, node: VApp) -> Machine:
        """It lets in root, by the password of its customisation."""
        self.world.settle()
        return Machine(id=node.id, name=node.computer_name, running=node.status == 4, password=node.password)

    def populate(self, count: int) -> None:
        """Add so many running vApps."""
        for number in range(count):
            name = f"boat-{len(self.world.vapps)}"
            vapp = self.world.place(name, VDCS[number % 2], TEMPLATES[number % 2], self.now() - timedelta(days=30))
            vapp.status, vapp.deployed = 4, True

    def operation(self, request: Request) -> str:
        """The method, and the path with its ids left open."""
        return self._route(request)[0] or f"{request.method} {request.url.path}"

    def answer(self, request: Request) -> Response:
        """Let in, and do it."""
        self.world.settle()
        name, ids = self._route(request)
        ask = Ask(request, str(request.url.origin()), ids)
        try:
            if name in ENTRIES:
                return self._enter(name, ask)
            if not self._signed_in(request):
                return Response(status=401, headers=headers_of({"WWW-Authenticate": "Bearer"}))
            self._check_version(request)
            if not name:
                raise Failure(404, "RESOURCE_NOT_FOUND", f"There is no {request.url.path}.")
            if name == "DELETE /api/session":
                return self._sign_out(request)
            return routes[name](self, ask)
        except Failure as failure:
            return failed(request, failure)

    def throttled(self, request: Request, retry_after: float) -> Response:
        """429, as a provider's gateway answers it."""
        failure = Failure(429, "TOO_MANY_REQUESTS", "Too many requests.")
        return failed(request, failure, {"Retry-After": str(ceil(retry_after))})

    def no_capacity(self, request: Request) -> Response:
        """400: the quota is all that there is. The words are a guess."""
        return failed(request, Failure(400, "BAD_REQUEST", "The operation would exceed the VM quota of the VDC."))

    def expire(self) -> None:
        """End all sessions."""
        self.sessions.clear()

    def _route(self, request: Request) -> tuple[str, tuple[str, ...]]:
        method, path = request.method, request.url.path.rstrip("/")
        if f"{method} {path}" in ENTRIES or (method, path) == ("DELETE", "/api/session"):
            return f"{method} {path}", ()
        parts = path.split("/")
        if (method, parts[1:3], parts[4:]) == ("POST", ["oauth", "tenant"], ["token"]):
            return "POST /oauth/tenant/{id}/token", (parts[3],)
        return routes.find(method, path)

    # ---- sessions ----

    def _enter(self, name: str, ask: Ask) -> Response:
        if name == "GET /api/versions":
            told = [{"Version": each, "LoginUrl": ask.href("/cloudapi/1.0.0/sessions")} for each in self.versions]
            return xml("SupportedVersions", {"VersionInfo": told}, namespace=VERSIONS_NS)
        if name.startswith("POST /oauth"):
            return self._exchange(ask)
        old = name == "POST /api/sessions"
        user, password = basic(ask.request)
        if user.lower() != f"{self.username}@{self.org}" or not hmac.compare_digest(password, self._password):
            return Response(status=401, headers=headers_of({"WWW-Authenticate": "Basic"}))
        if old is not (float(self.versions[-1]) < 33):
            raise Failure(404, "RESOURCE_NOT_FOUND", f"There is no {ask.request.url.path}.")
        self._check_version(ask.request)
        if old:
            key = self._open("old")
            return xml("Session", session_view(self, ask), x_vcloud_authorization=key)
        content = {"id": "urn:vcloud:session:1", "user": {"name": self.username}, "org": {"name": self.org}}
        return js(content, X_VMWARE_VCLOUD_ACCESS_TOKEN=self._open("bearer"), X_VMWARE_VCLOUD_TOKEN_TYPE="Bearer")  # noqa: S106 - a kind

    def _exchange(self, ask: Ask) -> Response:
        form = {name: values[0] for name, values in parse_qs(ask.request.body.decode()).items()}
        given = form.get("refresh_token", "")
        good = form.get("grant_type") == "refresh_token" and ask.ids == (self.org,)
        if not good or not hmac.compare_digest(given.encode(), self.api_token.encode()):
            body = {"error": "invalid_grant", "error_description": "Invalid refresh token"}
            return Response(status=400, body=json.dumps(body).encode())
        token = self._open("bearer", timedelta(hours=1), idles=False)
        return js({"access_token": token, "token_type": "Bearer", "expires_in": 3600, "refresh_token": None})

    def _open(self, kind: str, life: timedelta = IDLE, *, idles: bool = True) -> str:
        self._opened += 1
        key = identifier("session", self._opened)
        self.sessions[key] = Session(kind, self.now() + life, idles)
        return key

    def _signed_in(self, request: Request) -> bool:
        kind, _, key = request.headers.get("Authorization", "").partition(" ")
        if kind != "Bearer":
            key = request.headers.get("x-vcloud-authorization", "")
        session = self.sessions.get(key)
        if session is None or self.now() >= session.ends or (session.kind == "bearer") is not (kind == "Bearer"):
            return False
        if session.idles:
            session.ends = self.now() + IDLE
        return True

    def _sign_out(self, request: Request) -> Response:
        self.sessions.pop(request.headers.get("Authorization", "").partition(" ")[2], None)
        return Response(status=204)

    def _check_version(self, request: Request) -> None:
        version = request.headers.get("Accept", "").partition("version=")[2]
        if version not in self.versions:
            raise Failure(406, "NOT_ACCEPTABLE", f"The request has invalid accept header: version {version!r}.")
