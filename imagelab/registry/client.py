"""Client: the questions of the distribution-spec, asked of one registry.

Implements the distribution-spec v1.1: pulling manifests and blobs (ranges too), pushing them in one request or as a
stream, mounting, and listing tags. A registry's errors become one sentence in its own words, whatever they are written
in. Without an Accept header old registries convert a manifest, so all four types are always asked for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NoReturn
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from ..errors import Invalid, LabError, NotFound
from ..oci.digest import Digest
from ..oci.manifest import DOCKER_INDEX, DOCKER_MANIFEST, INDEX, MANIFEST, parse_json
from ..oci.reference import HUB, Reference
from .connection.auth import Authorizer, Denied
from .connection.credentials import Account, Credentials
from .connection.failure import Unreachable
from .connection.transport import Answer, Body, Limits, Transport
from .connection.trust import Trust
from .connection.urls import redirected
from .protocol import MOST_MANIFEST, RegistryError
from .refusal import errors_in, words_of

_TYPES = (MANIFEST, INDEX, DOCKER_MANIFEST, DOCKER_INDEX)
ACCEPT = ", ".join(_TYPES)
HUB_REGISTRY = "registry-1.docker.io"
MOST_PAGES = 1000  # of a list of tags
MOST_LIST = 16 << 20  # bytes in one page


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest or index as a registry sent it: its exact bytes, the type they came as, and their digest."""

    data: bytes
    media_type: str
    digest: Digest


@dataclass(frozen=True, slots=True)
class Access:
    """How registries are reached: the accounts, certificates (a PEM file) to believe, and hosts that may speak http.

    `hosts` maps names to addresses, as /etc/hosts does.
    """

    credentials: Credentials | None = None
    ca: str | os.PathLike[str] | None = None
    insecure: Collection[str] = ()
    limits: Limits = field(default_factory=Limits)
    hosts: Mapping[str, str] = field(default_factory=dict)


def scope(repository: str, actions: str) -> str:
    """A scope of the token protocol: `repository:alice/app:pull,push`."""
    return f"repository:{repository}:{actions}"


