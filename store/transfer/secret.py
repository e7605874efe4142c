"""Patterns of secrets in text. Pure.

There are two sorts. A *shape* is recognised by its form: keys with the prefix of an issuer, JSON Web Tokens, private keys,
passwords in URLs. A *named* secret is recognised by the preceding word: `password=...`, `"api_key": "..."`.

The shapes follow the published configuration of gitleaks (June 2025), but require fewer characters, so that secrets cut
off by a summary are found too. A new shape needs a kind, a pattern, and literals: every match
contains one of them.

Every pattern takes time linear in the length of the text: after a prefix comes a single run of characters, which matches
and is consumed, or fails within a few characters. In patterns of several parts, a look-behind limits each run to one try.
"""

import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from functools import lru_cache
from math import log2
from typing import NamedTuple

RUN = "[A-Za-z0-9_-]"
WORD = "[A-Za-z0-9]"
ALONE = f"(?<!{WORD})"


class Found(NamedTuple):
    """A secret in text[start:end]."""

    start: int
    end: int
    kind: str


class Shape(NamedTuple):
    """A secret recognised by its form. A group of the pattern, if any, is the secret."""

    kind: str
    hints: tuple[str, ...]
    """Literals. A text without any of them has no match."""
    pattern: re.Pattern[str]
    accepts: Callable[[str], bool] | None = None


def _shape(kind: str, hints: str, pattern: str, accepts: Callable[[str], bool] | None = None) -> Shape:
    return Shape(kind, tuple(hints.split()), re.compile(pattern), accepts)


def _has_digit(text: str) -> bool:
    return any(letter.isdigit() for letter in text)


def _is_basic(text: str) -> bool:
    """Whether this is Base64 of `user:password`."""
    try:
        return b":" in b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        return False


