"""Credentials: who a user is to each registry, kept in docker's config.json or with a credential helper.

For a host, docker asks the helper that `credHelpers` names for it, then the one in `credsStore`, then `auths`.
Passwords in `auths` are only encoded (base64), not encrypted. A new file can be read by its owner alone, and keys that
are not ours stay as they are.

Follows docker/cli (cli/config/configfile, credentials) and docker-credential-helpers' protocol.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import Invalid, LabError
from ...host.atomic import replacing
from ...host.locks import flock
from ...oci.manifest import Json, parse_json

HUB_KEY = "https://index.docker.io/v1/"  # Docker Hub's name in config.json
HUB_HOSTS = ("docker.io", "index.docker.io", "registry-1.docker.io")
NOT_STORED = "credentials not found in native keychain"  # what every helper prints for a host it does not know
TOKEN_USER = "<token>"  # under which a helper keeps an identity token
HELPER_TIME = 10.0  # seconds that a helper may take
_HELPER_NAME = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Account:
    """A user name and password, or an identity token, which a token server takes instead; neither is ever shown."""

    user: str
    password: str = field(repr=False)
    identity_token: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        """The Authorization header of HTTP's Basic scheme (RFC 7617); "" for an identity token."""
        if self.identity_token:
            return ""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


class Credentials:
    """The accounts of one config.json, which need not exist yet; it is read anew for each question."""

    def __init__(self, file: str | os.PathLike[str]) -> None:
        self.file = Path(file)

    @classmethod
    def of_docker(cls) -> Credentials:
        """Docker's own: $DOCKER_CONFIG/config.json, or ~/.docker/config.json."""
        folder = os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker"
        return cls(Path(folder) / "config.json")

    def __repr__(self) -> str:
        return f"<Credentials in {self.file}>"

    def find(self, host: str) -> Account | None:
        """The account for a host, or None. Raises Invalid for a damaged file, and LabError for a helper that fails."""
        config, key = self._read(), key_of(host)
        if helper := self._helper(config, key):
            return _ask(helper, key)
        entry = self._entry(config, key)
        if entry is None:
            return None
        if token := entry.get("identitytoken"):
            return Account("", "", str(token))
        user, password = entry.get("username"), entry.get("password")
        if entry.get("auth"):
            try:
                user, colon, password = base64.b64decode(str(entry["auth"]), validate=True).decode().partition(":")
                password = password.rstrip("\0")
            except (binascii.Error, ValueError):
                colon = ""
            if not colon:
                raise Invalid(f"{self.file}: the entry of {host} is not base64 of user:password: log in again")
        return Account(str(user), str(password)) if user else None

    def stored_in(self, host: str) -> str:
        """The name of the helper that keeps a host's password; "" where the file itself does."""
        return self._helper(self._read(), key_of(host))

    def store(self, host: str, account: Account) -> None:
        """Keep an account; raises as `find`, and OSError as the disk does."""
        key = key_of(host)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with flock(self.file.parent):
            config = self._read()
            helper = self._helper(config, key)
            auths = dict(config.get("auths") or {})
            if helper:
                user, secret = account.user, account.password
                if account.identity_token:
                    user, secret = TOKEN_USER, account.identity_token
                _run(helper, "store", json.dumps({"ServerURL": key, "Username": user, "Secret": secret}))
                auths[key] = {}
            elif account.identity_token:
                auths[key] = {**auths.get(key, {}), "identitytoken": account.identity_token}
            else:
                auths[key] = {"auth": account.basic.removeprefix("Basic ")}
            self._write({**config, "auths": auths})

    def erase(self, host: str) -> bool:
        """Forget the account of a host; returns whether there was one."""
        key = key_of(host)
        if not self.file.exists():
            return False
        with flock(self.file.parent):
            config = self._read()
            if helper := self._helper(config, key):
                for name in dict.fromkeys((key, host, f"http://{host}", f"https://{host}")):
                    _run(helper, "erase", name, missing_is_fine=True)
            names = [name for name in config.get("auths") or {} if _bare(name) == _bare(key)]
            if names:
                self._write({**config, "auths": {k: v for k, v in config["auths"].items() if k not in names}})
            return bool(names)

    def _read(self) -> Json:
        try:
            data = self.file.read_bytes()
        except FileNotFoundError:
            return {}
        config = parse_json(data, str(self.file)) if data.strip() else {}
        for name in ("auths", "credHelpers"):
            if not isinstance(config.get(name), dict | None):
                raise Invalid(f"{self.file}: {name!r} must be an object")
        return config

    def _write(self, config: Json) -> None:
        with replacing(self.file.resolve(), mode=0o600) as out:  # a link to it stays a link
            out.write(json.dumps(config, indent="\t", ensure_ascii=False).encode())

    def _helper(self, config: Json, key: str) -> str:
        helpers = config.get("credHelpers") or {}
        named = next((helper for host, helper in helpers.items() if _bare(host) == _bare(key)), None)
        helper = named if named is not None else config.get("credsStore") or ""
        if helper and not (isinstance(helper, str) and _HELPER_NAME.fullmatch(helper)):
            why = "expected letters, digits, '.', '_' and '-'"
            raise Invalid(f"{self.file} names the credential helper {str(helper)[:40]!r}: {why}")
        return str(helper)

    @staticmethod
    def _entry(config: Json, key: str) -> Json | None:
        auths = config.get("auths") or {}
        entry = auths.get(key) or next((auths[name] for name in auths if _bare(name) == _bare(key)), None)
        return entry if isinstance(entry, dict) and entry else None


def key_of(host: str) -> str:
    """A host's name in config.json: itself, but for Docker Hub."""
    return HUB_KEY if host in HUB_HOSTS or host == HUB_KEY else host


def _bare(name: str) -> str:
    """A key without scheme and path, as docker compares them."""
    return name.removeprefix("https://").removeprefix("http://").partition("/")[0]


def _ask(helper: str, key: str) -> Account | None:
    answer = _run(helper, "get", key, missing_is_fine=True)
    if answer is None:
        return None
    try:
        value = parse_json(answer, f"the answer of docker-credential-{helper}")
    except Invalid:  # its text may hold the password
        raise LabError(f"docker-credential-{helper} get answered with something that is not JSON") from None
    user, secret = str(value.get("Username") or ""), str(value.get("Secret") or "")
    if user == TOKEN_USER:
        return Account("", "", secret)
    return Account(user, secret) if user else None


def _run(helper: str, action: str, text: str, *, missing_is_fine: bool = False) -> bytes | None:
    """Run a credential helper; None where it does not know the host. Raises LabError where it fails or is not there."""
    program = f"docker-credential-{helper}"
    try:
        done = subprocess.run(
            [program, action], input=text.encode(), capture_output=True, timeout=HELPER_TIME, check=False
        )
    except FileNotFoundError:
        raise LabError(
            f"config.json names the credential helper {helper!r}, but there is no program {program} in $PATH: "
            "install it, or take credsStore and credHelpers out"
        ) from None
    except subprocess.TimeoutExpired:
        why = f"did not end within {HELPER_TIME:.0f} s: is it waiting to be unlocked?"
        raise LabError(f"{program} {action} {why}") from None
    except OSError as error:
        raise LabError(f"{program} cannot be run: {str(error.strerror).lower()}") from None
    if done.returncode == 0:
        return done.stdout
    if missing_is_fine and NOT_STORED.encode() in done.stdout:
        return None
    words = (done.stdout or done.stderr).decode("utf-8", "replace").strip().partition("\n")[0][:200]
    raise LabError(f"{program} {action} failed: {words or f'exit code {done.returncode}'}")
