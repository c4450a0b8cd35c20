"""What is ordered: one vApp of a template with one machine, as versions 1.5 and later take it in one request.

https://developer.broadcom.com/xapis/vmware-cloud-director-api/latest/doc/types/InstantiateVAppTemplateParamsType.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiocloud.dialects.vcloud.vapps import document
from aiocloud.mapping import dig
from aiocloud.values import Secret

VCLOUD = "http://www.vmware.com/vcloud/v1.5"
OVF = "http://schemas.dmtf.org/ovf/envelope/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """`template` is its URL, `machine` and `network` are documents, `policy` is the id of a sizing
    policy, and `policies` the URL that its own begins with.
    """

    name: str
    template: str
    machine: Any
    policy: str
    policies: str
    network: Any
    allocation: str
    description: str | None
    password: Secret | None
    computer_name: str
    script: str | None
    customize: bool
    power_on: bool

    def document(self) -> dict[str, Any]:
        """The options of the call. The order of the elements is the schema's."""
        return document(
            "InstantiateVAppTemplateParams",
            {
                "@xmlns": VCLOUD,
                "@xmlns:ovf": OVF,
                "@name": self.name,
                "@deploy": _flag(self.power_on),
                "@powerOn": _flag(self.power_on),
                "Description": self.description,
                "InstantiationParams": {"NetworkConfigSection": self._network_config()},
                "Source": {"@href": self.template},
                "SourcedItem": {
                    "Source": {"@href": self.machine["@href"]},
                    "VmGeneralParams": {"Name": self.name, "NeedsCustomization": _flag(self.customize)},
                    "InstantiationParams": {
                        "NetworkConnectionSection": self._connection(),
                        "GuestCustomizationSection": self._customization() if self.customize else None,
                    },
                    "ComputePolicy": {"VmSizingPolicy": {"@href": self.policies + self.policy, "@id": self.policy}},
                },
                "AllEULAsAccepted": "true",
            },
        )

    def _network_config(self) -> Mapping[str, Any]:
        configuration = {"ParentNetwork": {"@href": self.network["@href"]}, "FenceMode": "bridged"}
        return {
            "ovf:Info": "Networks of the vApp",
            "NetworkConfig": {"@networkName": self.network["@name"], "Configuration": configuration},
        }

    def _connection(self) -> Mapping[str, Any]:
        index = dig(self.machine, "NetworkConnectionSection.PrimaryNetworkConnectionIndex") or "0"
        return {
            "ovf:Info": "Network cards of the machine",
            "PrimaryNetworkConnectionIndex": index,
            "NetworkConnection": {
                "@network": self.network["@name"],
                "NetworkConnectionIndex": index,
                "IsConnected": "true",
                "IpAddressAllocationMode": self.allocation,
            },
        }

    def _customization(self) -> Mapping[str, Any]:
        password = self.password.reveal() if self.password else None
        return {
            "ovf:Info": "What is set in the guest",
            "Enabled": "true",
            "AdminPasswordEnabled": _flag(password is not None),
            "AdminPasswordAuto": "false" if password else None,
            "AdminPassword": password,
            "ResetPasswordRequired": "false" if password else None,
            "CustomizationScript": self.script,
            "ComputerName": self.computer_name,
        }


def _flag(value: bool) -> str:
    return "true" if value else "false"
