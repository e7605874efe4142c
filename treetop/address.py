"""Redis addresses: parsing an address, and masking its passwords.

    redis://[user:password@]host:port/db                               rediss:// over TLS
    unix://[user:password@]/path?db=0
    redis+sentinel://[user:password@]host:port[,host:port...]/service[/db]    rediss+sentinel:// over TLS
    redis+cluster://[user:password@]host:port[,host:port...]           rediss+cluster:// over TLS

Every address or message that treetop prints, logs, shows or stores passes through `mask`. If an address is ambiguous,
everything is masked that is part of the password in one of its readings.
"""

import os
import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import parse_qs, quote, unquote, unquote_plus, urlencode, urlsplit

HIDDEN = "***"

SHOWN = re.compile(
    "db|protocol|(?:sentinel_)?username|client_name|timeout|socket_(?:timeout|connect_timeout|keepalive)|health_check_interval"
    "|max_connections|retry_on_timeout|ssl_(?:cert_reqs|check_hostname|min_version|ca_certs|ca_path|certfile|keyfile)"
)
"""Query parameters whose values are shown. All others are masked: a misspelt `pasword` contains a password."""

_MAY_HOLD_AT = frozenset(("password", "username", "ssl_password", "client_name", "sentinel_username", "sentinel_password"))
"""Query parameters whose value may contain an `@`. Any other `@` ends the user and password."""

_WORD_CHARACTERS, _SECRET_CHARACTERS_MIN = 6, 3
"""Length below which a secret is masked only where it is a whole word, and length below which it is not masked: masking
would make the text unreadable."""

_URL = re.compile(
    r"\b([a-z][a-z0-9+.-]*://|(?:rediss?(?:\+[a-z]+)?|unix):/)"  # pathlib turns two slashes into one
    r"([^\s:/?#@]*:(?!\s|\*{3}|\d+(?!\w))[^\n@]*@\S*|\S+)",  # a password may contain blanks, a port may not
    re.IGNORECASE,
)
_HOST = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(?::\d{0,5})?")
_HOSTS = re.compile(r"(?:\[[^\]]*\]|[^:\[\],]+):\d{1,5}(?:,(?:\[[^\]]*\]|[^:\[\],]+):\d{1,5})*|(?:\[[^\]]*\]|[^:\[\],]+)")
"""Hosts of a Sentinel or Cluster. Several need ports: otherwise a word after a comma may be part of a password."""

_PARTS = re.compile(r"(?P<host>[^/?#]*)(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?:#(?P<fragment>.*))?", re.DOTALL)
_AFTER = re.compile(r"[:,.;)'\"]?")
"""Punctuation that may follow an address in a sentence."""


class AddressError(ValueError):
    """The text is not a Redis address."""


class Address(NamedTuple):
    """An address without user and password, and both decoded."""

    location: str
    username: str | None
    password: str | None


def parse(url: str) -> Address:
    """Split an address. User and password may contain any character, including `/`, `?`, `#` and `@`.

    Raises ValueError if it is ambiguous whether an `@` belongs to the password, and for a port that is not a number, as
    that may be a password.
    """
    scheme, sign, rest = url.partition("://")
    user, location = _split(scheme, rest)
    host = re.split("[/?#]", location, maxsplit=1)[0]
    if _end_of_host(scheme, host) != len(host):
        raise ValueError("its port is not a number; after a password, there must be an @ and the host")
    if user is None or not sign:
        return Address(url, None, None)
    if _is_ambiguous(scheme, user):
        raise ValueError("it can be read in two ways; in a password, write %2F for /, %3F for ?, %23 for # and %40 for @")
    name, _, password = user.partition(":")
    return Address(f"{scheme}://{location}", unquote(name) or None, unquote(password) or None)


def public(url: str) -> str:
    """An address with masked passwords. The scheme may be missing: `:password@host`."""
    scheme, sign, rest = url.partition("://")
    return scheme + sign + _masked(scheme, rest) if sign else _masked("", mask(url))


STREAM_CHARACTERS_MAX = 150
"""Characters to which the description of a stream is cut."""


