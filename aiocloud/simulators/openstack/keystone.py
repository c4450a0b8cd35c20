"""Identity, version 3: tokens and the catalogue of services."""

from __future__ import annotations

from typing import Any

from aiocloud.http.message import Response
from aiocloud.simulators.openstack.wire import TITLES, Ask, Failure, Payload, Service, reply
from aiocloud.simulators.openstack.world import Account, Cloud, Project, Token

WRONG = "The request you have made requires authentication."

# type, name, and the endpoint's path in a region
SERVICES = (
    ("compute", "nova", "/compute/v2.1"),
    ("image", "glance", "/image"),
    ("network", "neutron", "/network"),
    ("block-storage", "cinder", "/volume/v3"),
)


def render(ask: Ask, failure: Failure) -> Response:
    """A failure in Keystone's words."""
    title = TITLES.get(failure.status, "Error")
    error = {"code": failure.status, "message": failure.message, "title": title}
    challenge = {"WWW_Authenticate": f'Keystone uri="{ask.root}"'} if failure.status == 401 else {}
    return reply(failure.status, {"error": error}, Vary="X-Auth-Token", **challenge)


keystone = Service("identity", render)


def version(ask: Ask) -> Payload:
    """What Keystone says of its third version."""
    return {
        "id": "v3.14",
        "status": "stable",
        "updated": "2020-04-07T00:00:00Z",
        "links": [{"rel": "self", "href": f"{ask.root}/v3/"}],
        "media-types": [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}],
    }


@keystone.route("GET /", public=True)
def versions(ask: Ask) -> Response:
    """All versions."""
    return reply(300, {"versions": {"values": [version(ask)]}}, Location=f"{ask.root}/v3/")


@keystone.route("GET /v3", public=True)
@keystone.route("GET /v3/", public=True)
def one_version(ask: Ask) -> Response:
    """The third version."""
    return reply(200, {"version": version(ask)})


@keystone.route("POST /auth/tokens", public=True)
def sign_in(ask: Ask) -> Response:
    """A new token for a password, an application credential or an older token."""
    auth = _object(ask.body, "auth")
    identity = _object(auth, "identity")
    methods = identity.get("methods")
    if not isinstance(methods, list) or not methods:
        raise Failure(400, "'methods' is a required property")
    until = None
    for method in methods:
        proof = PROOFS.get(str(method))
        if proof is None:
            raise Failure(401, f"Attempted to authenticate with an unsupported method: {method}.")
        given = identity.get(method)
        older = proof(ask.cloud, given if isinstance(given, dict) else {})
        until = older.expires if older else until
    project = _scope(ask.cloud.account, auth, methods)
    return _token(ask, ask.cloud.issue(project, tuple(map(str, methods)), until), 201)


def _object(owner: Payload, name: str) -> Payload:
    part = owner.get(name)
    if not isinstance(part, dict):
        raise Failure(400, f"'{name}' is a required property")
    return part


def _in_domain(account: Account, domain: Any) -> bool:
    given = domain if isinstance(domain, dict) else {}
    return given.get("id") == account.domain_id or given.get("name") == account.domain


def _is_user(account: Account, user: Any) -> bool:
    given = user if isinstance(user, dict) else {}
    if "id" in given:
        return bool(given["id"] == account.user_id)
    return given.get("name") == account.username and _in_domain(account, given.get("domain"))


def _password(cloud: Cloud, given: Payload) -> Token | None:
    user = _object(given, "user")
    if not _is_user(cloud.account, user) or user.get("password") != cloud.account.password:
        raise Failure(401, WRONG)
    return None


def _application_credential(cloud: Cloud, given: Payload) -> Token | None:
    account = cloud.account
    named = given.get("name") == account.credential_name and _is_user(account, given.get("user"))
    if not (named or given.get("id") == account.credential_id):
        raise Failure(401, WRONG)
    if given.get("secret") != account.credential_secret:
        raise Failure(401, WRONG)
    return None


