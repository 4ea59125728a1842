"""Stages: which one a FROM or a COPY --from means, once variables are replaced."""

from __future__ import annotations

import pytest

from imagelab import Lab
from imagelab.build.dockerfile import DockerfileError


@pytest.fixture(scope="module")
def lab():
    made = Lab.temporary()
    made.append(None, {"f": "base"}, "base:1")
    return made


def env(lab, text: str, **args: str) -> list[str]:
    built = lab.build({"Dockerfile": text}, build_args=args)
    return built.image.config["config"].get("Env") or []


MODES = (
    "ARG MODE=dev\nFROM base:1 AS run-dev\nENV A=dev\nFROM base:1 AS run-prod\nENV A=prod\n"
    "FROM run-${MODE} AS final\nENV B=$A\n"
)


def test_a_stage_is_named_through_a_variable_and_only_that_one_is_built(lab):
    for mode in ("dev", "prod"):
        built = lab.build({"Dockerfile": MODES}, build_args={"MODE": mode})
        assert built.image.config["config"]["Env"] == [f"A={mode}", f"B={mode}"]
        assert built.unused_args == ()
        assert [stage.built for stage in built.stages] == [mode == "dev", mode == "prod", True]


@pytest.mark.parametrize(
    "base", ["$S", "${S}", "${X:-one}", "${S:+one}", '"$S"', "o${N}ne", "${TARGETOS:+one}", "'one'"]
)
def test_forms_of_a_variable_in_from(lab, base):
    assert env(lab, f"ARG S=one\nFROM base:1 AS One\nENV A=1\nFROM {base}\nENV B=$A\n") == ["A=1", "B=1"]


def test_the_nearest_stage_of_a_name_counts_and_one_may_continue_another_of_its_name(lab):
    text = "ARG S=s\nFROM base:1 AS s\nENV A=1\nFROM $S AS s\nENV B=$A\nFROM s\nENV C=$B\n"
    assert env(lab, text) == ["A=1", "B=1", "C=1"]


def test_copy_finds_a_stage_by_name_in_any_case_or_by_number(lab):
    text = "FROM base:1 AS One\nFROM scratch\nCOPY --from=ONE f /1\nCOPY --from=0 f /2\nCOPY --from=00 f /3\n"
    assert set(lab.build({"Dockerfile": text}).image.tree()) == {"", "1", "2", "3"}


WRONG = {
    "ARG S=0\nFROM base:1\nFROM $S\n": "Dockerfile:3: FROM: there is no image '0' here: FROM finds a stage by its name",
    "FROM base:1 AS one\nFROM ONE\n": r"Dockerfile:2: FROM: .*lower",
    "ARG S=later\nFROM $S AS a\nFROM base:1 AS later\nFROM a\n": r":2: FROM: .* \(line 3\) does not come before this",
    "FROM $S AS unneeded\nFROM base:1\n": r"Dockerfile:1: FROM: base name \(\$S\) should not be blank",
    "FROM base:1 AS one\nARG S=one\nFROM $S\n": r"Dockerfile:3: FROM: base name \(\$S\) should not be blank",
    "FROM ${S\n": r"Dockerfile:1: FROM: failed to process '\${S'",
    "ARG S=one\nFROM base:1 AS one\nFROM base:1\nARG S\nCOPY --from=$S f /g\n":
        r"Dockerfile:5: COPY: --from=\$S: variables are not replaced in --from: .* 'FROM \$S AS name' with an ARG",
    "FROM --platform=$NO base:1\n": r"Dockerfile:1: FROM: empty platform value from expression \$NO",
    "FROM --platform=linux/moon base:1\n": r"Dockerfile:1: FROM: failed to parse platform 'linux/moon'",
    "FROM --platform=arm64 base:1\n": "the image 'base:1' here is for linux/amd64, and --platform asks for linux/arm64",
}  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_invalid_names_of_stages_and_platforms(lab, text):
    with pytest.raises(DockerfileError, match=WRONG[text]):
        lab.build({"Dockerfile": text})


@pytest.mark.parametrize("platform", ["$BUILDPLATFORM", "linux/x86_64", "amd64", "linux", "Linux/amd64"])
def test_platforms_that_an_image_is_for(lab, platform):
    assert lab.build({"Dockerfile": f"FROM --platform={platform} base:1\n"}).image


def test_what_imagelab_makes_itself_runs_on_any_platform():
    lab = Lab.temporary(platform="linux/arm64")
    assert lab.build({"Dockerfile": "FROM --platform=$BUILDPLATFORM lab/shell:1.0 AS a\nFROM --platform=arm64 a\n"})


@pytest.mark.parametrize(
    "text, json",
    [
        ('COPY "my file" /x/', '["my file", "/x/"]'),
        ("COPY my\\ file /x/", '["my file", "/x/"]'),
        ("COPY --chown=1:2 --from=s 'my file' other /x/", '--chown=1:2 --from=s ["my file", "other", "/x/"]'),
        ('ADD a "/x y/"', 'ADD ["a", "/x y/"]'),
        ('COPY "$A b" /x/', '["$A b", "/x/"]'),
        ("COPY '$A b' /x/", '["\'$A b\'", "/x/"]'),
        ('COPY "ü ü" /x/', '["ü ü", "/x/"]'),
    ],
)
def test_a_name_with_a_space_is_an_error_that_shows_the_json_form(lab, text, json):
    with pytest.raises(DockerfileError) as error:
        lab.build({"my file": "x", "Dockerfile": f"FROM base:1 AS s\nFROM base:1\n{text}\n"})
    assert str(error.value).startswith(f"Dockerfile:3: {text[:4].strip()}: docker splits this line at each space")
    assert str(error.value).endswith(json)


def test_a_stage_has_the_arguments_of_the_one_that_it_continues(tmp_path):
    text = (
        "FROM scratch AS a\nARG A=1\nARG B\nENV C=3\nFROM a AS b\nENV D=$A$B$C\nFROM scratch\nENV E=$A\nFROM b\n"
        "ARG B=2\nENV F=$A$B\n"
    )
    built = Lab(tmp_path / "home", epoch=0).build({"Dockerfile": text}, build_args={"B": "7"})
    env = dict(line.split("=", 1) for line in built.image.config["config"]["Env"])
    assert (env["D"], env["F"]) == ("173", "17")
