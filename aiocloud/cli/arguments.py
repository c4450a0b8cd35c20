"""What can be typed. Nothing but argparse is needed to read it."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from aiocloud import __version__

FORMATS = ("table", "json", "jsonl", "csv")
LISTS = {
    "nodes": "the nodes of all accounts",
    "images": "the images of all accounts",
    "sizes": "the sizes of all accounts, and of the providers that tell them to anybody",
    "locations": "the locations of all accounts, and of the providers that tell them to anybody",
}
VERBS = {
    "reboot": "restart a node's operating system",
    "start": "start a stopped node",
    "stop": "stop a node (it may go on costing money)",
    "destroy": "destroy a node and what was made with it",
}
EXAMPLES = """\
examples:
  aiocloud --sandbox cheapest --ram 4G --outside US     simulated clouds: no account, no cost
  aiocloud cheapest --ram 4G --inside EU --currency EUR --top 5
  aiocloud nodes --provider ec2 --format json
  aiocloud create web-1 --account prod --size g6-nanode-1 --image linode/debian12 --location eu-central --wait

Accounts are read from accounts.toml in the configuration folder (AIOCLOUD_CONFIG names another), and from the variables
and files that each provider's own tools use.
exit status: 0 fine, 1 an error, 2 usage, 3 answered but not by every cloud, 130 interrupted
"""


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, and where help is."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Leave with status 2."""
        self.exit(2, f"aiocloud: {message} (see {self.prog} --help)\n")


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The arguments. Raises SystemExit, after help or a line about what is wrong."""
    arguments = parser().parse_args(_joined(argv))
    for name in ("account", "provider"):  # may stand before the command and after it
        after = arguments.__dict__.pop(f"{name}_after", None)
        setattr(arguments, name, [*(getattr(arguments, name) or []), *(after or [])])
    return arguments


def _joined(argv: Sequence[str]) -> list[str]:
    """`--near -33.9,151.2` as one word, since argparse takes a point in the south for an option."""
    words: list[str] = []
    for word in argv:
        if words and words[-1] == "--near" and re.match(r"-[\d.]", word):
            words[-1] += f"={word}"
        else:
            words.append(word)
    return words


def parser() -> Parser:
    """The whole grammar."""
    whole = Parser(
        prog="aiocloud",
        description="One vocabulary for every cloud.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _common(whole, after=False)
    commands = whole.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, module: str, about: str) -> Parser:
        made = commands.add_parser(name, help=about, description=about[:1].upper() + about[1:] + ".")
        made.set_defaults(command=name, module=module)
        _common(made, after=True)
        return made

    _cheapest(command("cheapest", "cheapest", "the cheapest offers of all clouds that have what is asked for"))
    for name, about in LISTS.items():
        _listing(command(name, "listing", about))
    _create(command("create", "nodes", "make a node"))
    for name, about in VERBS.items():
        _verb(command(name, "nodes", about), name)
    command("providers", "providers", "the providers that have a driver, and what each can do")
    _prices(command("prices", "prices", "the price catalogues and how old they are"))
    _serving(command("sandbox", "serving", "serve simulated clouds on loopback until Ctrl-C"))
    return whole


def _common(to: Parser, *, after: bool) -> None:
    """What every command takes. `after` the command, what is left out must not undo what stood before it."""
    unless: dict[str, Any] = {"default": argparse.SUPPRESS} if after else {}
    suffix = "_after" if after else ""
    group = to.add_argument_group("common options")
    add = group.add_argument
    add("--sandbox", action="store_true", help="ask simulated clouds in place of real ones", **unless)
    add("--account", action="append", metavar="NAME", dest=f"account{suffix}", help="only this account (repeatable)")
    add("--provider", action="append", metavar="ID", dest=f"provider{suffix}", help="only this provider (repeatable)")
    add("--format", choices=FORMATS, help="how to write the answer", **(unless or {"default": "table"}))
    add("--deadline", type=_seconds, metavar="SECONDS", help="how long each account may take to answer", **unless)
    add("--debug", action="store_true", help="write each request and its answer to stderr, without secrets", **unless)
    add("--version", action="version", version=f"aiocloud {__version__}")


def _cheapest(to: Parser) -> None:
    add = to.add_argument
    add("--ram", metavar="4G", help="at least this much memory")
    add("--vcpus", type=_count, metavar="N", help="at least so many")
    add("--disk", metavar="40G", help="at least this much disk")
    add("--arch", metavar="ARCH", help="x86_64 or arm64")
    add(
        "--outside", action="append", metavar="WHERE", help='not there: a country or continent, "EU", or several: US,CA'
    )
    add("--inside", action="append", metavar="WHERE", help="only there")
    add("--near", metavar="LAT,LON", help="with --within-km: only around this point, in degrees")
    add("--within-km", type=float, metavar="KM", help="how far from it")
    add("--max-price", metavar="AMOUNT", help="the most that an hour may cost, in the currency asked for")
    add("--currency", default="USD", metavar="CODE", help="compare in this currency (default: USD)")
    add("--top", type=_count, default=10, metavar="N", help="how many to show (default: 10)")
    add("--unknown-country", action="store_true", help="take places of which nobody says in which country they are")
    add("--unavailable", action="store_true", help="take what is sold out")
    add("--explain", action="store_true", help="tell what was rejected, and by which clause")
    _extra(to)


def _listing(to: Parser) -> None:
    _extra(to)


def _extra(to: Parser) -> None:
    to.add_argument("--extra", action="store_true", help="json and jsonl: with the provider's own payload")


def _create(to: Parser) -> None:
    add = to.add_argument
    add("name", metavar="NAME", help="the new node's name")
    add("--size", required=True, help="its id, as `aiocloud sizes` tells")
    add("--image", required=True, help="its id, as `aiocloud images` tells")
    add("--location", help="its id, as `aiocloud locations` tells")
    add("--tag", action="append", type=_pair, default=[], metavar="KEY=VALUE", help="a tag (repeatable)")
    add("--user-data", metavar="FILE", help="what the machine is told when it boots first")
    keys = to.add_mutually_exclusive_group()
    keys.add_argument("--key", metavar="NAME", help="sign in with this key pair, which the provider knows")
    keys.add_argument("--public-key", metavar="FILE", help="sign in with this public key")
    add("--wait", action="store_true", help="wait until it runs")
    add("--show-password", action="store_true", help="json, jsonl and csv: with the password that was made for it")
    _extra(to)


def _verb(to: Parser, name: str) -> None:
    to.add_argument("node", metavar="NODE", help="its id, or its name if no other node has it")
    if name == "destroy":
        to.add_argument("--yes", action="store_true", help="do not ask")


def _prices(to: Parser) -> None:
    add = to.add_argument
    add("--refresh", choices=("ec2",), help="fetch newer prices of this provider first: hundreds of MB for each region")
    add("--region", action="append", metavar="ID", help="with --refresh: only this region (repeatable; default: all)")
    add("--endpoint", metavar="URL", help="with --refresh: a mirror in place of the provider's own host")


def _serving(to: Parser) -> None:
    add = to.add_argument
    add(
        "--port", type=_port, default=0, metavar="N", help="ports from here on, one for each cloud (default: free ones)"
    )
    add("--latency", type=_delay, default=0.0, metavar="S", help="seconds that every answer takes (default: 0)")
    add("--nodes", type=_amount, default=2, metavar="N", help="nodes that each cloud has (default: 2)")


# ---- values ----


def _number(text: str, convert: Callable[[str], Any], fits: Callable[[Any], bool], what: str) -> Any:
    try:
        number = convert(text)
    except ValueError:
        number = None
    if number is None or not fits(number):
        raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
    return number


def _seconds(text: str) -> Any:
    return _number(text, float, lambda number: 0 < number < float("inf"), "a number of seconds above 0")


def _delay(text: str) -> Any:
    return _number(text, float, lambda number: 0 <= number < float("inf"), "a number of seconds")


def _count(text: str) -> Any:
    return _number(text, int, lambda number: number > 0, "a whole number above 0")


def _amount(text: str) -> Any:
    return _number(text, int, lambda number: number >= 0, "a whole number")


def _port(text: str) -> Any:
    return _number(text, int, lambda number: 0 <= number < 65536, "a port (0 to 65535)")


def _pair(text: str) -> tuple[str, str]:
    key, _, value = text.partition("=")
    if not key:
        raise argparse.ArgumentTypeError(f"{text!r} has no key: write KEY=VALUE")
    return key, value