SHAPES = (
    _shape("private-key", "PRIVATE", r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
           r"(?:(?!-----END)[A-Za-z0-9+/=\s:,.()-])*+(?:-----END [A-Z0-9 ]{0,40}-----)?"),
    _shape("jwt", "eyJ", f"(?<!{RUN})eyJ{RUN}{{8,}}+\\.{RUN}{{8,}}+(?:\\.{RUN}*+)*+"),
    _shape("anthropic-key", "sk-ant-", f"sk-ant-{RUN}{{8,}}"),
    _shape("openai-key", "sk-", f"{ALONE}sk-{WORD}{RUN}{{15,}}", _has_digit),
    _shape("llm-key", "gsk_ xai- pplx- r8_ nvapi- tvly- lsv2_ jina_ pcsk_ fw_ csk-",
           f"{ALONE}(?:gsk_|xai-|pplx-|r8_|nvapi-|tvly-|lsv2_(?:pt|sk)_|jina_|pcsk_|fw_|csk-){RUN}{{16,}}", _has_digit),
    _shape("huggingface-token", "hf_ api_org_", f"{ALONE}(?:hf|api_org)_{WORD}{{20,}}"),
    _shape("google-key", "AIza ya29. GOCSPX- 1//0",
           f"AIza{RUN}{{24,}}|ya29\\.{RUN}{{16,}}|GOCSPX-{RUN}{{16,}}|{ALONE}1//0{RUN}{{24,}}"),
    _shape("aws-key", "AKIA ASIA ABIA ACCA A3T", f"{ALONE}(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{{12,}}", _has_digit),
    _shape("azure-key", "AccountKey= SharedAccessKey= Q~ sig=",
           r"(?:AccountKey|SharedAccessKey)=([A-Za-z0-9+/=%]{16,})|[?&]sig=([A-Za-z0-9%+/=]{16,})"
           r"|(?<![\w.~-])([\w.~]{3}\dQ~[\w.~-]{16,})"),
    _shape("github-token", "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_", f"(?:gh[pousr]_{WORD}{{16,}}|github_pat_{RUN}{{16,}})"),
    _shape("gitlab-token", "glpat- gldt- glft- glsoat- glrt- glcbt- glimt- glptt- glagent- gloas- glffct- GR1348941",
           f"gl(?:pat|dt|ft|soat|rt|cbt|imt|ptt|agent|oas|ffct)-[A-Za-z0-9_.-]{{16,}}|GR1348941{RUN}{{16,}}"),
    _shape("slack-token", "xox xapp-", f"xox[abeoprs](?:\\.xox[bp])?-{RUN}{{8,}}|xapp-{RUN}{{8,}}"),
    _shape("webhook", "/services/ /workflows/ /triggers/ /webhooks/ /webhookb2/",
           r"hooks\.slack\.com/(?:services|workflows|triggers)/([\w/+-]{16,})"
           r"|discord(?:app)?\.com/api/webhooks/(\d+/[\w-]{16,})|/webhookb2/([\w@/-]{16,})"),
    _shape("stripe-key", "k_live_ k_test_ k_prod_ whsec_", f"{ALONE}(?:[rs]k_(?:live|test|prod)_|whsec_){WORD}{{10,}}"),
    _shape("npm-token", "npm_", f"{ALONE}npm_{WORD}{{20,}}"),
    _shape("pypi-token", "pypi-AgE", f"pypi-AgE{RUN}{{16,}}"),
    _shape("sendgrid-key", "SG.", f"{ALONE}SG\\.{RUN}{{16,}}(?:\\.{RUN}*+)?"),
    _shape("twilio-key", "SK AC", f"{ALONE}(?:SK|AC)[0-9a-f]{{32}}(?!{WORD})"),
    _shape("telegram-token", ":A", f"(?<!\\d)\\d{{8,10}}:A{RUN}{{32,}}"),
    _shape("discord-token", "iscord ISCORD", f"(?<!{RUN})[MNO]{RUN}{{23,27}}+\\.{RUN}{{6}}\\.{RUN}{{27,}}"),
    _shape("vault-token", "hvs. hvb. hvr.", f"{ALONE}hv[sbr]\\.{RUN}{{16,}}"),
    _shape("age-key", "AGE-SECRET-KEY-1", "AGE-SECRET-KEY-1[A-Z0-9]{16,}"),
    _shape("service-token",
           "doo_v1_ dop_v1_ dor_v1_ shpat_ shpca_ shppa_ shpss_ dapi sq0atp- sq0csp- PMAK- ntn_ lin_api_ figd_ ATATT3"
           " sntrys_ sntryu_ rubygems_ dp.pt. glsa_ glc_ NRAK- sbp_ pscale_ dt0c01. xkeysib- pul- pnu_ ops_eyJ key-",
           f"{ALONE}(?:do[opr]_v1_|shp(?:at|ca|pa|ss)_|dapi|sq0(?:atp|csp)-|PMAK-|ntn_|lin_api_|figd_|ATATT3|sntry[su]_"
           f"|rubygems_|dp\\.pt\\.|glsa_|glc_|NRAK-|sbp_|pscale_(?:tkn|oauth|pw)_|dt0c01\\.|xkeysib-|pul-|pnu_|ops_(?=eyJ)"
           f"|key-(?=[0-9a-f]{{32}}))[A-Za-z0-9_.=+/-]{{20,}}", _has_digit),
    _shape("url-password", "://", r"""://[^\s/@:"'<>\\]*+:([^\s/"'<>\\]{1,512})@"""),
    _shape("url-token", "://", r"""://([A-Za-z0-9_.~-]{20,256})@""", _has_digit),
    _shape("basic-auth", "asic", r"(?i:\bbasic)[ \t]+([A-Za-z0-9+/]{8,}={0,2})", _is_basic),
    _shape("basic-auth", "curl", r"""(?:^|\s)(?:-u|--user)[ =]{1,4}["']?[^\s:"']{1,256}+:([^\s"']+)"""),
    _shape("bearer-token", "earer", r"(?i:\bbearer)[ \t]+([A-Za-z0-9._~+/=-]{8,})", _has_digit),
)  # fmt: skip
"""Secrets recognised by their form. On overlap the earlier shape wins."""

NAMES = ("passw", "passphrase", "passcode", "pwd", "secret", "key", "token", "credential", "cookie", "authorization",
         "connection")  # fmt: skip
"""Parts of the names of secrets, in lower case. A text without any of them has no named secret."""

_PASSWORD = "pass(?:word|wd|phrase|code)|pwd"
_CERTAIN = (
    f"{_PASSWORD}|secret|(?:api|access|secret|private|signing|encryption)[_ -]?key|credentials?|(?:set[_-]?)?cookies?"
    "|(?:proxy[_-]?)?authorization|connection[_-]?string|(?:access|auth|refresh|id|session|bearer|api|bot|security)[_-]?token"
)
_ASSIGNED = re.compile(
    f"(?P<name>{_CERTAIN}|token)(?P<rest>[a-z0-9_-]{{0,40}})[\"'`\\])]{{0,3}}"
    r"(?P<sign>\s{0,4}(?:=>|:=|==?|:|\bis\b:?)\s{0,4}|\s{1,4})(?:(?:bearer|basic|digest|token)\s{1,4})?"
    r"""(?:"(?P<double>[^"\n]{1,256})|'(?P<single>[^'\n]{1,256})|`(?P<back>[^`\n]{1,256})"""
    r"""|(?P<bare>[^\s"'`,;<>(){}\[\]|&]{1,256}))""",
    re.IGNORECASE,
)
_RESTS = {
    "double": re.compile(r'[^"\n]*'),
    "single": re.compile(r"[^'\n]*"),
    "back": re.compile(r"[^`\n]*"),
    "bare": re.compile(r"""[^\s"'`,;<>(){}\[\]|&]*"""),
}
"""The rest of a value beyond the 256 characters that _ASSIGNED matches."""
_SIGN = re.compile("[=:]")
_KEY = re.compile(f"(?:^|[_. -])(?:(?P<certain>{_CERTAIN})s?|token)$")
_HUMP = re.compile("(?<=[a-z0-9])(?=[A-Z])")

