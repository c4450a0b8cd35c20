"""SoftLayer's data types: which properties are local, which are relations, and to what.

Without a mask an object shows its local properties alone; a relation must be asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Kind:
    """A data type.

    A relation leads to another kind, or to None for a plain value. Of a local property without a value a
    null is sent, unless it is `optional`: that one is then not sent at all.
    """

    name: str
    local: tuple[str, ...]
    relations: dict[str, Kind | None] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()


def _kind(name: str, local: str, **relations: Kind | None) -> Kind:
    return Kind(f"SoftLayer_{name}", tuple(local.split()), relations)


def _values(names: str) -> dict[str, Kind | None]:
    return dict.fromkeys(names.split())


STATE = _kind("Virtual_Guest_Power_State", "description keyName name")
STATUS = _kind("Virtual_Guest_Status", "keyName name")
ADDRESS = _kind("Account_Address", "id city country")
GROUP_TYPE = _kind("Location_Group_Type", "name")
PRICE_GROUP = _kind("Location_Group_Pricing", "id name description locationGroupTypeId", locationGroupType=GROUP_TYPE)
LOCATION_REGION = _kind("Location_Region", "keyname description")
LOCATION = _kind(
    "Location",
    "id name longName statusId",
    locationAddress=ADDRESS,
    priceGroups=PRICE_GROUP,
    groups=PRICE_GROUP,
    regions=LOCATION_REGION,
)
PRICE_GROUP.relations["locations"] = LOCATION
REGION_LOCATION = _kind("Location_Region_Location", "locationId", location=LOCATION)
REGION = _kind("Location_Region", "description keyname sortOrder", location=REGION_LOCATION)

CATEGORY = _kind("Product_Item_Category", "id name categoryCode")
SOFTWARE_DESCRIPTION = _kind("Software_Description", "id manufacturer name version referenceCode longDescription")
ATTRIBUTE = _kind("Product_Item_Attribute", "id attributeTypeKeyName value")
ITEM = _kind(
    "Product_Item",
    "id keyName description capacity units",
    itemCategory=CATEGORY,
    categories=CATEGORY,
    softwareDescription=SOFTWARE_DESCRIPTION,
    attributes=ATTRIBUTE,
)
PRICE = _kind(
    "Product_Item_Price",
    "id itemId locationGroupId hourlyRecurringFee recurringFee oneTimeFee laborFee setupFee sort"
    " capacityRestrictionMaximum capacityRestrictionMinimum capacityRestrictionType",
    item=ITEM,
    categories=CATEGORY,
    pricingLocationGroup=PRICE_GROUP,
)
# What is sold only by the hour has no monthly fee at all, and only some software is priced by core.
PRICE.optional = frozenset(PRICE.local[4:5] + PRICE.local[9:])
ITEM.relations["prices"] = PRICE
CONFIGURATION = _kind("Product_Package_Preset_Configuration", "", category=CATEGORY, price=PRICE)
PRESET = _kind(
    "Product_Package_Preset",
    "id keyName name description isActive packageId",
    prices=PRICE,
    configuration=CONFIGURATION,
    locations=LOCATION,
    **_values("totalMinimumHourlyFee totalMinimumRecurringFee"),
)
PACKAGE_TYPE = _kind("Product_Package_Type", "id keyName name")
PACKAGE = _kind(
    "Product_Package",
    "id keyName name description isActive",
    type=PACKAGE_TYPE,
    items=ITEM,
    activePresets=PRESET,
    accountRestrictedActivePresets=PRESET,
    regions=REGION,
)

USER = _kind("User_Customer", "id username email accountId")
ACCOUNT = _kind("Account", "id companyName email brandId", **_values("virtualGuestCount"))
SSH_KEY = _kind("Security_Ssh_Key", "id createDate fingerprint key label modifyDate notes")
RULE = _kind(
    "Network_SecurityGroup_Rule",
    "id createDate direction ethertype modifyDate portRangeMax portRangeMin protocol remoteGroupId remoteIp"
    " securityGroupId",
)
SECURITY_GROUP = _kind("Network_SecurityGroup", "id name description createDate modifyDate", rules=RULE)

IMAGE_STATUS = _kind("Virtual_Guest_Block_Device_Template_Group_Status", "keyName name")
IMAGE = _kind(
    "Virtual_Guest_Block_Device_Template_Group",
    "accountId createDate id name note parentId publicFlag statusId",
    status=IMAGE_STATUS,
    datacenter=LOCATION,
    **_values("globalIdentifier blockDevices children transaction"),
)

PASSWORD = _kind("Software_Component_Password", "id username password notes")
LICENSE = _kind("Software_License", "id", softwareDescription=SOFTWARE_DESCRIPTION)
SOFTWARE = _kind("Software_Component", "id manufacturerActivationCode", passwords=PASSWORD, softwareLicense=LICENSE)
TRANSACTION_STATUS = _kind("Provisioning_Version1_Transaction_Status", "friendlyName name")
TRANSACTION_GROUP = _kind("Provisioning_Version1_Transaction_Group", "name")
TRANSACTION = _kind(
    "Provisioning_Version1_Transaction",
    "id createDate modifyDate guestId statusChangeDate",
    transactionStatus=TRANSACTION_STATUS,
    transactionGroup=TRANSACTION_GROUP,
)
ORDER = _kind("Billing_Order", "id", userRecord=USER)
ORDER_ITEM = _kind("Billing_Order_Item", "id", order=ORDER, preset=PRESET)
BILLING_ITEM = _kind(
    "Billing_Item",
    "id categoryCode createDate description hourlyRecurringFee recurringFee",
    package=PACKAGE,
    orderItem=ORDER_ITEM,
    **_values("nextInvoiceTotalRecurringAmount"),
)
BILLING_ITEM.relations |= {"children": BILLING_ITEM, "nextInvoiceChildren": BILLING_ITEM}
SUBNET = _kind("Network_Subnet", "id addressSpace")
VLAN = _kind("Network_Vlan", "id vlanNumber", **_values("networkSpace"))
BINDING = _kind("Virtual_Network_SecurityGroup_NetworkComponentBinding", "id", securityGroup=SECURITY_GROUP)
COMPONENT = _kind(
    "Virtual_Guest_Network_Component",
    "id guestId macAddress maxSpeed name port primaryIpAddress speed status",
    primarySubnet=SUBNET,
    securityGroupBindings=BINDING,
    networkVlan=VLAN,
)
DISK_IMAGE = _kind("Virtual_Disk_Image", "id capacity units")
BLOCK_DEVICE = _kind("Virtual_Guest_Block_Device", "id device mountType bootableFlag", diskImage=DISK_IMAGE)
USER_DATA = _kind("Virtual_Guest_Attribute_UserData", "value")
TAG = _kind("Tag", "id name")
TAG_REFERENCE = _kind("Tag_Reference", "id tagId", tag=TAG)
HOST = _kind("Virtual_DedicatedHost", "id name")
GUEST = _kind(
    "Virtual_Guest",
    "accountId createDate dedicatedAccountHostOnlyFlag domain fullyQualifiedDomainName globalIdentifier hostname"
    " id lastPowerStateId maxCpu maxCpuUnits maxMemory modifyDate notes placementGroupId postInstallScriptUri"
    " provisionDate startCpus statusId uuid",
    activeTransaction=TRANSACTION,
    activeTransactions=TRANSACTION,
    billingItem=BILLING_ITEM,
    blockDeviceTemplateGroup=IMAGE,
    blockDevices=BLOCK_DEVICE,
    datacenter=LOCATION,
    dedicatedHost=HOST,
    lastKnownPowerState=STATE,
    lastOperatingSystemReload=TRANSACTION,
    lastTransaction=TRANSACTION,
    location=LOCATION,
    networkComponents=COMPONENT,
    networkVlans=VLAN,
    operatingSystem=SOFTWARE,
    powerState=STATE,
    primaryBackendNetworkComponent=COMPONENT,
    primaryNetworkComponent=COMPONENT,
    softwareComponents=SOFTWARE,
    sshKeys=SSH_KEY,
    status=STATUS,
    tagReferences=TAG_REFERENCE,
    userData=USER_DATA,
    **_values(
        "hourlyBillingFlag localDiskFlag privateNetworkOnlyFlag transientGuestFlag primaryIpAddress"
        " primaryBackendIpAddress monitoringServiceComponent networkMonitors"
    ),
)
GUEST.optional = frozenset({"provisionDate"})
GUEST.relations["networkMonitors"] = _kind(
    "Network_Monitor_Version1_Query_Host", "id", **_values("queryType lastResult responseAction")
)
COMPONENT.relations["guest"] = GUEST
BINDING.relations["networkComponent"] = COMPONENT
SECURITY_GROUP.relations["networkComponentBindings"] = BINDING