def _older_token(cloud: Cloud, given: Payload) -> Token | None:
    token = cloud.token(given.get("id"))
    if token is None:
        raise Failure(401, WRONG)
    return token


PROOFS = {
    "password": _password,
    "application_credential": _application_credential,
    "token": _older_token,
}


def _scope(account: Account, auth: Payload, methods: list[str]) -> Project | None:
    scope = auth.get("scope")
    if "application_credential" in methods:
        if scope is not None:
            detail = "Application credentials cannot request a scope."
            raise Failure(401, f"Error authenticating with application credential: {detail}")
        return account.projects[0]
    if scope is None or scope == "unscoped":
        return None
    wanted = scope.get("project") if isinstance(scope, dict) else None
    if not isinstance(wanted, dict):  # the user has no role on a domain, nor on the system
        raise Failure(401, WRONG)
    for project in account.projects:
        by_name = wanted.get("name") == project.name and _in_domain(account, wanted.get("domain"))
        if by_name or wanted.get("id") == project.id:
            return project
    raise Failure(401, WRONG)


def catalog(ask: Ask) -> list[Payload]:
    """Every service in every region, under the origin at which the cloud was asked."""
    places = [(*service, True) for service in SERVICES] + [("identity", "keystone", "/identity", False)]
    return [
        {
            "id": f"service-{kind}",
            "type": kind,
            "name": name,
            "endpoints": [
                {
                    "id": f"{region}-{kind}-{interface}",
                    "interface": interface,
                    "region": region,
                    "region_id": region,
                    "url": ask.origin + f"/{region}" * regional + path,
                }
                for region in ask.cloud.regions
                for interface in ("public", "internal")
            ],
        }
        for kind, name, path, regional in places
    ]


def _token(ask: Ask, token: Token, status: int) -> Response:
    account = ask.cloud.account
    domain = {"id": account.domain_id, "name": account.domain}
    body: Payload = {
        "methods": list(token.methods),
        "user": {
            "id": account.user_id,
            "name": account.username,
            "domain": domain,
            "password_expires_at": None,
        },
        "audit_ids": [token.id[6:28]],
        "issued_at": token.issued.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "expires_at": token.expires.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }
    if token.project is not None:
        project = {"id": token.project.id, "name": token.project.name, "domain": domain}
        roles = [{"id": "role-member", "name": "member"}]
        body |= {"project": project, "is_domain": False, "roles": roles}
        if "nocatalog" not in ask.query:
            body["catalog"] = catalog(ask)
    return reply(status, {"token": body}, X_Subject_Token=token.id, Vary="X-Auth-Token")


def _subject(ask: Ask) -> Token:
    token = ask.cloud.token(ask.request.headers.get("X-Subject-Token"))
    if token is None:
        raise Failure(404, "Could not find token.")
    return token


@keystone.route("GET /auth/tokens")
def show_token(ask: Ask) -> Response:
    """What a token is good for."""
    return _token(ask, _subject(ask), 200)


@keystone.route("DELETE /auth/tokens")
def revoke_token(ask: Ask) -> Response:
    """An end to a token."""
    del ask.cloud.tokens[_subject(ask).id]
    return reply(204)


@keystone.route("GET /auth/catalog")
def show_catalog(ask: Ask) -> Response:
    """The services for which the token is good."""
    if ask.token is None or ask.token.project is None:
        raise Failure(403, "You are not authorized to perform the requested action: identity:get_auth_catalog.")
    return reply(200, {"catalog": catalog(ask), "links": {"self": f"{ask.base}/auth/catalog"}})


@keystone.route("GET /auth/projects")
def list_projects(ask: Ask) -> Response:
    """The projects to which the user may be scoped."""
    account = ask.cloud.account
    projects = [
        {"id": p.id, "name": p.name, "domain_id": account.domain_id, "enabled": True, "is_domain": False}
        for p in account.projects
    ]
    return reply(200, {"projects": projects, "links": {"self": f"{ask.base}/auth/projects", "next": None}})