class Client:
    """One registry (`domain` of a Reference); a context manager, whose connections end with it.

    With an `account`, that one is used instead of the stored one.
    """

    def __init__(self, domain: str, access: Access, account: Account | None = None) -> None:
        self.domain = domain
        self.host = HUB_REGISTRY if domain == HUB else access.hosts.get(domain, domain)
        self.transport = Transport(Trust(self.host, ca=access.ca, insecure=access.insecure), access.limits)
        self._find_account = (lambda: account) if account else lambda: self._stored(access.credentials)
        self.base = ""
        self.auth = Authorizer(self.transport, "", self._find_account)

    def _stored(self, credentials: Credentials | None) -> Account | None:
        return credentials.find(self.domain) if credentials else None

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.transport.close()

    # Is it a registry? --------------------------------------------------------------------------------------------

    def connect(self) -> None:
        """Find out whether the host speaks https or http, and whether it wants to know who asks: `GET /v2/`.

        Raises Unreachable, and LabError where something else than a registry answers.
        """
        if self.base:
            return
        failure: Unreachable | None = None
        for scheme in self.transport.trust.schemes:
            base = f"{scheme}://{self.host}"
            try:
                answer = self.transport.request("GET", f"{base}/v2/", retry=scheme == self.transport.trust.schemes[-1])
            except Unreachable as error:
                if failure is None or "x509" in error.words:  # the first says most, but for a certificate
                    failure = error
                if "connection refused" in error.words:
                    break
                continue
            text = answer.beginning()
            if scheme == "http" and answer.status == 400 and b"HTTPS" in text:
                self.transport.lines.pop()
                continue
            self._greet(base, answer, text)
            return
        assert failure is not None
        raise failure

    def _greet(self, base: str, answer: Answer, text: bytes) -> None:
        self.base = base
        self.auth = Authorizer(self.transport, base, self._find_account)
        if answer.status == 401:
            if not self.auth.challenged(answer.headers.get("WWW-Authenticate", "")):
                self.base = ""
                raise LabError(f"{base}/v2/ answered 401, and does not say what it asks for (WWW-Authenticate)")
        elif answer.status not in (200, 404):  # some registries have no /v2/ of their own
            self.base = ""
            raise self.error(answer, text)

    # One request --------------------------------------------------------------------------------------------------

    def ask(
        self, method: str, path: str, scopes: Collection[str] = (), *, headers: Mapping[str, str] | None = None,
        body: Body | None = None, length: int | None = None, retry: bool = True,
    ) -> Answer:  # fmt: skip
        """The answer to a request, with the authorization it needs; `path` may be a whole URL, as a Location is.

        A token that is refused is renewed once. Raises Denied where the registry still says 401.
        """
        self.connect()
        url = path if "://" in path else self.base + path
        own = url.startswith(f"{self.base}/")
        for renew in (False, True):
            authorization = self.auth.header(scopes, renew=renew) if own else ""
            answer = self.transport.request(
                method, url, headers=headers, authorization=authorization, body=body, length=length, retry=retry,
                home=self.base,
            )  # fmt: skip
            if answer.status != 401 or not own:
                return answer
            before = self.auth.scheme
            known = self.auth.challenged(answer.headers.get("WWW-Authenticate", ""))
            if renew or not known or (before == self.auth.scheme == "basic"):
                break
            answer.finish()
        self._deny(method, url, answer)

    def _deny(self, method: str, url: str, answer: Answer) -> NoReturn:
        text = answer.beginning()
        if self.auth.scheme == "basic" and not (self.auth.account and self.auth.account.basic):
            words = "no basic auth credentials"
            if "/manifests/" in url and method in ("GET", "HEAD"):  # docker names the request at a pull alone
                words = f'{method.capitalize()} "{url}": {words}'
            raise Denied(words, f"log in first: imagelab login {self.domain}, or lab.login")
        if self.auth.scheme == "basic":
            raise Denied(f"{words_of(answer, text)}", f"log in again: imagelab login {self.domain}, or lab.login")
        raise Denied("denied: requested access to the resource is denied", f"log in as another user of {self.domain}?")

    def error(self, answer: Answer, text: bytes | None = None) -> RegistryError:
        """A registry's refusal as an error, in its own words."""
        body = answer.beginning() if text is None else text
        code = next((item["code"] for item in errors_in(body)), "")
        if answer.status == 429:
            wait = answer.headers.get("Retry-After")
            hint = f"; it asks to wait {wait[:40]} (Retry-After): try again then" if wait else "; try again later"
            return RegistryError(429, code or "TOOMANYREQUESTS", words_of(answer, body) + hint)
        return RegistryError(answer.status, code, words_of(answer, body))

    def _fail(self, answer: Answer) -> NoReturn:
        if answer.status == 403:
            text = answer.beginning()
            raise Denied("denied: requested access to the resource is denied", words_of(answer, text))
        raise self.error(answer)

    # Manifests ----------------------------------------------------------------------------------------------------

    def manifest(self, repository: str, reference: str, name: str) -> Manifest:
        """The manifest of a tag or digest; `name` is for messages. Raises NotFound in docker's words.

        Its digest is computed; raises Invalid where it is not the one that was asked for, or that the registry says.
        """
        path = f"/v2/{repository}/manifests/{reference}"
        answer = self.ask("GET", path, [scope(repository, "pull")], headers={"Accept": ACCEPT})
        if answer.status == 404:
            raise self._not_found(answer, name)
        if answer.status != 200:
            self._fail(answer)
        data = answer.read(MOST_MANIFEST)
        if not data.lstrip().startswith(b"{"):
            self._check_coding(answer)
        digest = Digest.of(data)
        if ":" in reference and digest != reference:
            raise Invalid(f"{name}: the registry sent a manifest whose digest is {digest}, not {reference}: not kept")
        media_type = answer.headers.get("Content-Type", "").partition(";")[0].strip()
        value = parse_json(data, f"the manifest of {name}")
        inside = value.get("mediaType")
        if media_type in _TYPES and inside in (None, media_type):
            return Manifest(data, media_type, digest)
        if media_type in _TYPES and inside in _TYPES:
            raise Invalid(f"{name}: the manifest says it is {inside}, and the registry that it is {media_type}")
        if media_type in ("", "application/json", "text/plain", "application/octet-stream") and inside in _TYPES:
            return Manifest(data, str(inside), digest)  # of a registry that serves files
        sent = (media_type if media_type not in _TYPES else str(inside)) or "none"
        why = "expected an OCI or docker v2 manifest, or an index of them"
        raise Invalid(f"{name}: the registry sent the type {sent[:80]!r}: {why}")

    def _not_found(self, answer: Answer, name: str) -> NotFound:
        """A 404 in docker's words (moby, distribution/errors.go): the repository or the manifest, as the code says."""
        error = self.error(answer)
        if error.code == "NAME_UNKNOWN":
            return NotFound(f"repository {Reference.parse(name).familiar_name} not found: {error}")
        return _unknown(name)

    def manifest_digest(self, repository: str, tag: str, name: str) -> tuple[Digest | None, int]:
        """The digest that a tag points to, and its bytes, by HEAD; None where it does not say. Raises NotFound."""
        path = f"/v2/{repository}/manifests/{tag}"
        answer = self.ask("HEAD", path, [scope(repository, "pull")], headers={"Accept": ACCEPT})
        answer.finish()
        if answer.status == 404:  # without words: those of GET say what is not there
            self.manifest(repository, tag, name)
        size = answer.headers.get("Content-Length", "")
        with suppress(LabError):
            if answer.status == 200:
                digest = Digest.parse(answer.headers.get("Docker-Content-Digest"))
                return digest, int(size) if size.isdecimal() else 0
        return None, 0

    def put_manifest(self, repository: str, reference: str, data: bytes, media_type: str) -> None:
        """Push a manifest, under a tag or its digest; raises RegistryError where the registry refuses it."""
        path = f"/v2/{repository}/manifests/{reference}"
        answer = self.ask(
            "PUT", path, [scope(repository, "pull,push")], headers={"Content-Type": media_type}, body=data
        )
        if answer.status not in (200, 201, 202):
            self._fail(answer)
        answer.finish()
        confirmed = answer.headers.get("Docker-Content-Digest")
        if confirmed and confirmed.startswith("sha256:") and confirmed != Digest.of(data):
            raise Invalid(f"the registry kept the manifest as {confirmed[:80]}, but its digest is {Digest.of(data)}")

    def tags(self, repository: str) -> list[str]:
        """All tags of a repository, sorted; raises NotFound where the registry does not know it."""
        tags = self._pages(f"/v2/{repository}/tags/list", "tags", [scope(repository, "pull")])
        if tags is None:
            raise NotFound(f"repository {self.domain}/{repository} not found")
        return sorted(set(tags))

    def catalog(self) -> list[str]:
        """The names of all repositories, sorted; raises RegistryError where the registry does not list them."""
        return sorted(set(self._pages("/v2/_catalog", "repositories", ["registry:catalog:*"]) or ()))

    def _pages(self, path: str, key: str, scopes: Collection[str]) -> list[str] | None:
        items: list[str] = []
        for _ in range(MOST_PAGES):
            answer = self.ask("GET", path, scopes)
            if answer.status == 404:
                answer.finish()
                return None
            if answer.status != 200:
                self._fail(answer)
            page = parse_json(answer.read(MOST_LIST), f"the {key} of {self.domain}").get(key) or []
            if not isinstance(page, list) or not all(isinstance(item, str) for item in page):
                raise Invalid(f"{self.domain}: {key} is not a list of names")
            items += page
            link = answer.headers.get("Link", "")
            if 'rel="next"' not in link.replace("rel=next", 'rel="next"') or not link.startswith("<"):
                return items
            following = redirected(answer.url, link[1 : link.index(">")] if ">" in link else "")
            if not following.startswith(f"{self.base}/"):
                raise LabError(f"{self.domain}: the next page of its {key} is on another host: {following[:80]}")
            path = following
        raise LabError(f"{self.domain}: its {key} have more than {MOST_PAGES:,} pages")

    # Blobs --------------------------------------------------------------------------------------------------------

    def has_blob(self, repository: str, digest: str, actions: str = "pull") -> bool:
        """Whether a repository has a blob: HEAD."""
        answer = self.ask("HEAD", f"/v2/{repository}/blobs/{digest}", [scope(repository, actions)])
        answer.finish()
        if answer.status in (200, 404):
            return answer.status == 200
        self._fail(answer)

    def blob(self, repository: str, digest: str, size: int, start: int = 0) -> tuple[Answer, int]:
        """A blob's bytes, from `start` if the registry sends a part; returns the answer and its first byte's number.

        `size` is what the blob should have. Raises LabError for bytes that were recoded on the way.
        """
        headers = {"Range": f"bytes={start}-"} if start else {}
        answer = self.ask("GET", f"/v2/{repository}/blobs/{digest}", [scope(repository, "pull")], headers=headers)
        if answer.status == 206 and start:
            if answer.headers.get("Content-Range", "").strip().startswith(f"bytes {start}-"):
                return answer, start
            answer.close()
            return self.blob(repository, digest, size)
        if answer.status == 416 and start:
            answer.finish()
            return self.blob(repository, digest, size)
        if answer.status == 404:
            answer.finish()
            raise NotFound(f"{self.domain}/{repository}: the registry does not have the blob {digest}, which it lists")
        if answer.status != 200:
            self._fail(answer)
        if answer.headers.get("Content-Length") != str(size):
            self._check_coding(answer)
        return answer, 0

    def _check_coding(self, answer: Answer) -> None:
        """Refuse bytes that are not the registry's own: decoded, they would be those that its digests are of."""
        if coding := answer.headers.get("Content-Encoding", "").replace("identity", ""):
            answer.close()
            raise LabError(
                f"the registry, or a proxy before it, sent {answer.url} with Content-Encoding: {coding[:40]}, "
                "although identity was asked for"
            )

    def mount(self, repository: str, digest: str, source: str) -> str:
        """Ask that a blob be taken over from another repository; "" if it was, or else where to upload it."""
        query = urlencode({"mount": digest, "from": source})
        scopes = [scope(repository, "pull,push"), scope(source, "pull")]
        try:
            path = f"/v2/{repository}/blobs/uploads/?{query}"
            answer = self.ask("POST", path, scopes, headers={"Content-Length": "0"})
        except Denied:  # a token for both repositories is not given to everybody
            return self.begin(repository)
        if answer.status == 201:
            answer.finish()
            return ""
        if answer.status in (401, 403):
            answer.finish()
            return self.begin(repository)
        return self._location(answer)

    def begin(self, repository: str) -> str:
        """Begin an upload; returns where its bytes go."""
        path = f"/v2/{repository}/blobs/uploads/"
        return self._location(
            self.ask("POST", path, [scope(repository, "pull,push")], headers={"Content-Length": "0"})
        )

    def upload(
        self, repository: str, location: str, make: Callable[[], Iterable[bytes]], size: int | None,
        digest_of: Callable[[], str],
    ) -> None:  # fmt: skip
        """Send a blob to where `begin` said: at once if its size and digest are known, or else as a stream.

        `digest_of` is called once the bytes have been sent. Raises as the registry refuses, and Unreachable; the upload
        has then to begin anew.
        """
        scopes = [scope(repository, "pull,push")]
        headers = {"Content-Type": "application/octet-stream"}
        if size is None:
            answer = self.ask("PATCH", location, scopes, headers=headers, body=make, retry=False)
            location = self._location(answer)
            answer = self.ask(
                "PUT", with_query(location, digest=digest_of()), scopes, headers={"Content-Length": "0"}, retry=False
            )
        else:
            url = with_query(location, digest=digest_of())
            answer = self.ask("PUT", url, scopes, headers=headers, body=make, length=size, retry=False)
        if answer.status not in (201, 202, 204):
            self._fail(answer)
        answer.finish()

    def _location(self, answer: Answer) -> str:
        if answer.status not in (201, 202, 204):
            self._fail(answer)
        answer.finish()
        where = answer.headers.get("Location")
        if not where:
            raise LabError(f"{self.domain}: the registry began an upload without saying where (no Location)")
        return redirected(answer.url, where)


def with_query(url: str, **more: str) -> str:
    """A URL with parameters added to those that it has."""
    parts = urlsplit(url)
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *more.items()], safe=":")
    return urlunsplit(parts._replace(query=query))


def _unknown(name: str) -> NotFound:
    return NotFound(f"manifest for {name} not found: manifest unknown: manifest unknown")


