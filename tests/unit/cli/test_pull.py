"""`pull`, `push`, `login`, `logout`, `manifest inspect` and `registry ls`, in docker's words of 20.10."""

from __future__ import annotations

import json
import os
import stat

import pytest

from imagelab import Lab
from imagelab.cli import run
from imagelab.cli.command import Session


@pytest.fixture(autouse=True)
def accounts(tmp_path, monkeypatch):
    """Docker's folder, so that nobody's own is touched."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    return tmp_path / "docker" / "config.json"


@pytest.fixture
def registry(lab):
    with lab.registry() as registry:
        yield registry


@pytest.fixture
def app(lab, registry):
    """An image of two layers in the lab, tagged and not pushed."""
    image = lab.append(lab.append(None, {"base": "1"}), {"top": "2"})
    name = f"{registry.address}/reg/app:1"
    lab.tag(image, name)
    return name


@pytest.fixture
def elsewhere(tmp_path, capsys):
    """The command line on another home."""

    def call(*args):
        capsys.readouterr()
        code = run(list(map(str, args)), session=Session(str(tmp_path / "elsewhere")))
        out, err = capsys.readouterr()
        return code, out, err

    return call


def test_push_prints_diff_ids_and_pull_prints_blobs(cli, elsewhere, lab, app, registry):
    base, top = lab.image(app).diff_ids
    repository = app.rpartition(":")[0]
    said = cli("push", app).ok
    sent = lab.push(app)
    end = f"1: digest: {sent.digest} size: {sent.blobs[-1].size}\n"
    refers = f"The push refers to repository [{repository}]\n"
    assert said == (
        f"{refers}{top.short}: Preparing\n{base.short}: Preparing\n{top.short}: Pushed\n{base.short}: Pushed\n{end}"
    )
    exists = f"{top.short}: Layer already exists\n{base.short}: Layer already exists\n"
    assert cli("push", app).ok == f"{refers}{top.short}: Preparing\n{base.short}: Preparing\n{exists}{end}"
    assert cli("push", "-q", app).ok == f"{app}\n"
    lab.tag(app, f"{registry.address}/other:2")
    mounted = cli("push", "-a", f"{registry.address}/other").ok
    assert f"{top.short}: Mounted from reg/app\n{base.short}: Mounted from reg/app\n2: digest: {sent.digest}" in mounted

    first, second = (blob.digest.short for blob in sent.blobs[:2])
    steps = ("Pulling fs layer",), ("Verifying Checksum", "Download complete", "Pull complete")
    layers = "".join(f"{name}: {words}\n" for words in steps[0] for name in (first, second))
    layers += "".join(f"{name}: {words}\n" for name in (first, second) for words in steps[1])
    digest = f"Digest: {sent.digest}\n"
    assert elsewhere("pull", app) == (
        0, f"1: Pulling from reg/app\n{layers}{digest}Status: Downloaded newer image for {app}\n{app}\n", ""
    )  # fmt: skip
    latest = f"1: Pulling from reg/app\n{digest}Status: Image is up to date for "
    assert elsewhere("pull", app) == (0, f"{latest}{app}\n{app}\n", "")
    assert elsewhere("pull", "--all-tags", repository) == (0, f"{latest}{repository}\n{repository}\n", "")
    assert elsewhere("pull", "-q", app) == (0, f"{app}\n", "")
    pinned = f"{repository}@{sent.digest}"
    assert elsewhere("pull", f"{app}@{sent.digest}") == (
        0,
        f"{pinned}: Pulling from reg/app\n{digest}Status: Image is up to date for {pinned}\n{app}@{sent.digest}\n",
        "",
    )

    lab.tag(lab.append(lab.image(app), {"more": "3"}), f"{repository}:2")
    third = lab.push(f"{repository}:2").blobs[2].digest.short
    out = elsewhere("pull", f"{repository}:2")[1]
    assert out.startswith(
        f"2: Pulling from reg/app\n{first}: Already exists\n{second}: Already exists\n{third}: Pulling fs layer\n"
        f"{third}: Verifying Checksum\n"
    )


def test_the_layers_beyond_those_at_once_wait(cli, lab, registry, elsewhere):
    image = lab.append(None, {"0": "0"})
    for number in range(1, 7):
        image = lab.append(image, {str(number): str(number)})
    lab.tag(image, f"{registry.address}/many:1")
    said = cli("push", f"{registry.address}/many:1").ok.splitlines()
    names = [diff_id.short for diff_id in reversed(image.diff_ids)]
    assert said[1:8] == [f"{name}: Preparing" for name in names]
    assert said[8:10] == [f"{name}: Waiting" for name in names[5:]]
    assert said[10:17] == [f"{name}: Pushed" for name in names]
    _, out, _ = elsewhere("pull", f"{registry.address}/many:1")
    assert out.count(": Waiting\n") == 4 and out.count(": Pull complete\n") == 7


@pytest.mark.parametrize(
    ("args", "out", "err"),
    [
        ("push {r}/reg/app:no", "The push refers to repository [{r}/reg/app]\n", "tag does not exist: {r}/reg/app:no"),
        (
            "push {r}/nothere",
            "Using default tag: latest\nThe push refers to repository [{r}/nothere]\n",
            "An image does not exist locally with the tag: {r}/nothere",
        ),
        ("push -a {r}/reg/app:1", "", "tag can't be used with --all-tags/-a"),
        ("pull -a {r}/reg/app:1", "", "tag can't be used with --all-tags/-a"),
        ("push 127.0.0.1:1/x:1", "The push refers to repository [127.0.0.1:1/x]\n", "{refused}"),
        ("pull 127.0.0.1:1/x:1", "", "Error response from daemon: {refused}"),
        (
            "pull {r}/reg/app:no",
            "",
            "Error response from daemon: repository {r}/reg/app not found: {unknown}",
        ),
        (
            "pull {r}/no/such",
            "Using default tag: latest\n",
            "Error response from daemon: repository {r}/no/such not found: {unknown}",
        ),
        (
            "pull --platform nonsense {r}/reg/app:1",
            "",
            'Error response from daemon: "nonsense": unknown operating system or architecture: invalid argument',
        ),
        ("manifest inspect {r}/reg/app:no", "", "no such manifest: {r}/reg/app:no"),
        ("login -p x --password-stdin {r}", "", "--password and --password-stdin are mutually exclusive"),
        ("login --password-stdin {r}", "", "Must provide --username with --password-stdin"),
        ("login -u alice {r}", "", "Error: Cannot perform an interactive login from a non TTY device"),
        ("login -u a -p b 127.0.0.1:1", "", "Error response from daemon: {refused}"),
    ],
)
def test_errors(cli, lab, app, registry, args, out, err):
    refused = 'Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused'
    lab.tag(app, "127.0.0.1:1/x:1")
    result = cli(*args.format(r=registry.address).split())
    assert result.code == 1
    assert result.out == out.format(r=registry.address)
    unknown = "name unknown: repository name not known to registry"
    assert result.err.splitlines()[-1] == err.format(r=registry.address, refused=refused, unknown=unknown)


def test_names_that_are_none(cli):
    for verb in ("push", "pull"):
        assert cli(verb, "reg/App:1").err.startswith("invalid reference format")
        assert cli(verb, "app@sha256:abc").err.startswith("invalid reference format")
    assert cli("push", f"app@sha256:{'a' * 64}").err == "cannot push a digest reference\n"


def test_login_keeps_the_account_where_docker_does(cli, lab, accounts, typed, tmp_path):
    accounts.parent.mkdir()
    accounts.write_text('{"detachKeys": "ctrl-x", "auths": {"other:1": {"auth": "YTpi"}}}')
    with lab.registry({"alice": "secret1"}) as registry:
        wrong = cli("login", "-u", "alice", "-p", "nope", registry.address)
        status = f"login attempt to {registry.url}/v2/ failed with status: 401 Unauthorized"
        assert wrong.code == 1 and wrong.err.splitlines()[1] == f"Error response from daemon: {status}"
        assert "detachKeys" in accounts.read_text() and "alice" not in accounts.read_text()
        result = cli("login", "-u", "alice", "-p", "secret1", registry.address)
        assert (result.code, result.out) == (0, "Login Succeeded\n")
        assert result.err.splitlines()[:2] == [
            "WARNING! Using --password via the CLI is insecure. Use --password-stdin.",
            f"WARNING! Your password will be stored unencrypted in {accounts}.",
        ]
        assert "secret1" not in result.out + result.err
        config = json.loads(accounts.read_text())
        assert config["auths"] == {"other:1": {"auth": "YTpi"}, registry.address: {"auth": "YWxpY2U6c2VjcmV0MQ=="}}
        assert config["detachKeys"] == "ctrl-x" and stat.S_IMODE(accounts.stat().st_mode) == 0o600
        assert sorted(os.listdir(accounts.parent)) == ["config.json"]
        assert cli("login", registry.address).out == "Authenticating with existing credentials...\nLogin Succeeded\n"
        typed("secret1\n")
        assert cli("login", "-u", "alice", "--password-stdin", registry.address).out == "Login Succeeded\n"

        image = lab.append(None, {"a": "1"})
        name = f"{registry.address}/alice/app:1"
        lab.tag(image, name)
        assert cli("push", name).code == 0
        lab.tag(image, f"{registry.address}/bob/app:1")
        result = cli("push", f"{registry.address}/bob/app:1")
        assert (result.code, result.err) == (1, "denied: requested access to the resource is denied\n")
        assert cli("logout", registry.address).ok == f"Removing login credentials for {registry.address}\n"
        assert cli("logout", registry.address).ok == f"Removing login credentials for {registry.address}\n"
        assert list(json.loads(accounts.read_text())["auths"]) == ["other:1"]
        assert cli("push", name).err == "no basic auth credentials\n"
        result = cli("pull", name)
        head = f'Head "{registry.url}/v2/alice/app/manifests/1": no basic auth credentials'
        assert (result.code, result.err) == (1, f"Error response from daemon: {head}\n")
    assert cli("logout").ok == "Removing login credentials for https://index.docker.io/v1/\n"


def test_a_notebook_has_accounts_of_its_own(cli, lab, accounts):
    with lab.registry({"alice": "secret1"}) as registry:
        assert cli("login", "-u", "alice", "-p", "secret1", registry.address, notebook=True).code == 0
        assert not accounts.exists() and (lab.home / "config.json").exists()
        lab.tag(lab.append(None, {"a": "1"}), f"{registry.address}/alice/app:1")
        assert cli("push", f"{registry.address}/alice/app:1", notebook=True).code == 0
        assert cli("push", f"{registry.address}/alice/app:1").code == 1
        assert lab.push(f"{registry.address}/alice/app:1").skipped
        lab.logout(registry.address)
        assert cli("push", f"{registry.address}/alice/app:1", notebook=True).code == 1


def test_images_shows_the_digest_of_the_registry(cli, lab, app, elsewhere):
    def rows(*args):
        return [line.split()[:4] for line in cli("images", "--digests", *args).ok.splitlines()[1:]]

    repository, image = app.rpartition(":")[0], lab.image(app)
    assert rows(repository) == [[repository, "1", "<none>", image.id.short]]
    assert json.loads(cli("inspect", app).ok)[0]["RepoDigests"] == []
    digest = lab.push(app).digest
    assert rows(repository) == [[repository, "1", digest, image.id.short]]
    assert json.loads(cli("inspect", app).ok)[0]["RepoDigests"] == [f"{repository}@{digest}"]
    assert json.loads(cli("inspect", f"{repository}@{digest}").ok)[0]["Id"] == image.id
    assert json.loads(cli("--as", "29", "inspect", app).ok)[0]["RepoDigests"] == [f"{repository}@{digest}"]
    other = lab.append(image, {"new": "1"})
    lab.tag(other, app)  # the old image stays, by its digest
    old = [repository, "<none>", digest, image.id.short]
    assert sorted(rows(repository)) == sorted([[repository, "1", "<none>", other.id.short], old])
    assert [repository, "<none>"] in [row[:2] for row in cli("images", repository).rows]
    lab.tag(image, f"{repository}:old")
    said = cli("rmi", f"{repository}@{digest}").ok
    assert said == f"Untagged: {repository}@{digest}\n"
    assert lab.image(f"{repository}:old") == image


def test_rmi_forgets_the_digests_of_the_repository_with_its_last_tag(cli, lab, app):
    repository, image = app.rpartition(":")[0], lab.image(app)
    digest = lab.push(app).digest
    lab.tag(app, f"{repository}:2")
    assert cli("rmi", f"{repository}:2").ok == f"Untagged: {repository}:2\n"
    said = cli("rmi", app).ok.splitlines()
    assert said[:3] == [f"Untagged: {app}", f"Untagged: {repository}@{digest}", f"Deleted: {image.id}"]


def test_rmi_by_the_digest_alone(cli, lab, app, elsewhere, tmp_path):
    repository, image = app.rpartition(":")[0], lab.image(app)
    digest = lab.push(app).digest
    elsewhere("pull", f"{repository}@{digest}")
    code, out, _ = elsewhere("rmi", f"{repository}@{digest}")
    assert (code, out.splitlines()[:2]) == (0, [f"Untagged: {repository}@{digest}", f"Deleted: {image.id}"])
    assert not Lab(tmp_path / "elsewhere", current=False).images(all=True)


def test_manifest_inspect(cli, lab, app):
    sent = lab.push(app)
    value = json.loads(cli("manifest", "inspect", app).ok)
    assert [layer["digest"] for layer in value["layers"]] == [blob.digest for blob in sent.blobs[:2]]
    assert cli("manifest", "inspect", app).ok.startswith('{\n\t"schemaVersion": 2,\n')
    whole = json.loads(cli("manifest", "inspect", "-v", app).ok)
    assert whole["Ref"] == app and whole["OCIManifest"] == value
    platform = {"architecture": "amd64", "os": "linux"}
    assert whole["Descriptor"] == {
        "mediaType": value["mediaType"], "digest": sent.digest, "size": sent.blobs[-1].size, "platform": platform,
    }  # fmt: skip


def test_registry_ls_of_a_host(cli, lab, app, registry):
    sent = lab.push(app)
    size = f"{sent.blobs[-1].size}B"
    assert cli("registry", "ls", registry.address).rows == [["reg/app", "1", sent.digest[:19], size]]
    assert cli("registry", "ls", f"{registry.address}/reg/app").rows == [["reg/app", "1", sent.digest[:19], size]]
    assert cli("registry", "ls", f"{registry.address}/nope").err.startswith("Error: repository ")


def test_run_pulls_what_is_missing(cli, elsewhere, lab, registry):
    """What docker prints of the pull goes to stderr, and its last line, the name, is left out."""
    lab.base()
    name = f"{registry.address}/shell:1"
    lab.tag(lab.append("lab/shell:1.0", {"hello": "hello\n"}), name)
    digest = lab.push(name).digest
    code, out, err = elsewhere("run", "--rm", "--pull", "never", name, "cat", "/hello")
    assert (code, out) == (125, "") and f"No such image: {name}" in err and "Unable to find" not in err
    code, out, err = elsewhere("run", "--rm", name, "cat", "/hello")
    assert (code, out) == (0, "hello\n")
    assert err.startswith(f"Unable to find image '{name}' locally\n1: Pulling from shell\n")
    assert err.endswith(f"Digest: {digest}\nStatus: Downloaded newer image for {name}\n")
    assert elsewhere("run", "--rm", name, "cat", "/hello") == (0, "hello\n", "")
    lab.tag(lab.append("lab/shell:1.0", {"hello": "moved\n"}), name)
    lab.push(name)
    assert elsewhere("run", "--rm", name, "cat", "/hello")[1] == "hello\n"  # docker asks no registry here either
    code, out, err = elsewhere("run", "--rm", "--pull", "always", name, "cat", "/hello")
    assert (code, out) == (0, "moved\n") and err.startswith("1: Pulling from shell\n")


def test_build_pulls_what_is_missing(elsewhere, lab, registry, tmp_path):
    name = f"{registry.address}/base:1"
    lab.tag(lab.append(None, {"base": "1"}), name)
    lab.push(name)
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(f"FROM {name} AS a\nFROM scratch\nCOPY --from={name} /base /from\n")
    code, _, err = elsewhere("build", "-t", "built", context)
    assert code == 0, err
    (context / "Dockerfile").write_text(f"FROM {name}\nLABEL a=b\n")
    assert elsewhere("build", "-t", "built", context)[0] == 0
    lab.tag(lab.append(None, {"base": "2"}), name)
    lab.push(name)
    there = Lab(tmp_path / "elsewhere", current=False)
    assert elsewhere("build", "-t", "old", context)[0] == elsewhere("build", "--pull", "-t", "new", context)[0] == 0
    assert there.image("old").diff_ids[0] != there.image("new").diff_ids[0] == lab.image(name).diff_ids[0]
    (context / "Dockerfile").write_text("FROM 127.0.0.1:1/x:1\n")
    code, _, err = elsewhere("build", context)
    assert code == 1
    assert "Dockerfile:1: FROM: there is no image '127.0.0.1:1/x:1' here, and it cannot be pulled: Get " in err
