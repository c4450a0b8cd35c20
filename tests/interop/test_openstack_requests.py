"""Our OpenStack driver beside OpenStack's own client: the same sign-in, the same endpoints, the same files read alike.

What the two are compared on was written by others: keystoneauth1's plugins, openstacksdk's configuration, and the
example payloads of openstacksdk's own tests.
"""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from aiocloud.accounts import Environment
from aiocloud.dialects.openstack.identity import SERVICES
from aiocloud.dialects.openstack.shapes import IMAGE, KEY_PAIR, NODE, SIZE
from aiocloud.errors import CloudError
from aiocloud.http.message import Request, Response
from aiocloud.providers.openstack import OpenStack
from aiocloud.simulators.openstack import OpenStackSimulator
from tests.interop.conftest import official

identity = official("keystoneauth1.identity")
access = official("keystoneauth1.access")
loader = official("openstack.config.loader")
openstack = official("openstack")

pytestmark = [  # the client deprecates parts of itself that its other parts still use
    pytest.mark.filterwarnings("ignore::openstack.warnings.OpenStackDeprecationWarning"),
    pytest.mark.filterwarnings("ignore::openstack.warnings._RemovedInSDKWarning"),
]

URL_OF_KEYSTONE = "https://keystone.example/v3"


class Sent(Exception):  # noqa: N818 - a way out, with what was sent
    pass


class Session:
    """As much of keystoneauth1's session as its plugins need to send one request."""

    def post(self, url: str, **options: Any) -> Any:
        raise Sent(url, options["json"])


def theirs(plugin: Any) -> tuple[str, Any]:
    with pytest.raises(Sent) as caught:
        plugin.get_auth_ref(Session())
    url, body = caught.value.args
    return url, body


async def ours(**options: Any) -> tuple[str, Any]:
    seen: list[Request] = []

    async def transport(request: Request) -> Response:
        seen.append(request)
        return Response(status=401)

    with pytest.raises(CloudError):
        await OpenStack(transport=transport, **options).list_nodes()
    return str(seen[0].url), json.loads(seen[0].body)


async def test_signing_in_by_password_is_what_keystoneauth_sends() -> None:
    plugin = identity.V3Password(
        URL_OF_KEYSTONE,
        username="harbour",
        password="tide",
        user_domain_name="Default",
        project_name="quay",
        project_domain_name="Sea",
    )
    user = {"username": "harbour", "password": "tide", "project": "quay", "project_domain": "Sea"}
    assert await ours(endpoint=URL_OF_KEYSTONE, **user) == theirs(plugin)


async def test_signing_in_by_ids_is_what_keystoneauth_sends() -> None:
    plugin = identity.V3Password("https://keystone.example", user_id="u1", password="tide", project_id="7c0f")
    url, body = theirs(plugin)
    assert await ours(endpoint="https://keystone.example", user_id="u1", password="tide", project_id="7c0f") == (
        url,
        body,
    )


async def test_signing_in_by_token_is_what_keystoneauth_sends() -> None:
    plugin = identity.V3Token(URL_OF_KEYSTONE, token="older", project_id="7c0f")
    assert await ours(endpoint=URL_OF_KEYSTONE, token="older", project_id="7c0f") == theirs(plugin)


@pytest.mark.parametrize("by_id", [True, False])
async def test_signing_in_by_application_credential_is_what_keystoneauth_sends(by_id: bool) -> None:
    named = {"application_credential_name": "ci", "username": "harbour"}
    known: dict[str, Any] = {"application_credential_id": "c3d0"} if by_id else named
    plugin = identity.V3ApplicationCredential(
        URL_OF_KEYSTONE,
        application_credential_secret="ebb",
        **known,
        **({} if by_id else {"user_domain_id": "default"}),
    )
    given = {**known, "application_credential_secret": "ebb", "user_domain_id": "default"}
    assert await ours(endpoint=URL_OF_KEYSTONE, **given) == theirs(plugin)


async def test_signing_in_at_version_2_is_what_keystoneauth_sends() -> None:
    plugin = identity.V2Password("https://keystone.example/v2.0", "harbour", "tide", tenant_name="quay")
    user = {"username": "harbour", "password": "tide", "project": "quay"}
    assert await ours(endpoint="https://keystone.example/v2.0", **user) == theirs(plugin)


@pytest.mark.parametrize("interface", ["public", "internal"])
async def test_the_endpoints_are_those_that_keystoneauth_chooses(interface: str) -> None:
    simulator = OpenStackSimulator()
    answers: list[Response] = []

    async def transport(request: Request) -> Response:
        answers.append(await simulator(request))
        return answers[-1]

    known: dict[str, Any] = {**simulator.credentials, "endpoint": simulator.endpoint, "transport": transport}
    cloud = OpenStack(**known, ex_interface=interface)
    catalogue = await cloud._catalogue()
    payload = json.loads(answers[0].body)
    services = access.AccessInfoV3(payload, "token").service_catalog
    for region in simulator.region_names:
        for service in SERVICES:
            expected = services.url_for(service_type=service, interface=interface, region_name=region)
            assert catalogue.url(service, region) == expected
    assert URL(catalogue.url("compute", "south-1")).path.startswith("/south-1/")