def stream_at(stream: str, place: str) -> str:
    """Description of a stream, in one line: `agent_events at localhost:6379/0`."""
    return " ".join((f"{stream} at {place}" if place else stream).split())[:STREAM_CHARACTERS_MAX]


def location(url: str) -> str:
    """Host, port and number of the database of an address, without credentials and options. Empty for an invalid address.

    Different spellings of an address give the same location; names are not resolved. Of a Sentinel or Cluster, all hosts of
    the address, and the service.
    """
    try:
        address = parse(url).location
        if (servers := servers_of(address)) is not None:
            hosts = ",".join(sorted(f"{_canonical(host)}:{port}" for host, port in servers.hosts))
            return f"{hosts}/{servers.service}/{_database(servers.url)}" if servers.service else f"{hosts}/0"
        parts = urlsplit(address)
        if parts.scheme == "unix":
            database = int(parse_qs(parts.query).get("db", ["0"])[0])
            return f"{os.path.abspath(unquote(parts.path))}/{database}"
        return f"{_canonical(parts.hostname or 'localhost')}:{parts.port or 6379}/{_database(address)}"
    except ValueError:
        return ""


def _canonical(host: str) -> str:
    host = host.lower().removesuffix(".")
    return "localhost" if host in ("127.0.0.1", "::1") else host


def _database(url: str) -> int:
    """Number of the database in an address."""
    parts = urlsplit(url)
    options = parse_qs(parts.query)
    database = options["db"][0] if "db" in options else parts.path.replace("/", "")
    return int(database) if database.isdecimal() else 0


class Servers(NamedTuple):
    """The servers of a Sentinel or Cluster address."""

    hosts: list[tuple[str, int]]
    service: str
    """Name under which the Sentinels know the primary; empty for a Cluster."""
    url: str
    """Address of one server with the same database and options."""
    username: str | None
    password: str | None
    """Credentials for the Sentinels."""


def servers_of(address: str) -> Servers | None:
    """The servers of an address without user and password; None if it is the address of one server. Raises ValueError."""
    scheme, _, rest = address.partition("://")
    plain, plus, kind = scheme.partition("+")
    if not plus:
        return None
    if plain not in ("redis", "rediss") or kind not in ("sentinel", "cluster"):
        raise ValueError("its scheme is unknown; known are redis+sentinel and redis+cluster, and rediss+... over TLS")
    place, _, query = rest.partition("?")
    names, _, path = place.partition("/")
    port = 26379 if kind == "sentinel" else 6379
    parts = [urlsplit(f"//{name}") for name in names.split(",")]
    hosts = [(part.hostname or "localhost", part.port or port) for part in parts]
    service, _, database = path.partition("/") if kind == "sentinel" else ("", "", path)
    if kind == "sentinel" and not service:
        raise ValueError("its service is missing; give it after the hosts, like redis+sentinel://host:26379/mymaster")
    options = parse_qs(query)
    username, password = (options.pop(f"sentinel_{name}", [None])[0] for name in ("username", "password"))
    url = f"{plain}://{names.split(',')[0]}/{database}?{urlencode(options, doseq=True)}"
    return Servers(hosts, unquote(service), url.rstrip("?"), username, password)


def mask(text: str, url: str = "") -> str:
    """Mask the passwords of all addresses in a text.

    `url`: the address that a message is about. Its passwords are masked wherever they occur, in any spelling, as messages
    of libraries and servers quote parts of it.
    """
    if url:
        for spelling in {url, repr(url)[1:-1]}:
            text = text.replace(spelling, public(url))
        for secret in sorted(set(_secrets(url)), key=len, reverse=True):
            edge = r"(?<!\w)", r"(?!\w)"
            start, end = edge if len(secret) < _WORD_CHARACTERS else ("", "")
            text = re.sub(start + re.escape(secret) + end, HIDDEN, text)
    return _URL.sub(lambda found: found[1] + _masked(found[1].partition(":")[0], found[2]), text)


