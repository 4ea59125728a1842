"""`--filter`: which images each question lets through."""

from __future__ import annotations

import time

import pytest

from imagelab import Lab, Reference
from imagelab.cli.command import Failed
from imagelab.cli.filters import names_fit

from .conftest import THREE_DAYS_AGO

DAY = 86400


@pytest.fixture
def four(home):
    """old:1, app:1 and app:2 (labelled), and one without a name; each a day younger than the one before."""

    def made(day, tag, **config):
        lab = Lab(home, epoch=THREE_DAYS_AGO - (4 - day) * DAY)
        image = lab.append(None, {"f": str(day)}).with_config(**config) if config else lab.append(None, {"f": str(day)})
        return lab.tag(image, tag) if tag else image

    made(0, "old:1")
    made(1, "app:1", Labels={"team": "lab", "stage": "test"})
    made(2, "app:2", Labels={"team": "lab"})
    return made(3, None)


@pytest.mark.parametrize(
    "filters, found",
    [
        (["dangling=true"], ["<none>:<none>"]),
        (["dangling=1"], ["<none>:<none>"]),
        (["dangling=false"], ["app:2", "app:1", "old:1"]),
        (["reference=app"], ["app:2", "app:1"]),
        (["reference=*:1"], ["app:1", "old:1"]),
        (["reference=app:2", "reference=old"], ["app:2", "old:1"]),
        (["label=team"], ["app:2", "app:1"]),
        (["label=team=lab", "label=stage"], ["app:1"]),
        (["label=team=other"], []),
        (["label=nothing"], []),
        (["before=app:2"], ["app:1", "old:1"]),
        (["since=app:1"], ["<none>:<none>", "app:2"]),
        (["since=old:1", "before=app:2"], ["app:1"]),
        (["reference=app", "label=stage=test"], ["app:1"]),
        (["dangling=true", "reference=app"], []),
    ],
)
def test_images(cli, four, filters, found):
    options = [option for text in filters for option in ("--filter", text)]
    assert cli("images", "--format", "{{.Repository}}:{{.Tag}}", *options).ok.split() == found


@pytest.mark.parametrize(
    "text, code, error",
    [
        (
            "nope", 125,
            'invalid argument "nope" for "-f, --filter" flag: bad format of filter (expected name=value)',
        ),
        ("nope=1", 1, "Error: Invalid filter 'nope': the filters here are before, dangling, label, reference, since"),
        ("dangling=maybe", 1, "Error: Invalid filter 'dangling=[maybe]': expected true or false"),
        ("since=nosuch", 1, "Error: No such image: nosuch"),
        ("reference=a[", 1, "Error: syntax error in pattern 'a[': '[' without ']'"),
    ],
)  # fmt: skip
def test_wrong_filters(cli, four, text, code, error):
    result = cli("images", "-f", text)
    assert (result.code, result.out) == (code, "")
    assert result.err.rstrip("\n") == error


@pytest.mark.parametrize(
    "name, pattern, fits",
    [
        ("app:1.0", "app", True),
        ("app:1.0", "app:*", True),
        ("app:1.0", "app:1.?", True),
        ("app:1.0", "app:1", False),
        ("team/app:1", "*", False),  # a * stops at a slash
        ("team/app:1", "*/*", True),
        ("team/app:1", "t[a-f]am/app", True),
        ("team/app:1", "t[^a-f]am/app", False),
        ("team/app:1", "team[^x]app", True),  # a class need not
        ("localhost:5000/app:1", r"localhost\:5000/a[p\-]p", True),
        ("app:1.0", r"app:1[\-.]0", True),
        ("app:1.0", "app:1[-.]0", None),
        ("app:1.0", "app:1[]", None),
        ("docker.io/library/app:1", "docker.io/library/app", False),  # patterns meet the short name
    ],
)
def test_patterns_are_those_of_go_s_path_match(name, pattern, fits):
    reference = Reference.parse(name)
    if fits is None:
        with pytest.raises(Failed):
            names_fit(reference, [pattern])
    else:
        assert names_fit(reference, [pattern]) is fits


@pytest.mark.parametrize(
    "until, left",
    [
        ("130h", 2),  # the two oldest are 7 and 6 days old: 168 h and 144 h
        ("5d", None),
        ("10000h", 4),
        ("1h30m", 0),
        (str(THREE_DAYS_AGO - 3 * DAY), 2),  # app:1 is of that very second
        (str(THREE_DAYS_AGO - 3 * DAY - 1), 3),
        (time.strftime("%Y-%m-%d", time.localtime(THREE_DAYS_AGO + DAY)), 0),
        ("zzz", None),
    ],
    ids=["duration", "days are none", "long ago", "hours and minutes", "seconds", "before", "date", "nonsense"],
)
def test_prune_until(cli, four, until, left):
    result = cli("image", "prune", "--all", "--force", "--filter", f"until={until}")
    if left is None:
        assert (result.code, result.err) == (1, f'Error: failed to parse value as time or duration: "{until}"\n')
    else:
        assert result.code == 0
        assert len(cli("images", "-q").ok.split()) == left


def test_prune_keeps_what_has_all_the_labels_that_label_not_names(cli, four):
    assert cli("image", "prune", "-f", "--filter", "label!=team").ok.count("deleted: ") == 2, "the one without a name"
    assert "untagged: app:2\n" in cli("image", "prune", "-af", "--filter", "label!=team", "--filter", "label!=stage").ok
    assert cli("images", "--format", "{{.Repository}}:{{.Tag}}").ok == "app:1\n"


def test_prune_by_label(cli, four):
    assert "untagged: app:1\n" in cli("image", "prune", "-a", "-f", "--filter", "label=stage").ok
    assert cli("images", "--format", "{{.Repository}}:{{.Tag}}").ok.split() == ["<none>:<none>", "app:2", "old:1"]
