"""`commit --change` and `import --change`: the instructions are read as those of a Dockerfile are.

What each sets is what Docker Engine 20.10 set; `tests/judges/test_changes.py` asks it again.
"""

from __future__ import annotations

import io
import tarfile

import pytest

from imagelab import Lab
from imagelab.build.config import applied
from imagelab.build.dockerfile import DockerfileError
from imagelab.oci.image import Image
from imagelab.oci.manifest import dump, manifest_for

BEFORE = {
    "Cmd": ["echo", "hi"], "Env": ["Q=q", "PATH=/bin"], "Labels": {"k": "v"}, "User": "me", "WorkingDir": "/wd",
}  # fmt: skip


@pytest.mark.parametrize(
    "changes, config",
    [
        ([], {}),
        (['CMD ["/app", "-v"]'], {"Cmd": ["/app", "-v"]}),
        (["CMD echo $Q"], {"Cmd": ["/bin/sh", "-c", "echo $Q"]}),
        (["CMD [not json"], {"Cmd": ["/bin/sh", "-c", "[not json"]}),
        (["CMD []"], {}),
        (['ENTRYPOINT ["/bin/sh"]'], {"Entrypoint": ["/bin/sh"], "Cmd": None}),
        (["ENTRYPOINT run it"], {"Entrypoint": ["/bin/sh", "-c", "run it"], "Cmd": None}),
        (['CMD ["x"]', 'ENTRYPOINT ["/e"]'], {"Entrypoint": ["/e"], "Cmd": ["x"]}),
        (['ENTRYPOINT ["/e"]', 'CMD ["x"]'], {"Entrypoint": ["/e"], "Cmd": ["x"]}),
        (["ENTRYPOINT []"], {}),
        (['ENV A=b C="d e" D=f\\ g'], {"Env": [*BEFORE["Env"], "A=b", "C=d e", "D=f g"]}),
        (["ENV A the rest of $Q"], {"Env": [*BEFORE["Env"], "A=the rest of q"]}),
        (["ENV A=b$PATH B=$A"], {"Env": [*BEFORE["Env"], "A=b/bin", "B="]}),
        (["ENV A=1", "ENV B=$A${N:-n}", "env Q=3"], {"Env": ["Q=3", "PATH=/bin", "A=1", "B=1n"]}),
        (["LABEL a=b 'c d'=$Q", "label k=w"], {"Labels": {"k": "w", "a": "b", "c d": "q"}}),
        (["EXPOSE 80 53/udp", "EXPOSE 8000-8001"],
         {"ExposedPorts": {"80/tcp": {}, "53/udp": {}, "8000/tcp": {}, "8001/tcp": {}}}),
        (['VOLUME ["/a b", "/$Q"]', "VOLUME /d $Q"], {"Volumes": {"/a b": {}, "/q": {}, "/d": {}, "q": {}}}),
        (["WORKDIR a", "WORKDIR b/../$Q"], {"WorkingDir": "/wd/a/q"}),
        (["USER $Q:1000"], {"User": "q:1000"}),
        (["USER $NONE"], {}),
        (["ONBUILD RUN a", "ONBUILD ENV A=$Q"], {"OnBuild": ["RUN a", "ENV A=$Q"]}),
        (["HEALTHCHECK --interval=5s --retries=3 CMD true"],
         {"Healthcheck": {"Test": ["CMD-SHELL", "true"], "Interval": 5_000_000_000, "Retries": 3}}),
        (["HEALTHCHECK NONE"], {"Healthcheck": {"Test": ["NONE"]}}),
        (["# a comment\n  ENV A=1 \\\n    B=2\nLABEL k=w"],
         {"Env": [*BEFORE["Env"], "A=1", "B=2"], "Labels": {"k": "w"}}),
        (["ENV A=1 \\", "B=2"], {"Env": [*BEFORE["Env"], "A=1", "B=2"]}),
        (["# escape=`\nENV A=c:\\x B=`$Q"], {"Env": [*BEFORE["Env"], "A=c:\\x", "B=$Q"]}),
        (["ENV\tA=1"], {"Env": [*BEFORE["Env"], "A=1"]}),
    ],
)  # fmt: skip
def test_the_config_keys_that_changes_set(changes, config):
    assert applied(changes, BEFORE) == config


