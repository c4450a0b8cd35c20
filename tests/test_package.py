"""The package as a whole: names, imports, tables that must agree."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import subprocess
import sys
from typing import Any

import pytest

import aiocloud
from aiocloud.driver import Compute, Retired
from aiocloud.errors import ProviderNotFoundError, RetiredProviderWarning
from aiocloud.providers import Provider, get_driver, provider_ids
from aiocloud.simulators import get_simulator

pytestmark = pytest.mark.filterwarnings("ignore::aiocloud.errors.RetiredProviderWarning")


def test_every_public_name_can_be_had() -> None:
    for name in aiocloud.__all__:
        assert getattr(aiocloud, name).__name__ == name


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Fleat'"):
        _ = aiocloud.Fleat  # type: ignore[attr-defined]  # that is the point


def test_importing_the_package_loads_nothing_heavy() -> None:
    program = "import aiocloud, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    heavy = {"aiohttp", "asyncssh", "xmltodict", "anyio", "rich", "yaml"}
    assert not heavy & set(loaded)
    assert not [name for name in loaded if name.startswith("aiocloud.")]


def test_a_driver_is_imported_without_the_network() -> None:
    program = "from aiocloud import get_driver; get_driver('linode'); import sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    assert not {"aiohttp", "asyncssh", "aiocloud.providers.ec2"} & set(loaded)


def test_the_enum_has_a_member_for_each_module() -> None:
    assert sorted(provider.value for provider in Provider) == provider_ids()


@pytest.mark.parametrize("provider", list(Provider))
def test_a_driver_says_who_it_is(provider: Provider) -> None:
    driver = get_driver(provider)
    assert driver.provider == provider
    assert driver.title
    assert driver.protocol
    assert driver.website.startswith("https://")
    assert issubclass(driver, Compute)
    assert not inspect.isabstract(driver)


@pytest.mark.parametrize("text", ["EC2", " ec2 ", "Ec2"])
def test_an_id_may_be_written_in_any_case(text: str) -> None:
    assert get_driver(text) is get_driver(Provider.EC2)


def test_an_unknown_provider_is_answered_with_those_there_are() -> None:
    with pytest.raises(ProviderNotFoundError, match=r"There are: .*ec2, .*linode"):
        get_driver("zzzz")


def test_a_retired_provider_warns_of_its_end_and_names_its_successor(monkeypatch: pytest.MonkeyPatch) -> None:
    linode = get_driver("linode")
    monkeypatch.setattr(linode, "retired", Retired(since="2031", successor="ec2"))
    with pytest.warns(RetiredProviderWarning, match="closed in 2031; its successor is ec2"):
        get_driver("linode")


@pytest.mark.parametrize("provider", list(Provider))
def test_an_unknown_keyword_is_a_type_error(provider: Provider) -> None:
    simulator = get_simulator(provider)()
    driver: Any = get_driver(provider)
    with pytest.raises(TypeError, match="tokem"):
        driver(**simulator.credentials, endpoint=simulator.endpoint, tokem="x")


def _modules() -> list[str]:
    return [
        module.name for module in pkgutil.walk_packages(aiocloud.__path__, "aiocloud.") if "__main__" not in module.name
    ]


@pytest.mark.parametrize("name", _modules())
def test_every_module_says_what_it_is_for(name: str) -> None:
    assert (importlib.import_module(name).__doc__ or "").strip(), f"{name} has no docstring"


def test_every_public_method_of_a_driver_is_documented() -> None:
    for provider in Provider:
        driver = get_driver(provider)
        for name, member in inspect.getmembers(driver, callable):
            if not name.startswith("_") and member.__module__.startswith("aiocloud."):
                assert inspect.getdoc(member), f"{driver.__name__}.{name} has no docstring"


@pytest.mark.parametrize("provider", list(Provider))
def test_what_only_one_provider_has_carries_the_prefix(provider: Provider) -> None:
    bases = [base for base in get_driver(provider).__mro__ if base.__module__.startswith("aiocloud.driver.")]
    shared = {name for base in bases for name in vars(base)}
    own = {name for name, _ in inspect.getmembers(get_driver(provider), inspect.isfunction)} - shared
    assert not [name for name in own if not name.startswith(("_", "ex_"))]