_UUID = re.compile("[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_PLACEHOLDER = re.compile(
    r"(?:[*.x•_-]+|\.{3}|\$\{?\w+\}?|\{+[^{}]*\}+|<[^<>]*>|%[\w()]+s?|\[redacted:[^\]]*\].*"
    r"|none|null|nil|true|false|undefined|string|str|int|bool|bytes|optional|required|hidden|masked|redacted|unknown|missing"
    r"|empty|invalid|incorrect|wrong|expired|here|your\S*|self\.\S*|os\.\S*|process\.env\S*|get\S*|settings\.\S*|config\S*"
    rf"|\S*(?:{_PASSWORD}|secret|api_?key|token)s?)[.:;,!?]*",
    re.IGNORECASE | re.DOTALL,
)
"""Values that stand for a secret without being one."""


def looks_random(text: str, length: int = 8) -> bool:
    """Whether this is probably a generated secret: no word, UUID, number, path or URL."""
    if len(text) < length or not _has_digit(text) or not any(letter.isalpha() for letter in text):
        return False
    if _UUID.fullmatch(text) or "://" in text or text.startswith(("/", "./", "~/")):
        return False
    sample = text[:256]
    parts = [sample.count(letter) / len(sample) for letter in set(sample)]
    return -sum(part * log2(part) for part in parts) >= 2.5


@lru_cache(maxsize=10_000)
def kind_of_key(key: str) -> tuple[str, bool] | None:
    """Kind of secret that this key names, and whether that is certain. None if it names no secret."""
    match = _KEY.search(_HUMP.sub("_", key).lower())
    return None if match is None else (_kind(match[0]), match["certain"] is not None)


def is_secret(value: str, certain: bool) -> bool:
    """Whether this value of a key that names a secret is one."""
    if not value.strip() or _PLACEHOLDER.fullmatch(value):
        return False
    return certain or looks_random(value, 16)


def find_shapes(text: str, shapes: tuple[Shape, ...]) -> Iterator[Found]:
    """The secrets in a text that are recognised by their form."""
    for shape in shapes:
        if not [hint for hint in shape.hints if hint in text]:  # faster than `any`, because few texts match
            continue
        for match in shape.pattern.finditer(text):
            group = match.lastindex or 0
            value = match[group]
            if (shape.accepts is None or shape.accepts(value)) and not _PLACEHOLDER.fullmatch(value):
                yield Found(*match.span(group), shape.kind)


def find_named(text: str) -> Iterator[Found]:
    """The secrets in a text that are recognised by the preceding word."""
    at = 0
    while match := _ASSIGNED.search(text, at):
        group = match.lastgroup or "bare"
        start, value = match.start(group), match[group]
        if value.count("=") + value.count(":") > 4:  # several assignments, not one value
            value = _SIGN.split(value, maxsplit=1)[0]
        if _is_assigned(text, match, value, group != "bare"):
            rest = _RESTS[group].match(text, match.end(group))
            at = match.end(group) if rest is None else rest.end()
            yield Found(start, at, _kind(match["name"].lower()))
        else:
            at = start


def _is_assigned(text: str, match: re.Match[str], value: str, quoted: bool) -> bool:
    if _PLACEHOLDER.fullmatch(value):
        return False
    name, sign = match["name"].lower(), match["sign"].strip().lower()
    value = value if quoted else value.rstrip(".:!?")
    if not sign:
        if text[max(match.start() - 2, 0) : match.start()] != "--":
            return looks_random(value, 16)
        sign = "="
    if re.fullmatch(_PASSWORD, name):
        return quoted or (_has_digit(value) if sign.startswith("is") else len(value) >= 4)
    if name == "token" or sign.startswith(("is", ":")) or (quoted and " " in value):
        return looks_random(value) or (name != "token" and _UUID.fullmatch(value) is not None)
    return len(value) >= 4


def _kind(name: str) -> str:
    name = name.strip("_. -")
    if "pass" in name or "pwd" in name:
        return "password"
    for kind in ("cookie", "authorization", "token", "credential", "secret"):
        if kind in name and not name.endswith("key"):
            return kind
    return "connection-string" if "connection" in name else "api-key"
