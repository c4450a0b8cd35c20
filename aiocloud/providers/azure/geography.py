"""Azure's regions: https://learn.microsoft.com/azure/reliability/regions-list

The API tells coordinates, and a "geography" that is a country only sometimes. The city is
there where Microsoft names one.
"""

from __future__ import annotations

from collections.abc import Mapping

REGIONS: Mapping[str, tuple[str, str, str | None]] = {
    "australiacentral": ("Australia Central", "AU", "Canberra"),
    "australiacentral2": ("Australia Central 2", "AU", "Canberra"),
    "australiaeast": ("Australia East", "AU", "Sydney"),
    "australiasoutheast": ("Australia Southeast", "AU", "Melbourne"),
    "austriaeast": ("Austria East", "AT", "Vienna"),
    "belgiumcentral": ("Belgium Central", "BE", "Brussels"),
    "brazilsouth": ("Brazil South", "BR", "São Paulo"),
    "brazilsoutheast": ("Brazil Southeast", "BR", "Rio de Janeiro"),
    "canadacentral": ("Canada Central", "CA", "Toronto"),
    "canadaeast": ("Canada East", "CA", "Québec"),
    "centralindia": ("Central India", "IN", "Pune"),
    "centralus": ("Central US", "US", None),
    "chilecentral": ("Chile Central", "CL", "Santiago"),
    "denmarkeast": ("Denmark East", "DK", "Copenhagen"),
    "eastasia": ("East Asia", "HK", "Hong Kong"),
    "eastus": ("East US", "US", None),
    "eastus2": ("East US 2", "US", None),
    "francecentral": ("France Central", "FR", "Paris"),
    "francesouth": ("France South", "FR", "Marseille"),
    "germanynorth": ("Germany North", "DE", "Berlin"),
    "germanywestcentral": ("Germany West Central", "DE", "Frankfurt"),
    "indonesiacentral": ("Indonesia Central", "ID", "Jakarta"),
    "israelcentral": ("Israel Central", "IL", None),
    "italynorth": ("Italy North", "IT", "Milan"),
    "japaneast": ("Japan East", "JP", "Tokyo"),
    "japanwest": ("Japan West", "JP", "Osaka"),
    "jioindiacentral": ("Jio India Central", "IN", "Nagpur"),
    "jioindiawest": ("Jio India West", "IN", "Jamnagar"),
    "koreacentral": ("Korea Central", "KR", "Seoul"),
    "koreasouth": ("Korea South", "KR", "Busan"),
    "malaysiawest": ("Malaysia West", "MY", "Kuala Lumpur"),
    "mexicocentral": ("Mexico Central", "MX", "Querétaro"),
    "newzealandnorth": ("New Zealand North", "NZ", "Auckland"),
    "northcentralus": ("North Central US", "US", None),
    "northeurope": ("North Europe", "IE", None),
    "norwayeast": ("Norway East", "NO", None),
    "norwaywest": ("Norway West", "NO", None),
    "polandcentral": ("Poland Central", "PL", "Warsaw"),
    "qatarcentral": ("Qatar Central", "QA", "Doha"),
    "southafricanorth": ("South Africa North", "ZA", "Johannesburg"),
    "southafricawest": ("South Africa West", "ZA", "Cape Town"),
    "southcentralus": ("South Central US", "US", None),
    "southeastasia": ("Southeast Asia", "SG", "Singapore"),
    "southindia": ("South India", "IN", "Chennai"),
    "spaincentral": ("Spain Central", "ES", "Madrid"),
    "swedencentral": ("Sweden Central", "SE", "Gävle"),
    "swedensouth": ("Sweden South", "SE", "Malmö"),
    "switzerlandnorth": ("Switzerland North", "CH", "Zurich"),
    "switzerlandwest": ("Switzerland West", "CH", "Geneva"),
    "uaecentral": ("UAE Central", "AE", "Abu Dhabi"),
    "uaenorth": ("UAE North", "AE", "Dubai"),
    "uksouth": ("UK South", "GB", "London"),
    "ukwest": ("UK West", "GB", "Cardiff"),
    "usgovarizona": ("USGov Arizona", "US", None),
    "usgovtexas": ("USGov Texas", "US", None),
    "usgovvirginia": ("USGov Virginia", "US", None),
    "westcentralus": ("West Central US", "US", None),
    "westeurope": ("West Europe", "NL", None),
    "westindia": ("West India", "IN", "Mumbai"),
    "westus": ("West US", "US", None),
    "westus2": ("West US 2", "US", None),
    "westus3": ("West US 3", "US", "Phoenix"),
}
"""Name, country (ISO 3166-1 alpha-2) and city."""

GEOGRAPHIES: Mapping[str, str] = {
    "Australia": "AU", "Austria": "AT", "Belgium": "BE", "Brazil": "BR", "Canada": "CA", "Chile": "CL", "China": "CN",
    "Denmark": "DK", "France": "FR", "Germany": "DE", "India": "IN", "Indonesia": "ID", "Israel": "IL", "Italy": "IT",
    "Japan": "JP", "Korea": "KR", "Malaysia": "MY", "Mexico": "MX", "New Zealand": "NZ", "Norway": "NO",
    "Poland": "PL", "Qatar": "QA", "South Africa": "ZA", "Spain": "ES", "Sweden": "SE", "Switzerland": "CH",
    "Taiwan": "TW", "UAE": "AE", "United Kingdom": "GB", "United States": "US", "USGov": "US",
}  # fmt: skip
"""The country of a geography, for regions that are younger than the table above."""