@pytest.mark.parametrize(
    "changes, error",
    [
        (["RUN x"], "run is not a valid change command: expected one of CMD, ENTRYPOINT, ENV"),
        (["STOPSIGNAL SIGTERM"], "stopsignal is not a valid change command"),
        (['SHELL ["/bin/sh", "-c"]'], "shell is not a valid change command"),
        (["ARG A=1"], "arg is not a valid change command"),
        (["FROM x"], "from is not a valid change command"),
        (["Fetch x"], "fetch is not a valid change command"),
        (["ENV A=1\nRUN x"], "run is not a valid change command"),
        ([""], "--change: no instruction in it"),
        (["# only a comment"], "--change: no instruction in it"),
        (["ENV A"], "--change:1: ENV must have two arguments"),
        (["ENV A=b C"], "--change:1: Syntax error - can't find = in \"C\""),
        (["LABEL a=b", "ENV A='b"], "--change:2: ENV: failed to process \"'b\": unexpected end of statement"),
        (["ENV A=${Q"], "--change:1: ENV: failed to process '${Q': syntax error"),
        (["EXPOSE ${Q"], "--change:1: EXPOSE: failed to process '${Q': syntax error"),
        (["EXPOSE web"], "--change:1: EXPOSE: invalid containerPort: web"),
        (["EXPOSE 70000"], "--change:1: EXPOSE: invalid containerPort: 70000"),
        (["EXPOSE 90-80"], "--change:1: EXPOSE: invalid containerPort: 90-80"),
        (['VOLUME [""]'], "--change:1: VOLUME: a volume needs a path"),
        (["WORKDIR $NONE"], "--change:1: WORKDIR: cannot normalize nothing"),
        (["ONBUILD ONBUILD RUN x"], "--change:1: ONBUILD: ONBUILD isn't allowed"),
        (["HEALTHCHECK"], "--change:1: HEALTHCHECK: requires at least one argument"),
        (["USER"], "--change:1: USER: requires at least one argument"),
    ],
)
def test_changes_that_are_wrong(changes, error):
    with pytest.raises(DockerfileError) as caught:
        applied(changes, BEFORE)
    assert str(caught.value).startswith(error)


def test_a_container_committed_with_changes_keeps_the_rest_of_its_config():
    lab = Lab.temporary()
    base = lab.append(None, {"f": "1"}).with_config(
        Cmd=["x"], Env=["A=1", "PATH=/bin"], ExposedPorts={"80/tcp": {}}, StopSignal="SIGQUIT"
    )
    container = lab.create(base, "run", "it", name="web", env={"B": "2"})
    image = container.commit("c:1", changes=['ENTRYPOINT ["/e"]', "ENV C=$A$B"])
    config = image.config["config"]
    assert (config["Entrypoint"], config.get("Cmd"), config["StopSignal"]) == (["/e"], None, "SIGQUIT")
    assert config["ExposedPorts"] == {"80/tcp": {}}
    assert sorted(config["Env"]) == ["A=1", "B=2", "C=12", "PATH=/bin"]
    before = lab.store.tags()
    with pytest.raises(DockerfileError, match="not a valid change command"):
        container.commit("c:2", changes=["RUN x"])
    assert lab.store.tags() == before


def kept(image, **more):
    """The same image as another program writes it, with more keys in its config."""
    config = dump(image.config | more)
    manifest = manifest_for(config, [layer.descriptor for layer in image.layers])
    return image._store.add(Image(manifest, image._store, config))


def test_an_image_of_docker_s_with_keys_that_only_docker_writes_can_be_committed():
    """Docker's commit writes Hostname, AttachStdout and others into the config: they stay, and are no mistake."""
    lab = Lab.temporary()
    base = lab.append(None, {"f": "1"})
    image = kept(base, config={"Hostname": "abc", "AttachStdout": True, "Cmd": ["x"]})
    made = lab.create(image, name="odd").commit(changes=["LABEL a=b"])
    assert made.config["config"]["Hostname"] == "abc"
    assert made.config["config"]["Labels"] == {"a": "b"}


def test_import_applies_changes_to_the_config():
    archive = io.BytesIO()
    tarfile.open(fileobj=archive, mode="w").close()
    lab = Lab.temporary()
    image = lab.import_(io.BytesIO(archive.getvalue()), changes=["ENV A=1", "ENV B=$A$PATH", "HEALTHCHECK NONE"])
    assert image.config["config"] == {"Env": ["A=1", "B=1"], "Healthcheck": {"Test": ["NONE"]}}


def test_a_commit_has_its_own_message_and_author():
    lab = Lab.temporary()
    base = lab.append(None, {"f": "1"})
    base = kept(base, comment="Imported from -", author="somebody", config={"Cmd": ["x"]})
    container = lab.create(base)
    for message, author in (("my note", "me"), ("", "")):
        image = container.commit(message=message, author=author)
        assert image.config.get("comment", "") == ""  # docker's inspect takes it from the history then
        assert image.config.get("author", "") == author
        assert image.steps[-1].comment == message
        assert image.steps[-1].author == author
