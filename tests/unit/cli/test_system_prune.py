"""`docker system prune`: what goes, what stays, and the question before it."""

from __future__ import annotations

import pytest

from imagelab.cli import run
from imagelab.cli.command import Session


@pytest.fixture
def docker(lab, capsys, monkeypatch):
    def say(*args, answer=""):
        monkeypatch.setattr("sys.stdin.readline", lambda: answer, raising=False)
        code = run(["system", "prune", *args], name="docker", session=Session(lab=lab))
        out, err = capsys.readouterr()
        return code, out, err

    return say


@pytest.fixture
def used(lab):
    """An image with a container, one without, one without a name, an anonymous volume and a named one."""
    image = lab.append(lab.base(), {"menu.txt": "soup 4\n"}, "shop:1.0")
    lab.append(image, {"menu.txt": "soup 5\n"}, "shop:2.0")
    lab.append(None, {"x": "y"})
    lab.create("shop:1.0", "true", name="stopped", labels={"keep": "yes"})
    lab.create_volume("named")
    lab.create_volume()
    return lab


def test_it_asks_first_and_says_what_would_go(docker, used):
    code, out, _ = docker("-a", "--volumes", "--filter", "label=a=b", answer="n\n")
    assert code == 0 and out == (
        "WARNING! This will remove:\n  - all stopped containers\n  - all anonymous volumes not used by at least one "
        "container\n  - all images without at least one container associated to them\n  - all build cache\n\n"
        "  Items to be pruned will be filtered with:\n  - label=a=b\n\nAre you sure you want to continue? [y/N] "
    )
    assert used.containers()


def test_stopped_containers_and_dangling_images_go(docker, used):
    stopped = used.container("stopped").id
    code, out, _ = docker("-f")
    assert code == 0 and out.startswith(f"Deleted Containers:\n{stopped}\n\nDeleted Images:\ndeleted: sha256:")
    assert "\n\nTotal reclaimed space: " in out
    assert not used.containers() and {str(name) for name in used.tags()} >= {"shop:1.0", "shop:2.0"}
    assert len(used.volumes()) == 2


def test_with_all_and_volumes_what_is_not_used_goes_and_named_volumes_stay(docker, used):
    docker("-a", "-f", "--volumes")
    assert not used.images() and [one.name for one in used.volumes()] == ["named"]


def test_a_filter_keeps_what_it_does_not_name(docker, used):
    docker("-f", "--filter", "label!=keep")
    assert [one.name for one in used.containers()] == ["stopped"]


def test_volumes_have_no_time(docker, used):
    code, _, err = docker("--volumes", "--filter", "until=1h")
    assert code == 1 and 'The "until" filter is not supported with "--volumes"' in err
