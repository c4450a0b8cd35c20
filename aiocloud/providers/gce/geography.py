"""Google's regions: https://cloud.google.com/compute/docs/regions-zones

The API names regions, but does not say where they are.
"""

from __future__ import annotations

from collections.abc import Mapping

REGIONS: Mapping[str, tuple[str, str]] = {
    "africa-south1": ("ZA", "Johannesburg"),
    "asia-east1": ("TW", "Changhua"),
    "asia-east2": ("HK", "Hong Kong"),
    "asia-northeast1": ("JP", "Tokyo"),
    "asia-northeast2": ("JP", "Osaka"),
    "asia-northeast3": ("KR", "Seoul"),
    "asia-south1": ("IN", "Mumbai"),
    "asia-south2": ("IN", "Delhi"),
    "asia-southeast1": ("SG", "Singapore"),
    "asia-southeast2": ("ID", "Jakarta"),
    "australia-southeast1": ("AU", "Sydney"),
    "australia-southeast2": ("AU", "Melbourne"),
    "europe-central2": ("PL", "Warsaw"),
    "europe-north1": ("FI", "Hamina"),
    "europe-north2": ("SE", "Stockholm"),
    "europe-southwest1": ("ES", "Madrid"),
    "europe-west1": ("BE", "Saint-Ghislain"),
    "europe-west2": ("GB", "London"),
    "europe-west3": ("DE", "Frankfurt"),
    "europe-west4": ("NL", "Eemshaven"),
    "europe-west6": ("CH", "Zurich"),
    "europe-west8": ("IT", "Milan"),
    "europe-west9": ("FR", "Paris"),
    "europe-west10": ("DE", "Berlin"),
    "europe-west12": ("IT", "Turin"),
    "me-central1": ("QA", "Doha"),
    "me-central2": ("SA", "Dammam"),
    "me-west1": ("IL", "Tel Aviv"),
    "northamerica-northeast1": ("CA", "Montréal"),
    "northamerica-northeast2": ("CA", "Toronto"),
    "northamerica-south1": ("MX", "Querétaro"),
    "southamerica-east1": ("BR", "São Paulo"),
    "southamerica-west1": ("CL", "Santiago"),
    "us-central1": ("US", "Council Bluffs"),
    "us-east1": ("US", "Moncks Corner"),
    "us-east4": ("US", "Ashburn"),
    "us-east5": ("US", "Columbus"),
    "us-south1": ("US", "Dallas"),
    "us-west1": ("US", "The Dalles"),
    "us-west2": ("US", "Los Angeles"),
    "us-west3": ("US", "Salt Lake City"),
    "us-west4": ("US", "Las Vegas"),
}
"""Country (ISO 3166-1 alpha-2) and city."""
