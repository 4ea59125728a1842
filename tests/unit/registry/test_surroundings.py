"""How a registry is reached: the proxies and certificates that the environment names, and ~/.netrc, never read."""

from __future__ import annotations

import shutil
import ssl

import pytest

from imagelab import Lab
from imagelab.errors import Invalid
from imagelab.registry.client import Access
from imagelab.registry.connection.auth import Denied
from imagelab.registry.connection.transport import Limits, Unreachable
from imagelab.registry.server.repositories import Registry
from imagelab.registry.server.server import Server

from .certificates import Authority
from .liar import http, lying
from .proxy import proxy

HOST = "registry.invalid:5000"  # RFC 2606: no DNS knows it
ONCE = Access(limits=Limits(attempts=1))


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch, tmp_path):
    """No proxy and no certificate but the test's own."""
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "IMAGELAB_INSECURE_REGISTRIES", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "home").mkdir()


@pytest.fixture
def name(lab, registry):
    """What an image in the registry is called from behind the proxy."""
    image = lab.append(None, {"a": "1"}, f"{registry.address}/app:1")
    lab.push(f"{registry.address}/app:1")
    lab.tag(image, f"{HOST}/app:1")
    return f"{HOST}/app:1"


@pytest.fixture
def authority(tmp_path):
    return Authority.made(tmp_path / "authority")


@pytest.fixture
def encrypted(registry, name, authority):
    """Starts a registry over TLS with what the other one has; give it the authority of its clients, if it wants one."""
    servers = []

    def start(clients: Authority | None = None) -> Server:
        registry.close()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*authority.sign("registry.invalid"))
        if clients:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(clients.file)
        servers.append(Server(Registry(registry.folder), tls=context))
        servers[-1].start_thread()
        return servers[-1]

    yield start
    for server in servers:
        server.stop_thread()


# Proxies --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy"])
def test_http_goes_through_the_proxy(other, registry, name, monkeypatch, variable):
    monkeypatch.setenv("IMAGELAB_INSECURE_REGISTRIES", HOST)
    with proxy(registry.port) as seen:
        monkeypatch.setenv(variable, f"http://{seen.address}")
        received = other.pull(name)
        assert sorted(seen.asked) == sorted(f"{one.method} http://{HOST}{one.path}" for one in received.requests)


def test_https_goes_through_a_tunnel_of_the_proxy(other, encrypted, name, authority, monkeypatch):
    with proxy(encrypted().port, "pupil:a secret") as seen:
        monkeypatch.setenv("HTTPS_PROXY", f"http://pupil:a%20secret@{seen.address}")
        assert other.pull(name, access=Access(ca=authority.file)).image.read("a") == b"1"
        assert set(seen.asked) == {f"CONNECT {HOST}"}


def test_a_proxy_that_lets_nobody_in(other, encrypted, name, monkeypatch):
    with proxy(encrypted().port, "pupil:secret") as seen:
        monkeypatch.setenv("HTTPS_PROXY", f"http://pupil:wrong@{seen.address}")
        with pytest.raises(Unreachable) as error:
            other.pull(name, access=ONCE)
        assert error.value.words == f'Get "https://{HOST}/v2/": Proxy Authentication Required'
        assert "wrong" not in str(error.value)


def test_a_proxy_that_is_not_there(other, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    refused = r"dial tcp 127\.0\.0\.1:1: connect: connection refused; HTTPS_PROXY and HTTP_PROXY name the proxy"
    with pytest.raises(Unreachable, match=f'^Get "https://{HOST}/v2/": proxyconnect tcp: {refused}'):
        other.pull(f"{HOST}/app:1", access=ONCE)


@pytest.mark.parametrize("without", ["registry.invalid", ".invalid", "a.example, registry.invalid:5000", "*"])
def test_what_no_proxy_names_is_asked_directly(other, registry, monkeypatch, without):
    with proxy(registry.port) as seen:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{seen.address}")
        monkeypatch.setenv("NO_PROXY", without)
        with pytest.raises(Unreachable, match=r"lookup registry\.invalid: no such host"):
            other.pull(f"{HOST}/app:1", access=ONCE)
        assert seen.asked == []


def test_this_machine_is_never_asked_through_a_proxy(other, registry, name, monkeypatch):
    with proxy(registry.port) as seen:
        monkeypatch.setenv("HTTP_PROXY", f"http://{seen.address}")
        assert other.pull(f"{registry.address}/app:1").image.read("a") == b"1"
        assert seen.asked == []


# Certificates ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def reached(encrypted, monkeypatch):
    """A registry over TLS, which a proxy leads to."""
    with proxy(encrypted().port) as seen:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{seen.address}")
        yield


def test_an_authority_that_nobody_named_is_not_believed(other, reached, name):
    with pytest.raises(Unreachable, match="x509: certificate signed by unknown authority; give the CA"):
        other.pull(name, access=ONCE)
    assert other.images() == []


def test_ssl_cert_file_names_the_authorities(other, reached, name, authority, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    assert other.pull(name).image.read("a") == b"1"


def test_certs_d_has_an_authority_for_one_registry(other, reached, name, authority, tmp_path):
    elsewhere = tmp_path / "config" / "docker" / "certs.d" / "registry.invalid:5001"
    elsewhere.mkdir(parents=True)
    shutil.copy(authority.file, elsewhere)
    with pytest.raises(Unreachable, match="unknown authority"):
        other.pull(name, access=ONCE)
    elsewhere.rename(elsewhere.with_name(HOST))
    assert other.pull(name).image.read("a") == b"1"


def test_certs_d_has_a_certificate_of_the_client(other, encrypted, name, authority, tmp_path, monkeypatch):
    clients = Authority.made(tmp_path / "clients")
    folder = tmp_path / "config" / "docker" / "certs.d" / HOST
    folder.mkdir(parents=True)
    shutil.copy(authority.file, folder)
    with proxy(encrypted(clients).port) as seen:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{seen.address}")
        with pytest.raises(Unreachable, match=r'^Get "https://registry\.invalid:5000/v2/": '):
            other.pull(name, access=ONCE)
        for file in clients.sign("pupil"):
            shutil.copy(file, folder)
        assert other.pull(name).image.read("a") == b"1"
        (folder / "pupil.key").write_text("no key")
        with pytest.raises(Invalid, match=r"pupil\.cert' and its \.key are not a certificate and its key"):
            Lab.temporary(current=False).pull(name)


# ~/.netrc -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variable", ["HOME", "NETRC"])
def test_netrc_is_never_read(lab, other, tmp_path, monkeypatch, variable):
    file = tmp_path / "home" / (".netrc" if variable == "HOME" else "elsewhere")
    file.write_text("default login alice password of-another-server\n")
    file.chmod(0o600)
    if variable == "NETRC":
        monkeypatch.setenv("NETRC", str(file))
    with lying(lab.append(None, {"a": "1"})) as liar:
        liar.rules.append(lambda asked: http(401, WWW_Authenticate='Basic realm="here"'))
        with pytest.raises(Denied, match="no basic auth credentials"):
            other.pull(f"{liar.address}/app:1")
        assert liar.asked and not any("authorization" in asked.headers for asked in liar.asked)
