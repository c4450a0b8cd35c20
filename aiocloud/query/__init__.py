"""Which offer? Pure functions over models: filter, select, rank, explain.

`Query.of(ram="4G", outside="US")` says what is asked for, `select(offers, query)` answers with a `Selection`:
the offers that pass, cheapest first, and the first clause that rejected each of the others. It works on a list
from a file as well as on one from a cloud.

    places    countries, continents and unions, as users write them
    words     amounts, architectures and points, as users write them
    clauses   what an offer must pass, in order
    query     what is asked for
    select    one pass over any iterable
"""

from aiocloud.query.clauses import Clause, distance_km, hourly_in
from aiocloud.query.places import CONTINENTS, COUNTRIES, EUROPEAN_UNION, Country, countries
from aiocloud.query.query import Clauses, Query
from aiocloud.query.select import Ranked, Selection, select
from aiocloud.query.words import parse_disk, parse_ram

__all__ = [
    "CONTINENTS",
    "COUNTRIES",
    "EUROPEAN_UNION",
    "Clause",
    "Clauses",
    "Country",
    "Query",
    "Ranked",
    "Selection",
    "countries",
    "distance_km",
    "hourly_in",
    "parse_disk",
    "parse_ram",
    "select",
]
