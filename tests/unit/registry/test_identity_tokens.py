"""Identity tokens, which some registries give at a login: who has one gets tokens for it, by POST (OAuth2)."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

import pytest

from imagelab import Lab
from imagelab.errors import LabError
from imagelab.registry import verbs
from imagelab.registry.client import Access
from imagelab.registry.connection.auth import Denied
from imagelab.registry.connection.credentials import Account, Credentials

from .liar import http, lying

SECRET = "an identity token"
HELPER = """#!/bin/sh
test "$1" = get || cat > "$0.$1"
echo '{"ServerURL": "x", "Username": "<token>", "Secret": "an identity token"}'
"""


@pytest.fixture
def liar(lab):
    with lying(lab.append(None, {"a": "1"})) as liar:
        yield liar


@pytest.fixture
def tokens(lab, liar):
    """The server that gives tokens for the registry, to who has the right identity token."""
    with lying(liar.image) as tokens:
        challenge = f'Bearer realm="http://{tokens.address}/token",service="reg"'
        liar.rules.append(
            lambda asked: NotImplemented if asked.headers.get("authorization") == "Bearer short"
            else http(401, WWW_Authenticate=challenge)
        )  # fmt: skip
        tokens.rules.append(
            lambda asked: http(200, b'{"access_token": "short", "expires_in": 300}')
            if parse_qs(asked.body.decode()).get("refresh_token") == [SECRET] else http(401)
        )  # fmt: skip
        yield tokens


@pytest.fixture
def config(tmp_path):
    """Writes docker's config.json for a registry; gives access with it."""

    def write(host: str, **config: object) -> Access:
        (tmp_path / "config.json").write_text(json.dumps(config or {"auths": {host: {"identitytoken": SECRET}}}))
        return Access(credentials=Credentials(tmp_path / "config.json"))

    return write


def pull(liar, access):
    return Lab.temporary(current=False).pull(f"{liar.address}/app:1", access=access)


def test_it_is_given_for_a_token_by_post(liar, tokens, config):
    assert pull(liar, config(liar.address)).image.id == liar.image.id
    (asked,) = tokens.asked
    assert (asked.method, asked.path) == ("POST", "/token") and "authorization" not in asked.headers
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qs(asked.body.decode()) == {
        "grant_type": ["refresh_token"], "service": ["reg"], "client_id": ["imagelab"],
        "scope": ["repository:app:pull"], "refresh_token": [SECRET],
    }  # fmt: skip
    assert not any(SECRET in str(asked) for asked in liar.asked)


def test_a_helper_has_it_under_the_user_token(liar, tokens, config, tmp_path, monkeypatch):
    program = tmp_path / "docker-credential-test"
    program.write_text(HELPER)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    access = config(liar.address, credsStore="test")
    assert pull(liar, access).image.id == liar.image.id
    assert access.credentials is not None
    access.credentials.store(liar.address, Account("", "", SECRET))
    kept = json.loads(program.with_name("docker-credential-test.store").read_text())
    assert kept == {"ServerURL": liar.address, "Username": "<token>", "Secret": SECRET}


def test_a_login_with_it_keeps_it(liar, tokens, config):
    access = config(liar.address)
    assert access.credentials is not None
    account = access.credentials.find(liar.address)
    assert account == Account("", "", SECRET) and SECRET not in repr(account)
    verbs.login(liar.address, account, access)
    assert access.credentials.find(liar.address) == account


def test_one_that_is_refused(liar, tokens, config):
    access = config(liar.address, auths={liar.address: {"auth": "YWxpY2U6", "identitytoken": "an old token"}})
    with pytest.raises(Denied, match="unauthorized: incorrect username or password") as error:
        pull(liar, access)
    assert "old" not in str(error.value) and len(tokens.asked) == 1


def test_it_follows_no_redirect(liar, tokens, config):
    with lying(liar.image) as elsewhere:
        tokens.rules.insert(0, lambda asked: http(307, Location=f"http://{elsewhere.address}/token"))
        with pytest.raises(LabError, match="answered 307"):
            pull(liar, config(liar.address))
        assert elsewhere.asked == []


def test_a_registry_that_wants_a_password_does_not_get_it(liar, config):
    liar.rules.append(lambda asked: http(401, WWW_Authenticate='Basic realm="x"'))
    with pytest.raises(Denied, match="no basic auth credentials; log in first"):
        pull(liar, config(liar.address))
    assert not any("authorization" in asked.headers for asked in liar.asked)
