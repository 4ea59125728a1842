"""Trust: which registries are spoken to over http, which certificates are believed, and which proxy stands between.

A host of this machine (127.0.0.0/8, ::1, localhost) may speak http, or https with any certificate, as for docker; so
may a host that $IMAGELAB_INSECURE_REGISTRIES names. All others need https and a certificate of a known authority: the
system's or $SSL_CERT_FILE's, a given file's, or those in docker's folder certs.d/HOST:PORT.

Follows docker's "Verify repository client with certificates" (certs.d) and "Test an insecure registry".
"""

from __future__ import annotations

import ipaddress
import os
import threading
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from ...errors import Invalid

if TYPE_CHECKING:
    import ssl

    from urllib3 import PoolManager

INSECURE = "IMAGELAB_INSECURE_REGISTRIES"
CONNECTIONS = 8  # to one host at a time
BLOCK = 1 << 18  # bytes of a body that are sent at a time


def is_loopback(host: str) -> bool:
    """Whether a host, without a port, is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Trust:
    """The connections to one registry (`host` or `host:port`) and to where it redirects.

    `ca` is a file of certificates (PEM) to believe besides the system's. Raises Invalid for one that is none.
    """

    def __init__(
        self, host: str, *, ca: str | os.PathLike[str] | None = None, insecure: Collection[str] = ()
    ) -> None:
        self.host = host
        name = urlsplit(f"//{host}").hostname or host
        self.loopback = is_loopback(name)
        named = {*insecure, *filter(None, os.environ.get(INSECURE, "").replace(" ", "").split(","))}
        self.insecure = self.loopback or host in named or name in named
        config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
        self._folders = [folder / "docker" / "certs.d" / host for folder in (Path("/etc"), config)]
        self._ca = ca
        self._pools: dict[str, PoolManager] = {}
        self._guard = threading.Lock()

    @property
    def schemes(self) -> tuple[str, ...]:
        """How to speak to the registry, in the order to try."""
        return ("http", "https") if self.loopback else ("https", "http") if self.insecure else ("https",)

    def pool(self, url: str) -> PoolManager:
        """The connections for a URL: through a proxy where the environment names one, and checked as it must be."""
        from urllib.request import getproxies, proxy_bypass

        parts = urlsplit(url)
        place = parts.netloc.rpartition("@")[2]
        direct = is_loopback(parts.hostname or "") or proxy_bypass(place)
        proxy = "" if direct else getproxies().get(parts.scheme, "")
        ours = place == self.host
        encrypted = parts.scheme == "https" or proxy.startswith("https:")
        key = f"{proxy} {ours} {encrypted}"
        with self._guard:
            if key not in self._pools:
                self._pools[key] = self._make_pool(proxy, ours, encrypted)
            return self._pools[key]

    def _make_pool(self, proxy: str, ours: bool, encrypted: bool) -> PoolManager:
        import urllib3

        context = self.context(ours) if encrypted else None  # to read the system's certificates takes 50 ms
        if proxy:
            return urllib3.ProxyManager(
                proxy, maxsize=CONNECTIONS, ssl_context=context, blocksize=BLOCK,
                proxy_headers=urllib3.make_headers(proxy_basic_auth=_user_of(proxy)) if _user_of(proxy) else None,
            )  # fmt: skip
        return urllib3.PoolManager(maxsize=CONNECTIONS, ssl_context=context, blocksize=BLOCK)

    def context(self, ours: bool) -> ssl.SSLContext:
        """Which certificates are believed: the system's and those of `ca`; for the registry itself certs.d's too.

        The registry may have any certificate if it is `insecure` and there are none for it.
        """
        import ssl

        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if not ours:
            if self._ca is not None:
                self._load(context, Path(self._ca))
            return context
        files = [path for folder in self._folders if folder.is_dir() for path in sorted(folder.glob("*.crt"))]
        if self._ca is not None:
            files.append(Path(self._ca))
        if self.insecure and not files:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        for path in files:
            self._load(context, path)
        for folder in self._folders:
            for certificate in sorted(folder.glob("*.cert")) if folder.is_dir() else ():
                self._load_own(context, certificate)
        return context

    @staticmethod
    def _load(context: ssl.SSLContext, path: Path) -> None:
        import ssl

        try:
            context.load_verify_locations(path)
        except ssl.SSLError:
            why = "expected PEM text (-----BEGIN CERTIFICATE-----)"
            raise Invalid(f"{str(path)!r} holds no certificate: {why}") from None
        except OSError as error:
            raise Invalid(f"the certificates {str(path)!r} cannot be read: {str(error.strerror).lower()}") from None

    @staticmethod
    def _load_own(context: ssl.SSLContext, certificate: Path) -> None:
        import ssl

        try:
            context.load_cert_chain(certificate, certificate.with_suffix(".key"))
        except (ssl.SSLError, OSError) as error:
            raise Invalid(f"{str(certificate)!r} and its .key are not a certificate and its key: {error}") from None

    def close(self) -> None:
        """Close all connections."""
        with self._guard:
            for pool in self._pools.values():
                pool.clear()


def _user_of(proxy: str) -> str:
    parts = urlsplit(proxy)
    return unquote(f"{parts.username}:{parts.password or ''}") if parts.username else ""