def _split(scheme: str, rest: str) -> tuple[str | None, str]:
    """Split the part of an address after `://` into user and password, None if there are none, and the rest."""
    if scheme.lower() == "unix":
        at = -1 if rest.startswith("/") else rest.rfind("@/")
    else:
        at = rest.rfind("@")
        while at >= 0 and _is_in_value(rest, at):
            at = rest.rfind("@", 0, at)
    return (None, rest) if at < 0 else (rest[:at], rest[at + 1 :])


def _is_in_value(rest: str, at: int) -> bool:
    """Whether the `@` at this index belongs to the value of a query parameter."""
    start = max(rest.rfind("?", 0, at), rest.rfind("&", 0, at)) + 1
    name, sign, _ = rest[start:at].partition("=")
    return bool(start and sign and unquote(name) in _MAY_HOLD_AT)


def _host(scheme: str) -> re.Pattern[str]:
    """Pattern of the host and port of an address of this scheme, or of its hosts."""
    return _HOSTS if "+" in scheme else _HOST


def _end_of_host(scheme: str, text: str) -> int:
    """Index after the host and port with which a text begins, or the hosts; -1 if there are none.

    A colon alone is no host: a password without a host and with a slash follows it.
    """
    found = None if text == ":" else _host(scheme).match(text)
    return -1 if found is None else found.end()


def _is_ambiguous(scheme: str, user: str) -> bool:
    """Whether this text can be read as a host with a path or a query, instead of user and password."""
    host = re.split("[/?#]", user, maxsplit=1)[0]
    return 0 < len(host) < len(user) and _host(scheme).fullmatch(host) is not None


def _masked(scheme: str, rest: str) -> str:
    user, location = _split(scheme, rest)
    if user is not None and _is_ambiguous(scheme, user):
        return HIDDEN
    name, colon, _ = (user or "").partition(":")
    shown = "" if user is None else f"{name}:{HIDDEN}@" if colon and not re.search("[/?#]", name) else f"{HIDDEN}@"
    parts = _PARTS.fullmatch(location)
    assert parts is not None
    end = _end_of_host(scheme, parts["host"])
    after = parts["host"][end:]
    if end < 0 or (after and (parts["host"] != location or not _AFTER.fullmatch(after))):  # a password without a host
        return f"{shown}{parts['host'].partition(':')[0]}:{HIDDEN}"
    shown += parts["host"] + parts["path"]
    if parts["query"] is not None:
        shown += "?" + "&".join(map(_masked_parameter, parts["query"].split("&")))
    return shown if parts["fragment"] is None else f"{shown}#{HIDDEN}"


def _masked_parameter(parameter: str) -> str:
    name, sign, value = parameter.partition("=")
    if not re.fullmatch("[a-z_]+", name) or not sign:
        return HIDDEN if parameter else ""
    return parameter if SHOWN.fullmatch(name) and not re.search("[@?=;]", value) else f"{name}={HIDDEN}"


def _secrets(url: str) -> Iterator[str]:
    """Secret parts of an address, in all spellings in which a message may quote them."""
    scheme, sign, rest = url.partition("://")
    user, location = _split(scheme, rest) if sign else _split("", url)
    name, colon, password = (user or "").partition(":")
    found = [user or "", password if colon else name]
    parts = _PARTS.fullmatch(location)
    assert parts is not None
    if _end_of_host(scheme, parts["host"]) < len(parts["host"]):
        found += re.split("[:/?#]", location)[1:]
    for parameter in (parts["query"] or "").split("&"):
        if _masked_parameter(parameter) != parameter:
            name, _, value = parameter.partition("=")
            found += [value] if re.fullmatch("[a-z_]+", name) and value else [name, value]
    found.append(parts["fragment"] or "")
    for secret in found:
        plain = {secret, unquote(secret), unquote_plus(secret), unquote(unquote(secret))}
        for spelling in plain | {quote(text, errors="replace") for text in plain} | {repr(text)[1:-1] for text in plain}:
            if len(spelling) >= _SECRET_CHARACTERS_MIN and spelling != HIDDEN:
                yield spelling
