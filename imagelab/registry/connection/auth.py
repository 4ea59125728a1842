"""Authorization: what a registry's 401 asks for, and the header that answers it.

A registry says in `WWW-Authenticate` that it wants a password with each request (Basic), or a token (Bearer) that
another server, the realm, gives for certain scopes: `repository:alice/app:pull,push`. A token is asked for once for
each set of scopes, renewed when four fifths of its life are over, and once more when the registry refuses it.

Follows RFC 7235 (challenges), and distribution's docs/spec/auth/token and, for identity tokens, its oauth. Left out: to
ask for an identity token at a login.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from ...errors import Invalid, LabError
from ...oci.manifest import parse_json
from .credentials import Account
from .transport import Answer, Transport
from .trust import is_loopback
from .urls import origin

MOST_TOKEN = 1 << 20  # bytes in a token server's answer
LIFE = 60.0  # seconds that a token lives where its server does not say
_PARAMETER = re.compile(r'([a-zA-Z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))\s*,?\s*')
_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9-]*)(?:\s+|$)(?=[a-zA-Z0-9_-]+\s*=|$|[A-Z])")


class Denied(LabError):
    """The registry lets this user, or nobody without an account, do this: `words` are docker's."""

    def __init__(self, words: str, hint: str = "") -> None:
        super().__init__(f"{words}; {hint}" if hint else words)
        self.words = words


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a 401 asks for: a scheme in lower case, and its parameters."""

    scheme: str
    parameters: Mapping[str, str]


def challenges(header: str) -> list[Challenge]:
    """The challenges of a WWW-Authenticate header; what cannot be read of it is left out."""
    result: list[Challenge] = []
    at = 0
    while at < len(header):
        scheme = _SCHEME.match(header, at)
        if not scheme:
            break
        at = scheme.end()
        parameters = {}
        while (parameter := _PARAMETER.match(header, at)) is not None:
            value = parameter[2] if parameter[2] is not None else parameter[3]
            parameters[parameter[1].lower()] = re.sub(r"\\(.)", r"\1", value)
            at = parameter.end()
        result.append(Challenge(scheme[1].lower(), parameters))
    return result


@dataclass(slots=True)
class _Token:
    text: str = field(repr=False)
    renew_at: float


class Authorizer:
    """The Authorization headers for one registry; any number of threads may share it.

    `find_account` is asked once, and only where the registry wants to know who it is.
    """

    def __init__(self, transport: Transport, base: str, find_account: Callable[[], Account | None]) -> None:
        self._transport, self._base = transport, base
        self._find_account = find_account
        self._account: Account | None = None
        self._looked = False
        self._challenge: Challenge | None = None
        self._tokens: dict[frozenset[str], _Token] = {}
        self._guard = threading.RLock()

    @property
    def account(self) -> Account | None:
        """Who asks; None: anyone."""
        with self._guard:
            if not self._looked:
                self._account, self._looked = self._find_account(), True
            return self._account

    @property
    def scheme(self) -> str:
        """How the registry wants to be asked: "" (openly), basic or bearer."""
        return self._challenge.scheme if self._challenge else ""

    def challenged(self, header: str) -> bool:
        """Take note of a 401's header; returns whether it can be answered."""
        known = [one for one in challenges(header) if one.scheme in ("basic", "bearer")]
        if known:
            with self._guard:
                self._challenge = next((one for one in known if one.scheme == "bearer"), known[0])
        return bool(known)

    def header(self, scopes: Collection[str], *, renew: bool = False) -> str:
        """The header for a request that needs these scopes; "" where none is asked for, or nobody is logged in.

        Raises Denied where the token server refuses the account, and LabError where it cannot be asked.
        """
        with self._guard:
            if self._challenge is None:
                return ""
            if self._challenge.scheme == "basic":
                return self.account.basic if self.account else ""
            key = frozenset(scopes)
            token = self._tokens.get(key)
            if token is None or renew or time.monotonic() >= token.renew_at:
                token = self._tokens[key] = self._fetch(self._challenge, sorted(scopes))
            return f"Bearer {token.text}"

    def _fetch(self, challenge: Challenge, scopes: Collection[str]) -> _Token:
        realm = challenge.parameters.get("realm", "")
        self._check_realm(realm)
        answer = self._ask(realm, challenge.parameters.get("service", ""), scopes)
        if answer.status in (401, 403):
            answer.finish()
            raise Denied(f'Get "{self._base}/v2/": unauthorized: incorrect username or password', "log in again")
        if answer.status != 200:
            answer.finish()
            raise LabError(f"the token server {_place(realm)} answered {answer.status}")
        try:
            value = parse_json(answer.read(MOST_TOKEN), f"the answer of the token server {_place(realm)}")
        except Invalid:  # its text may hold the token
            raise LabError(f"the token server {_place(realm)} answered with something that is not JSON") from None
        text = value.get("token") or value.get("access_token")
        life = value.get("expires_in")
        if not isinstance(text, str) or not text.isascii() or any(character < "!" for character in text):
            raise LabError(f"the token server {_place(realm)} gave no token")
        seconds = float(life) if isinstance(life, int | float) and 0 < life < 1e9 else LIFE
        return _Token(text, time.monotonic() + 0.8 * seconds)

    def _ask(self, realm: str, service: str, scopes: Collection[str]) -> Answer:
        account, query = self.account, [("service", service)] if service else []
        if account and account.identity_token:
            query += [("grant_type", "refresh_token"), ("client_id", "imagelab"), ("scope", " ".join(scopes))]
            form = urlencode([*query, ("refresh_token", account.identity_token)]).encode()
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            return self._transport.request("POST", realm, headers=headers, body=form, home=self._base)
        query += [("scope", scope) for scope in scopes]
        if account:
            query.append(("account", account.user))
        url = realm + ("&" if urlsplit(realm).query else "?") + urlencode(query)
        return self._transport.request(
            "GET", url, authorization=account.basic if account else "", home=self._base
        )

    def _check_realm(self, realm: str) -> None:
        """A password is told to a realm over https, or over http beside a registry that speaks http itself."""
        scheme, host, _ = origin(realm) if realm else ("", "", 0)
        own_scheme, own_host, _ = origin(self._base)
        if scheme not in ("http", "https") or not host:
            raise LabError(f"the registry names the token server {realm[:80]!r}: expected a URL with http or https")
        beside = own_scheme == "http" and (host == own_host or (is_loopback(host) and is_loopback(own_host)))
        if scheme == "http" and not beside:
            raise LabError(
                f"the registry names the token server {_place(realm)}, which is not encrypted (http): "
                "no password is sent there"
            )


def _place(realm: str) -> str:
    parts = urlsplit(realm)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
