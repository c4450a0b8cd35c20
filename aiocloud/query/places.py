"""Countries, continents and unions, as users write them.

Codes are ISO 3166-1 alpha-2 (https://www.iso.org/iso-3166-country-codes.html): the 249 that are assigned, of
which South Sudan's, of August 2011, is the youngest. Continents follow the United Nations' M49
(https://unstats.un.org/unsd/methodology/m49/), in which Russia lies in Europe, Cyprus and Türkiye in Asia;
Central America and the Caribbean count as North America, Taiwan, which M49 leaves out, as Asia.
A territory with a code of its own is not part of its sovereign: Puerto Rico is PR, not US.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from typing import TYPE_CHECKING, Final, NamedTuple

from aiocloud.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable


class Country(NamedTuple):
    """A country's short English name, and the continent on which it is counted."""

    name: str
    continent: str


_BY_CONTINENT: Final = {
    "Africa": """
        AO Angola; BF Burkina Faso; BI Burundi; BJ Benin; BW Botswana; CD Democratic Republic of the Congo;
        CF Central African Republic; CG Republic of the Congo; CI Côte d'Ivoire; CM Cameroon;
        CV Cape Verde; DJ Djibouti; DZ Algeria; EG Egypt; EH Western Sahara; ER Eritrea; ET Ethiopia;
        GA Gabon; GH Ghana; GM Gambia; GN Guinea; GQ Equatorial Guinea; GW Guinea-Bissau;
        IO British Indian Ocean Territory; KE Kenya; KM Comoros; LR Liberia; LS Lesotho; LY Libya;
        MA Morocco; MG Madagascar; ML Mali; MR Mauritania; MU Mauritius; MW Malawi; MZ Mozambique;
        NA Namibia; NE Niger; NG Nigeria; RE Réunion; RW Rwanda; SC Seychelles; SD Sudan; SH Saint Helena;
        SL Sierra Leone; SN Senegal; SO Somalia; SS South Sudan; ST Sao Tome and Principe; SZ Eswatini;
        TD Chad; TF French Southern Territories; TG Togo; TN Tunisia; TZ Tanzania; UG Uganda; YT Mayotte;
        ZA South Africa; ZM Zambia; ZW Zimbabwe""",
    "Antarctica": """
        AQ Antarctica""",
    "Asia": """
        AE United Arab Emirates; AF Afghanistan; AM Armenia; AZ Azerbaijan; BD Bangladesh; BH Bahrain;
        BN Brunei; BT Bhutan; CN China; CY Cyprus; GE Georgia; HK Hong Kong; ID Indonesia; IL Israel;
        IN India; IQ Iraq; IR Iran; JO Jordan; JP Japan; KG Kyrgyzstan; KH Cambodia; KP North Korea;
        KR South Korea; KW Kuwait; KZ Kazakhstan; LA Laos; LB Lebanon; LK Sri Lanka; MM Myanmar;
        MN Mongolia; MO Macau; MV Maldives; MY Malaysia; NP Nepal; OM Oman; PH Philippines; PK Pakistan;
        PS Palestine; QA Qatar; SA Saudi Arabia; SG Singapore; SY Syria; TH Thailand; TJ Tajikistan;
        TL Timor-Leste; TM Turkmenistan; TR Türkiye; TW Taiwan; UZ Uzbekistan; VN Vietnam; YE Yemen""",
    "Europe": """
        AD Andorra; AL Albania; AT Austria; AX Åland Islands; BA Bosnia and Herzegovina; BE Belgium;
        BG Bulgaria; BY Belarus; CH Switzerland; CZ Czechia; DE Germany; DK Denmark; EE Estonia; ES Spain;
        FI Finland; FO Faroe Islands; FR France; GB United Kingdom; GG Guernsey; GI Gibraltar; GR Greece;
        HR Croatia; HU Hungary; IE Ireland; IM Isle of Man; IS Iceland; IT Italy; JE Jersey;
        LI Liechtenstein; LT Lithuania; LU Luxembourg; LV Latvia; MC Monaco; MD Moldova; ME Montenegro;
        MK North Macedonia; MT Malta; NL Netherlands; NO Norway; PL Poland; PT Portugal; RO Romania;
        RS Serbia; RU Russia; SE Sweden; SI Slovenia; SJ Svalbard and Jan Mayen; SK Slovakia;
        SM San Marino; UA Ukraine; VA Holy See""",
    "North America": """
        AG Antigua and Barbuda; AI Anguilla; AW Aruba; BB Barbados; BL Saint Barthélemy; BM Bermuda;
        BQ Caribbean Netherlands; BS Bahamas; BZ Belize; CA Canada; CR Costa Rica; CU Cuba; CW Curaçao;
        DM Dominica; DO Dominican Republic; GD Grenada; GL Greenland; GP Guadeloupe; GT Guatemala;
        HN Honduras; HT Haiti; JM Jamaica; KN Saint Kitts and Nevis; KY Cayman Islands; LC Saint Lucia;
        MF Saint Martin; MQ Martinique; MS Montserrat; MX Mexico; NI Nicaragua; PA Panama;
        PM Saint Pierre and Miquelon; PR Puerto Rico; SV El Salvador; SX Sint Maarten;
        TC Turks and Caicos Islands; TT Trinidad and Tobago; US United States;
        VC Saint Vincent and the Grenadines; VG British Virgin Islands; VI US Virgin Islands""",
    "Oceania": """
        AS American Samoa; AU Australia; CC Cocos Islands; CK Cook Islands; CX Christmas Island; FJ Fiji;
        FM Micronesia; GU Guam; HM Heard Island and McDonald Islands; KI Kiribati; MH Marshall Islands;
        MP Northern Mariana Islands; NC New Caledonia; NF Norfolk Island; NR Nauru; NU Niue;
        NZ New Zealand; PF French Polynesia; PG Papua New Guinea; PN Pitcairn; PW Palau;
        SB Solomon Islands; TK Tokelau; TO Tonga; TV Tuvalu; UM US Minor Outlying Islands; VU Vanuatu;
        WF Wallis and Futuna; WS Samoa""",
    "South America": """
        AR Argentina; BO Bolivia; BR Brazil; BV Bouvet Island; CL Chile; CO Colombia; EC Ecuador;
        FK Falkland Islands; GF French Guiana; GS South Georgia and the South Sandwich Islands; GY Guyana;
        PE Peru; PY Paraguay; SR Suriname; UY Uruguay; VE Venezuela""",
}

