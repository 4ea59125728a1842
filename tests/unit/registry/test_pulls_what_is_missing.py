"""`lab.run`, `lab.create` and `lab.build` pull images that are not here, as the command line does."""

from __future__ import annotations

import pytest

from imagelab.build.dockerfile import DockerfileError
from imagelab.errors import InvalidReference, LabError, NotFound

UNREACHABLE = r"Get \"http://127\.0\.0\.1:1/v2/\": dial tcp 127\.0\.0\.1:1: connect: connection refused"


@pytest.fixture
def shell(lab, registry) -> str:
    """The name of an image in the registry that has a shell; its /hello says 1."""
    lab.base()
    return push_hello(lab, f"{registry.address}/shell:1", "1")


def push_hello(lab, name, text):
    lab.tag(lab.append("lab/shell:1.0", {"hello": text}), name)
    lab.push(name)
    return name


def test_run_and_create_pull_what_is_missing_once(other, shell, registry):
    for pull in ("never", "sometimes"):
        with pytest.raises(LabError, match="No such image" if pull == "never" else "missing, always or never"):
            other.run(shell, "cat", "/hello", pull=pull)
    container = other.run(shell, "cat", "/hello")
    assert (container.logs(), container.spec.image_name) == ("1", shell)
    asked = len(registry.log())
    assert other.create(shell, "true", pull="missing").image == other.image(shell)
    assert len(registry.log()) == asked


def test_always_asks_the_registry_for_what_is_here(lab, other, shell):
    other.pull(shell)
    push_hello(lab, shell, "2")
    assert other.run(shell, "cat", "/hello").logs() == "1"
    assert other.run(shell, "cat", "/hello", pull="always").logs() == "2"


def test_what_cannot_be_pulled_is_said_in_dockers_words(lab, shell, registry):
    with pytest.raises(NotFound, match=rf"^Unable to find image '127\.0\.0\.1:1/x:latest' locally: {UNREACHABLE}"):
        lab.run("127.0.0.1:1/x")
    name = f"{registry.address}/no/such:1"
    unknown = f"repository {registry.address}/no/such not found: name unknown: repository name not known to registry"
    with pytest.raises(NotFound, match=f"^Unable to find image '{name}' locally: {unknown}$"):
        lab.create(name)
    with pytest.raises(NotFound, match=f"^{unknown}$"):
        lab.create(name, pull="always")
    with pytest.raises(InvalidReference):
        lab.run("No Name")


@pytest.mark.parametrize("pull", ["missing", "always"])
def test_an_id_and_an_image_made_here_are_never_pulled(lab, registry, pull):
    image = lab.base()
    assert lab.create(image.id.short, pull=pull).image == lab.create(image, pull=pull).image == image
    assert lab.create("lab/shell:1.0", pull=pull).image == image
    with pytest.raises(NotFound, match=r"^No such image: sha256:0123456789ab$"):
        lab.create("sha256:0123456789ab", pull=pull)


def test_build_pulls_what_its_from_and_copy_name(lab, other, shell, registry):
    dockerfile = f"FROM {shell} AS a\nFROM scratch\nCOPY --from=a /hello /a\nCOPY --from={shell} /hello /from\n"
    absent = r"^Dockerfile:1: FROM: there is no image '127\.0\.0\.1:\d+/(shell:1|x)' here"
    with pytest.raises(DockerfileError, match=f"{absent}: load or build it first"):
        other.build({"Dockerfile": dockerfile}, pull="never")
    assert other.build({"Dockerfile": dockerfile}).image.read("from") == b"1"
    push_hello(lab, shell, "2")
    assert other.build({"Dockerfile": dockerfile}).image.read("from") == b"1"
    assert other.build({"Dockerfile": dockerfile}, pull="always").image.read("from") == b"2"
    with pytest.raises(DockerfileError, match=f"{absent}, and it cannot be pulled: {UNREACHABLE}"):
        other.build({"Dockerfile": "FROM 127.0.0.1:1/x\n"})
    with pytest.raises(DockerfileError, match=f"^Dockerfile:1: FROM: {UNREACHABLE}"):
        other.build({"Dockerfile": "FROM 127.0.0.1:1/x\n"}, pull="always")
