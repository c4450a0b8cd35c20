"""What can be typed. Nothing but argparse is needed to read it."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from aiocloud import __version__

FORMATS = ("table", "json", "jsonl", "csv")
INVENTORY = "ansible"
POLICIES = ("known-hosts", "first-use", "planted", "console", "accept-any")
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
  aiocloud deploy web-2 --account prod --size g6-nanode-1 --image linode/debian12 --location eu-central \\
      --key ~/.ssh/id_ed25519 --script setup.sh --file site.conf:/etc/site.conf
  aiocloud run --account prod --name 'web-*' -- uptime

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
    typed, remote = _parted(_joined(argv))
    grammar = parser()
    arguments = grammar.parse_args(typed)
    if arguments.command == "run":
        arguments.words += remote
        if not arguments.words:
            grammar.error("run needs a command: aiocloud run … -- COMMAND")
    if arguments.format == INVENTORY and arguments.command != "nodes":
        grammar.error(f"argument --format: {INVENTORY!r} is a format of `aiocloud nodes` alone")
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


def _parted(argv: list[str]) -> tuple[list[str], list[str]]:
    """What is ours, and the command after `--` that `run` hands on as it is."""
    if "--" in argv and "run" in argv[: argv.index("--")]:
        return argv[: argv.index("--")], argv[argv.index("--") + 1 :]
    return argv, []


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
        _common(made, after=True, formats=(*FORMATS, INVENTORY) if name == "nodes" else FORMATS)
        return made

    _cheapest(command("cheapest", "cheapest", "the cheapest offers of all clouds that have what is asked for"))
    for name, about in LISTS.items():
        _listing(command(name, "listing", about))
    _create(command("create", "creating", "make a node"))
    _deploy(command("deploy", "deploying", "make nodes, wait until they run, and set them up by SSH"))
    _run(command("run", "running", "run a command on the nodes of all accounts, by SSH"))
    for name, about in VERBS.items():
        _verb(command(name, "nodes", about), name)
    command("providers", "providers", "the providers that have a driver, and what each can do")
    _prices(command("prices", "prices", "the price catalogues and how old they are"))
    _serving(command("sandbox", "serving", "serve simulated clouds on loopback until Ctrl-C"))
    return whole


def _common(to: Parser, *, after: bool, formats: Sequence[str] = (*FORMATS, INVENTORY)) -> None:
    """What every command takes. `after` the command, what is left out must not undo what stood before it."""
    unless: dict[str, Any] = {"default": argparse.SUPPRESS} if after else {}
    suffix = "_after" if after else ""
    group = to.add_argument_group("common options")
    add = group.add_argument
    add("--sandbox", action="store_true", help="ask simulated clouds in place of real ones", **unless)
    add("--retired", action="store_true", help="with simulated clouds: those that are no more, too", **unless)
    add("--account", action="append", metavar="NAME", dest=f"account{suffix}", help="only this account (repeatable)")
    add("--provider", action="append", metavar="ID", dest=f"provider{suffix}", help="only this provider (repeatable)")
    add("--format", choices=formats, help="how to write the answer", **(unless or {"default": "table"}))
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


def _new(to: Parser) -> None:
    """What a new node is made of."""
    add = to.add_argument
    add("--size", required=True, help="its id, as `aiocloud sizes` tells")
    add("--image", required=True, help="its id, as `aiocloud images` tells")
    add("--location", help="its id, as `aiocloud locations` tells")
    add("--tag", action="append", type=_pair, default=[], metavar="KEY=VALUE", help="a tag (repeatable)")
    add("--user-data", metavar="FILE", help="what the machine is told when it boots first")


def _create(to: Parser) -> None:
    add = to.add_argument
    add("name", metavar="NAME", help="the new node's name")
    _new(to)
    keys = to.add_mutually_exclusive_group()
    keys.add_argument("--key", metavar="NAME", help="sign in with this key pair, which the provider knows")
    keys.add_argument("--public-key", metavar="FILE", help="sign in with this public key")
    add("--wait", action="store_true", help="wait until it runs")
    add("--show-password", action="store_true", help="json, jsonl and csv: with the password that was made for it")
    _extra(to)


def _deploy(to: Parser) -> None:
    add = to.add_argument
    add("names", metavar="NAME", nargs="+", help="the new nodes' names")
    _new(to)
    steps = to.add_argument_group("steps", "Done in the order in which they are typed; each is repeatable.")
    step = steps.add_argument
    to.set_defaults(steps=())
    step("--script", action=_Step, metavar="FILE", help="run this script there")
    step("--run", action=_Step, metavar="LINE", help="run this line there, with sh")
    step("--file", action=_Step, type=_copy, metavar="FILE:TARGET", help="copy a file there")
    step("--authorize", action=_Step, metavar="FILE", help="let the holders of these public keys in, too")
    step("--cloud-init", action=_Step, metavar="FILE", help="user data; wait until cloud-init has done it")
    add("--sudo", action="store_true", help="do the steps as root, where another user signs in")
    add("--timeout", type=_seconds, default=600.0, metavar="SECONDS", help="for each node, all in all (default: 600)")
    add("--keep", action="store_true", help="keep a node that fails, in place of destroying it")
    add("--parallel", type=_count, default=20, metavar="N", help="how many at a time (default: 20)")
    add("--max-fail", type=_amount, metavar="N", help="begin no more when more than so many have failed")
    add("--show-password", action="store_true", help="json, jsonl and csv: with the password that was made for it")
    _signing(to, made=True)
    _extra(to)


def _run(to: Parser) -> None:
    add = to.add_argument
    add("words", metavar="COMMAND", nargs="*", help="after `--`: a line for the shell, or a program and its arguments")
    add("--name", action="append", metavar="GLOB", help="only nodes with such a name: 'web-*' (repeatable)")
    add("--tag", action="append", type=_pair, default=[], metavar="KEY=VALUE", help="only with this tag (repeatable)")
    add("--timeout", type=_seconds, metavar="SECONDS", help="for each node, all in all (default: none)")
    add("--parallel", type=_count, default=100, metavar="N", help="how many at a time (default: 100)")
    add("--max-fail", type=_amount, metavar="N", help="begin no more when more than so many have failed")
    _signing(to, made=False)


def _signing(to: Parser, *, made: bool) -> None:
    """How nodes are signed in to. They may be `made` by the same command."""
    usual = "one for this deployment alone" if made else "the agent's, and those in ~/.ssh"
    policy = "planted" if made else "known-hosts"
    add = to.add_argument_group("signing in", "In place of what the account's `ssh` says.").add_argument
    add("--key", action="append", metavar="FILE", help=f"a private key (repeatable; default: {usual})")
    add("--key-password-file", metavar="FILE", help="what the key is encrypted with stands there")
    add("--user", metavar="NAME", help="who signs in (default: whom the provider's images let in)")
    add("--port", type=_port, metavar="N", help="where the SSH server listens (default: 22)")
    add("--jump", metavar="USER@HOST:PORT", help="the way there; several with commas between")
    add("--private", action="store_true", help="use private addresses")
    trust = to.add_mutually_exclusive_group()
    trust.add_argument("--host-keys", choices=POLICIES, help=f"whom to trust (default: {policy})")
    trust.add_argument("--host-key", action="append", metavar="LINE", help="trust this public key alone (repeatable)")


class _Step(argparse.Action):
    """Keeps steps of all kinds in one list, in their order."""

    def __call__(self, parser: argparse.ArgumentParser, to: argparse.Namespace, value: Any, word: Any = None) -> None:
        """Add one, with the option that it was typed with."""
        to.steps = [*to.steps, (self.dest, value)]


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
        "--port",
        type=_port,
        default=0,
        metavar="N",
        help="ports from here on, one for each cloud and one for SSH (default: free ones)",
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


def _copy(text: str) -> tuple[str, str]:
    source, _, target = text.rpartition(":")
    if not source or not target:
        raise argparse.ArgumentTypeError(f"{text!r} does not say where to: write FILE:TARGET")
    return source, target


def _pair(text: str) -> tuple[str, str]:
    key, _, value = text.partition("=")
    if not key:
        raise argparse.ArgumentTypeError(f"{text!r} has no key: write KEY=VALUE")
    return key, value