COUNTRIES: Final = {
    code: Country(name.strip(), continent)
    for continent, table in _BY_CONTINENT.items()
    for code, name in (entry.split(maxsplit=1) for entry in table.split(";"))
}

CONTINENTS: Final = {
    continent: frozenset(code for code, country in COUNTRIES.items() if country.continent == continent)
    for continent in _BY_CONTINENT
}

# The members since 2020-02-01 (https://european-union.europa.eu/principles-countries-history/eu-countries_en),
# and the three of the EFTA that share the economic area with them (https://www.efta.int/eea).
_UNION = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"
EUROPEAN_UNION: Final = frozenset(_UNION.split())
EUROPEAN_ECONOMIC_AREA: Final = EUROPEAN_UNION | {"IS", "LI", "NO"}

GROUPS: Final = CONTINENTS | {"EEA": EUROPEAN_ECONOMIC_AREA, "EU": EUROPEAN_UNION}

_ALIASES: Final = {
    "Britain": "GB",
    "Burma": "MM",
    "Cabo Verde": "CV",
    "Czech Republic": "CZ",
    "East Timor": "TL",
    "Great Britain": "GB",
    "Ivory Coast": "CI",
    "Macao": "MO",
    "Swaziland": "SZ",
    "Turkey": "TR",
    "UAE": "AE",
    "UK": "GB",
    "United States of America": "US",
    "USA": "US",
    "Vatican City": "VA",
    "Viet Nam": "VN",
}


def _plain(word: str) -> str:
    """The word without case, accents, punctuation and a leading "the"."""
    letters = unicodedata.normalize("NFKD", word.casefold().replace("&", " and "))
    kept = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return re.sub(r"[\W_]+", " ", kept).strip().removeprefix("the ")


_WORDS: Final = (
    {code: frozenset({code}) for code in COUNTRIES}
    | {country.name: frozenset({code}) for code, country in COUNTRIES.items()}
    | {alias: frozenset({code}) for alias, code in _ALIASES.items()}
    | GROUPS
    | {"European Union": EUROPEAN_UNION, "European Economic Area": EUROPEAN_ECONOMIC_AREA}
)
_SPELLINGS: Final = {_plain(word): word for word in _WORDS}


def countries(names: str | Iterable[str]) -> frozenset[str]:
    """The codes that `names` stand for: codes, names of countries and continents, "EU", "EEA".

    One text, several with commas between them, or any iterable of these. Two letters are always a code
    ("NA" is Namibia, "SA" Saudi Arabia), but for "EU", the Union's members, and "UK", which is GB.

    >>> sorted(countries("us, Canada"))
    ['CA', 'US']
    >>> countries("EU") - countries("Europe")
    frozenset({'CY'})
    """
    texts = (names,) if isinstance(names, str) else names
    words = [word.strip() for text in texts for word in text.split(",") if word.strip()]
    if unknown := [word for word in words if _plain(word) not in _SPELLINGS]:
        raise ConfigurationError("; ".join(_unknown(word) for word in unknown))
    return frozenset[str]().union(*(_WORDS[_SPELLINGS[_plain(word)]] for word in words))


def _unknown(word: str) -> str:
    near = [_SPELLINGS[spelling] for spelling in difflib.get_close_matches(_plain(word), _SPELLINGS)]
    hint = f"did you mean {' or '.join(near)}?" if near else 'try a code ("DE"), a name ("Germany") or "Europe"'
    return f"no country or continent is called {word!r}: {hint}"


def describe(codes: frozenset[str]) -> str:
    """A short text for a set of codes: whole groups by name, the rest by code.

    >>> describe(countries("EU, US"))
    'EU, US'
    """
    words = []
    for group, members in sorted(GROUPS.items(), key=lambda item: -len(item[1])):
        if len(members) > 1 and members <= codes:
            words.append(group)
            codes -= members
    return ", ".join(words + sorted(codes))