CLOUDS = """
clouds:
  home:
    auth: {auth_url: "https://home.example:5000/v3", username: harbour, project_name: quay, user_domain_name: Sea,
           project_domain_name: Sea}
    region_name: north-1
    interface: internal
    verify: false
  work:
    auth_type: v3applicationcredential
    auth: {auth_url: "https://work.example", application_credential_id: c3d0, application_credential_secret: ebb}
    region_name: one
"""


def test_clouds_yaml_is_read_as_openstacks_own_client_reads_it(tmp_path: Path) -> None:
    public, secret = tmp_path / "clouds.yaml", tmp_path / "secure.yaml"
    public.write_text(CLOUDS)
    secret.write_text("clouds: {home: {auth: {password: tide}}}")
    variables = {"OS_CLIENT_CONFIG_FILE": str(public), "OS_CLIENT_SECURE_FILE": str(secret)}
    accounts = {account.name: account for account in OpenStack.accounts(Environment(variables, tmp_path, tmp_path))}
    config = loader.OpenStackConfig(
        config_files=[str(public)], secure_files=[str(secret)], vendor_files=[], load_envvars=False
    )
    words = {"endpoint": "auth_url", "project": "project_name"}
    words |= {word: f"{word}_name" for word in ("user_domain", "project_domain")}
    for name, account in accounts.items():
        cloud = config.get_one(name)
        own = {"region", "ex_interface", "ssl"}
        assert {words.get(key, key): value for key, value in account.options.items() if key not in own} == {
            key: value for key, value in cloud.config["auth"].items() if value is not None
        }
        assert account.options["region"] == cloud.get_region_name()
        assert account.options.get("ex_interface", "public") == cloud.get_interface()
        assert account.options.get("ssl", True) == cloud.config["verify"]


def example(path: str, name: str = "EXAMPLE") -> Any:
    """An example payload out of openstacksdk's own tests, which are read and not run."""
    source = Path(openstack.__file__).parent / "tests" / "unit" / path
    if not source.exists():
        pytest.skip("openstacksdk was installed without its tests")
    names: dict[str, Any] = {}
    for line in ast.parse(source.read_text("utf-8")).body:
        target = (
            line.targets[0]
            if isinstance(line, ast.Assign)
            else line.target
            if isinstance(line, ast.AnnAssign)
            else None
        )
        if isinstance(target, ast.Name) and isinstance(line, ast.Assign | ast.AnnAssign) and line.value is not None:
            names[target.id] = _value(line.value, names)
    return names[name]


def _value(node: ast.expr, names: dict[str, Any]) -> Any:
    """The value of a literal in which names may stand."""
    if isinstance(node, ast.Dict):
        return {_value(k, names): _value(v, names) for k, v in zip(node.keys, node.values, strict=True) if k}
    if isinstance(node, ast.List | ast.Tuple):
        return [_value(each, names) for each in node.elts]
    if isinstance(node, ast.Name):
        return names.get(node.id)
    return node.value if isinstance(node, ast.Constant) else None


def test_an_example_server_of_openstacksdk_becomes_a_node() -> None:
    from openstack.compute.v2.server import Server

    payload = example("compute/v2/test_server.py")
    node, server = NODE(payload), Server(**payload)
    assert (node.id, node.name, node.size) == (server.id, server.name, payload["flavor"].get("id"))
    assert node.created_at is not None
    assert node.created_at.isoformat()[:19] == server.created_at[:19]
    addresses = {each["addr"] for pool in payload["addresses"].values() for each in pool}
    assert addresses <= {*node.public_ips, *node.private_ips}
    assert dict(node.tags) == server.metadata


def test_an_example_flavor_image_and_key_pair_of_openstacksdk_become_models() -> None:
    from openstack.compute.v2.flavor import Flavor

    payload = example("compute/v2/test_flavor.py", "BASIC_EXAMPLE")
    size, flavor = SIZE(payload), Flavor(**payload)
    assert (size.id, size.name, size.vcpus, size.ram) == (flavor.id, flavor.name, flavor.vcpus, flavor.ram)
    assert size.disk == flavor.disk + flavor.ephemeral
    payload = example("image/v2/test_image.py")
    assert (IMAGE(payload).id, IMAGE(payload).name) == (payload["id"], payload["name"])
    payload = example("compute/v2/test_keypair.py")
    pair = KEY_PAIR({"keypair": payload})
    assert (pair.name, pair.public_key, pair.fingerprint) == tuple(
        payload[word] for word in ("name", "public_key", "fingerprint")
    )
