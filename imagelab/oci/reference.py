"""References: names of images, such as `library/python:3.12` or `name@sha256:…`.

`localhost:5000/team/app:1.0@sha256:…` has a domain (where), a path (which repository), a tag (a movable pointer)
and a digest (an immovable one). People write it short (`app`), machines need it whole
(`docker.io/library/app:latest`); this module goes both ways and says which part of a wrong name is wrong.

Implements distribution/reference: `reference.go` (grammar) and `normalize.go` (docker.io, library/, latest).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from ..errors import InvalidReference
from ..shown import Displayed

_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*")
_DIGEST = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}")
_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?")
_HEX64 = re.compile(r"[a-f0-9]{64}")
_HEX_LENGTH = {"sha256": 64, "sha384": 96, "sha512": 128}

HUB = "docker.io"


@dataclass(frozen=True, slots=True)
class Reference(Displayed):
    """A parsed image name: domain and path always, tag and digest where they were given.

    References are hashable, and sort as their canonical names do.
    """

    domain: str
    path: str
    tag: str | None = None
    digest: str | None = None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read a name as docker does, filling in `docker.io` and `library/`, but no tag.

        Raises InvalidReference, whose text quotes the part that is wrong and says what that part may look like.
        """

        def wrong(why: str) -> InvalidReference:
            end = "; it ends with a newline: leave that out" if text.endswith("\n") else ""
            return InvalidReference(f"invalid reference format: {text[:200]!r}: {why}{end}")

        if not text:
            raise wrong("the name is empty; write something like 'myapp' or 'myapp:1.0'")
        if _HEX64.fullmatch(text):
            raise wrong("64 hex digits are an image ID, not a name; repository names must not look like one")
        rest, at, digest = text.partition("@")
        if at:
            if not _DIGEST.fullmatch(digest):
                raise wrong(f"the digest {digest!r} must be 'sha256:' and 64 hex digits")
            algorithm, _, hexdigits = digest.partition(":")
            if algorithm not in _HEX_LENGTH:
                raise wrong(f"the digest algorithm {algorithm!r} is not one of {', '.join(_HEX_LENGTH)}")
            if len(hexdigits) != _HEX_LENGTH[algorithm] or hexdigits != hexdigits.lower():
                raise wrong(
                    f"the digest {digest!r} must have {_HEX_LENGTH[algorithm]} lower-case hex digits after "
                    f"'{algorithm}:', and has {len(hexdigits)}"
                )
        domain, path = _split_domain(rest)
        path, colon, tag = path.partition(":")
        if colon and not _TAG.fullmatch(tag):
            raise wrong(
                f"the tag {tag!r} may hold letters, digits, '_', '.' and '-', must not start with '.' or '-', "
                "and has 1 to 128 characters"
            )
        if not _DOMAIN.fullmatch(domain):
            raise wrong(f"the registry {domain!r} must be a host name, with an optional port such as ':5000'")
        for component in path.split("/"):
            if not component:
                raise wrong("the repository name is empty between, before or after a '/' or ':'")
            if component != component.lower():
                raise wrong(f"repository name must be lowercase: {component!r}")
            if not _COMPONENT.fullmatch(component):
                raise wrong(
                    f"the name part {component!r} may hold a-z and 0-9, with single '.', one or two '_', or any "
                    "number of '-' between them"
                )
        if len(domain) + 1 + len(path) > 255:
            raise wrong("the repository name must not be more than 255 characters")
        return cls(domain, path, tag if colon else None, digest if at else None)

    def with_default_tag(self) -> Reference:
        """This reference with `:latest` where it has neither a tag nor a digest."""
        return self if self.tag or self.digest else replace(self, tag="latest")

    def tagged(self, tag: str | None) -> Reference:
        """The same repository with this tag and no digest."""
        return replace(self, tag=tag, digest=None)

    def pinned(self, digest: str) -> Reference:
        """The same repository by digest, with no tag."""
        return replace(self, tag=None, digest=digest)

    @property
    def name(self) -> str:
        """Domain and path: `docker.io/library/myapp`."""
        return f"{self.domain}/{self.path}"

    @property
    def familiar_name(self) -> str:
        """The repository as people write it: `myapp`."""
        if self.domain != HUB:
            return self.name
        short = self.path.removeprefix("library/")
        short = self.path if "/" in short else short
        return short if _split_domain(short) == (HUB, self.path) else self.name

    @property
    def canonical(self) -> str:
        """The whole name as machines write it: `docker.io/library/myapp:1.0`."""
        return self.name + self._suffix

    @property
    def familiar(self) -> str:
        """The whole name as people write it: `myapp:1.0`."""
        return self.familiar_name + self._suffix

    @property
    def _suffix(self) -> str:
        return (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")

    def __str__(self) -> str:
        return self.familiar

    def __lt__(self, other: Reference) -> bool:
        return self.canonical < other.canonical


def _split_domain(name: str) -> tuple[str, str]:
    """Tell the registry from the repository by docker's rule: see `splitDockerDomain` in normalize.go."""
    first, slash, rest = name.partition("/")
    if slash and (first == "localhost" or "." in first or ":" in first or first != first.lower()):
        domain, path = first, rest
    else:
        domain, path = HUB, name
    if domain == "index.docker.io":
        domain = HUB
    if domain == HUB and "/" not in path:
        path = f"library/{path}"
    return domain, path
