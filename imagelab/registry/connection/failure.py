"""Why there is no answer, in the words of Go's net/http and crypto/x509, which docker prints."""

from __future__ import annotations

import re

from ...errors import LabError
from .urls import origin


class Unreachable(LabError):
    """No answer, or one that broke off: `words` is what docker says, the message adds what to do next.

    `again` tells whether another attempt may help.
    """

    def __init__(self, words: str, hint: str = "", *, again: bool = True) -> None:
        super().__init__(f"{words}; {hint}" if hint else words)
        self.words, self.again = words, again


class Stopped(LabError):
    """Another part of the same transfer has failed, so this one was given up."""


def unreachable(method: str, url: str, error: Exception, connect: float, read: float) -> Unreachable:
    """Why there is no answer, in the words of Go's net/http, which docker prints."""
    import ssl

    import urllib3.exceptions as errors

    _, host, port = origin(url)
    where = f'{method.capitalize()} "{url}"'
    at = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    cause: BaseException = error
    while isinstance(cause, errors.ProxyError | errors.SSLError | errors.ProtocolError) and cause.args:
        inner = next((part for part in reversed(cause.args) if isinstance(part, BaseException)), None)
        if inner is None:
            break
        cause = inner
    if isinstance(error, errors.ProxyError):
        return _proxy_failed(where, cause)
    if isinstance(cause, errors.NameResolutionError):
        words = f"{where}: dial tcp: lookup {host}: no such host"
        return Unreachable(words, "is the name right, and the network there?", again=False)
    if isinstance(cause, errors.ReadTimeoutError | TimeoutError):
        return Unreachable(f"{where}: net/http: timeout awaiting response headers", f"silence for {read:g} s")
    if isinstance(cause, errors.NewConnectionError):
        words, again = _of_system(cause)
        return Unreachable(f"{where}: dial tcp {at}: connect: {words}", "is a registry running there?", again=again)
    if isinstance(cause, errors.ConnectTimeoutError):
        return Unreachable(f"{where}: dial tcp {at}: i/o timeout", f"it did not answer within {connect:g} s")
    if isinstance(cause, ssl.SSLCertVerificationError):
        return Unreachable(
            f"{where}: x509: {certificate_words(cause, host)}",
            "give the CA that signed it: ca=…, SSL_CERT_FILE, or docker's certs.d/HOST/ca.crt", again=False,
        )  # fmt: skip
    if isinstance(cause, ssl.SSLError):
        if cause.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
            words = f"{where}: http: server gave HTTP response to HTTPS client"
            hint = "name the host in IMAGELAB_INSECURE_REGISTRIES to speak http with it"
            return Unreachable(words, hint, again=False)
        return Unreachable(f"{where}: tls: {(cause.reason or str(cause)).lower().replace('_', ' ')}", again=False)
    return Unreachable(f"{where}: {why_cut(cause)}")


def _proxy_failed(where: str, cause: BaseException) -> Unreachable:
    import urllib3.exceptions as errors

    hint = "HTTPS_PROXY and HTTP_PROXY name the proxy, NO_PROXY the hosts to reach without it"
    if isinstance(cause, errors.NewConnectionError):
        words, again = _of_system(cause)
        at = f"{cause.conn.host}:{cause.conn.port}"
        return Unreachable(f"{where}: proxyconnect tcp: dial tcp {at}: connect: {words}", hint, again=again)
    refused = re.fullmatch(r"Tunnel connection failed: \d+ (.+)", str(cause))
    return Unreachable(f"{where}: {refused[1] if refused else f'proxyconnect tcp: {cause}'}", hint, again=not refused)


def _of_system(error: BaseException) -> tuple[str, bool]:
    """What the system says of a connection that cannot be made, and whether another attempt may help."""
    system = error.__cause__ or error.__context__
    words = (getattr(system, "strerror", None) or str(system or error)).lower()
    return words, not isinstance(system, ConnectionRefusedError)


def certificate_words(error: Exception, host: str) -> str:
    """Why a certificate is not trusted, in the words of Go's crypto/x509."""
    message = str(getattr(error, "verify_message", "") or error)
    if "mismatch" in message or "not valid for" in message:
        return f"certificate is not valid for {host}"
    if "expired" in message:
        return "certificate has expired or is not yet valid"
    return "certificate signed by unknown authority"


def why_cut(error: BaseException) -> str:
    """Why a body broke off, in a few words."""
    import urllib3.exceptions as errors

    if isinstance(error, errors.ReadTimeoutError | TimeoutError):
        return "the body broke off: silence until the time limit"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return "unexpected EOF"
