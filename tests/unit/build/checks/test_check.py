"""BuildKit's checks: each rule finds what it should, at its line and in BuildKit's words, and nothing else."""

from __future__ import annotations

import pytest

from imagelab import Lab
from imagelab.build.checks.rules import MESSAGES, settings_of
from imagelab.errors import LabError

BASE = "FROM lab/shell:1.0\n"
# name → Dockerfile, and the lines of all warnings
FOUND = {
    "StageNameCasing": (
        "FROM lab/shell:1.0 AS Made\n", ["StageNameCasing: Stage name 'Made' should be lowercase (line 1)"]
    ),
    "FromAsCasing": (
        "FROM lab/shell:1.0 as made\n", ["FromAsCasing: 'as' and 'FROM' keywords' casing do not match (line 1)"]
    ),
    "FromAsCasing, lower": (
        "from lab/shell:1.0 AS made\n", ["FromAsCasing: 'AS' and 'from' keywords' casing do not match (line 1)"]
    ),
    "NoEmptyContinuation": (
        f"{BASE}RUN echo \\\n\n  hi\n", ["NoEmptyContinuation: Empty continuation line (line 4)"]
    ),
    "ConsistentInstructionCasing": (
        f"{BASE}run echo\nRun echo\nENV A=b\n",
        [f"ConsistentInstructionCasing: Command '{name}' should match the case of the command majority (uppercase) "
         f"(line {line})" for line, name in ((2, "run"), (3, "Run"))],
    ),
    "ConsistentInstructionCasing, lower": (
        "from lab/shell:1.0\nrun echo\nENV A=b\n",
        ["ConsistentInstructionCasing: Command 'ENV' should match the case of the command majority (lowercase) "
         "(line 3)"],
    ),
    "DuplicateStageName": (
        f"{BASE[:-1]} AS a\n{BASE[:-1]} AS A\n",
        ['DuplicateStageName: Duplicate stage name "a", stage names should be unique (line 2)',
         "StageNameCasing: Stage name 'A' should be lowercase (line 2)"],
    ),
    "ReservedStageName": (
        f"{BASE[:-1]} AS context\n",
        ['ReservedStageName: Stage name should not use the same name as reserved stage "context" (line 1)'],
    ),
    "JSONArgsRecommended": (
        f"{BASE}CMD echo hi\nENTRYPOINT top\n",
        [f"JSONArgsRecommended: JSON arguments recommended for {name} to prevent unintended behavior related to OS "
         f"signals (line {line})" for line, name in ((2, "CMD"), (3, "ENTRYPOINT"))],
    ),
    "MaintainerDeprecated": (
        f"{BASE}MAINTAINER me\n",
        ["MaintainerDeprecated: Maintainer instruction is deprecated in favor of using label (line 2)"],
    ),
    "UndefinedArgInFrom": (
        "ARG VERSION=1.0\nFROM lab/shell:${VERSON:-1.0}\n",
        ["UndefinedArgInFrom: FROM argument 'VERSON' is not declared (did you mean VERSION?) (line 2)"],
    ),
    "WorkdirRelativePath": (
        f"{BASE}WORKDIR app\nWORKDIR more\n",
        ['WorkdirRelativePath: Relative workdir "app" can have unexpected results if the base image changes (line 2)'],
    ),
    "UndefinedVar": (
        f"{BASE}COPY $FOO .\nENV PATH=$PAHT:/x\nARG A=$NONE\nUSER ${{OTHER:-me}}\nRUN echo $NOT_CHECKED\n",
        ["UndefinedVar: Usage of undefined variable '$FOO' (line 2)",
         "UndefinedVar: Usage of undefined variable '$PAHT' (did you mean $PATH?) (line 3)",
         "UndefinedVar: Usage of undefined variable '$NONE' (line 4)",
         "UndefinedVar: Usage of undefined variable '$OTHER' (line 5)"],
    ),
    "MultipleInstructionsDisallowed": (
        f'{BASE}CMD ["a"]\nHEALTHCHECK NONE\nCMD ["b"]\nHEALTHCHECK CMD true\n',
        [f"MultipleInstructionsDisallowed: Multiple {name} instructions should not be used in the same stage because "
         f"only the last one will be used (line {line})" for line, name in ((2, "CMD"), (3, "HEALTHCHECK"))],
    ),
    "LegacyKeyValueFormat": (
        f"{BASE}ENV A b\nLABEL c d\nENV e=f\n",
        [f'LegacyKeyValueFormat: "{name} key=value" should be used instead of legacy "{name} key value" format '
         f"(line {line})" for line, name in ((2, "ENV"), (3, "LABEL"))],
    ),
    "RedundantTargetPlatform": (
        "FROM --platform=$TARGETPLATFORM lab/shell:1.0\n",
        ["RedundantTargetPlatform: Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the "
         "default behavior (line 1)"],
    ),
    "SecretsUsedInArgOrEnv": (
        f"{BASE}ARG API_KEY PUBLIC_KEY\nENV A=1 DB_PASSWORD=x TOKEN_FILE=/run/x MONKEY=1\n",
        ['SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions for sensitive data (ARG "API_KEY") (line 2)',
         'SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions for sensitive data (ENV "DB_PASSWORD") (line 3)'],
    ),
    "InvalidDefaultArgInFrom": (
        "ARG TAG\nFROM lab/shell:${TAG}\n",
        ["InvalidDefaultArgInFrom: Default value for ARG lab/shell:${TAG} results in empty or invalid base image name "
         "(line 2)"],
    ),
    "FromPlatformFlagConstDisallowed": (
        "FROM --platform=linux/amd64 lab/shell:1.0 AS made\nFROM --platform=linux/amd64 lab/shell:1.0 AS on-amd64\n",
        ['FromPlatformFlagConstDisallowed: FROM --platform flag should not use constant value "linux/amd64" (line 1)'],
    ),
    "CopyIgnoredFile": (
        f"{BASE}COPY left /\nADD ./dir/x here /y/\nCOPY --from=lab/shell:1.0 left /\n",
        ['CopyIgnoredFile: Attempting to Copy file "left" that is excluded by .dockerignore (line 2)',
         'CopyIgnoredFile: Attempting to Add file "dir/x" that is excluded by .dockerignore (line 3)'],
    ),
    "ExposeProtoCasing": (
        f"{BASE}EXPOSE 80/TCP 53/udp\n",
        ["ExposeProtoCasing: Defined protocol '80/TCP' in EXPOSE instruction should be lowercase (line 2)"],
    ),
    "ExposeInvalidFormat": (
        f"{BASE}EXPOSE 127.0.0.1:80:8080 443\n",
        ["ExposeInvalidFormat: EXPOSE instruction should not define an IP address or host-port mapping, found "
         "'127.0.0.1:80:8080' (line 2)"],
    ),
}  # fmt: skip
NOTHING = {
    "a usual Dockerfile": 'FROM lab/shell:1.0 AS made\nARG A\nENV B=1 PATH=$PATH:/x\nWORKDIR /app\nWORKDIR sub$A$B\n'
    'COPY --from=lab/shell:1.0 a .\nSHELL ["/bin/sh", "-c"]\nCMD echo hi\n',
    "one that is written in lower case": "from lab/shell:1.0 as made\nrun echo\n",
    "a stage that continues another": "FROM lab/shell:1.0 AS a\nARG A=1\nWORKDIR /x\nFROM a\nWORKDIR y$A\n",
    "platform arguments": "FROM --platform=$BUILDPLATFORM lab/shell:1.0\nARG TARGETARCH\nENV A=$TARGETARCH\n",
    "a base image that is not here": "FROM not/here:1\nENV A=$FROM_THERE\nCMD [\"a\"]\n",
    "a stage that is not built": "FROM lab/shell:1.0 AS a\nENV A=$NONE\nCMD b\nFROM lab/shell:1.0\n",
    "a global argument without a default": "ARG TAG=1.0\nARG MORE\nFROM lab/shell:$TAG\nARG MORE\nENV A=$MORE\n",
    "quoted dollars": "FROM lab/shell:1.0\nENV A='$B' C=\\$D\n",
}  # fmt: skip


@pytest.fixture
def lab(tmp_path):
    return Lab(tmp_path / "home", epoch=0)


@pytest.mark.parametrize("name", FOUND)
def test_what_a_rule_finds(lab, name):
    text, lines = FOUND[name]
    context = {"Dockerfile": text, ".dockerignore": "left\ndir\n"}
    args = {"TAG": "1.0"} if name == "InvalidDefaultArgInFrom" else {}
    assert [str(one) for one in lab.check(context, build_args=args)] == lines


def test_every_rule_is_in_the_table():
    assert {name.partition(",")[0] for name in FOUND} == MESSAGES.keys() - {"InvalidBaseImagePlatform"}


@pytest.mark.parametrize("name", NOTHING)
def test_what_no_rule_finds(lab, name):
    assert [str(one) for one in lab.check({"Dockerfile": NOTHING[name], ".dockerignore": "left"})] == []


def test_an_image_of_another_platform(tmp_path):
    Lab(tmp_path / "home", platform="linux/arm64").append(None, {"a": "b"}, tag="arm:1")
    found = Lab(tmp_path / "home", platform="linux/amd64").check({"Dockerfile": "FROM arm:1\n"})
    assert [str(one) for one in found] == [
        'InvalidBaseImagePlatform: Base image arm:1 was pulled with platform "linux/arm64", expected "linux/amd64" for '
        "current build (line 1)"
    ]
    assert found[0].url == ""


def test_exceptions_in_dockerignore_end_the_check_of_copied_files(lab):
    context = {"Dockerfile": f"{BASE}COPY left /\n", ".dockerignore": "left\n!left/not\n"}
    assert not lab.check(context)
    assert [one.rule for one in lab.check({**context, ".dockerignore": "*", "Dockerfile": f"{BASE}COPY . /\n"})] == [
        "CopyIgnoredFile"
    ]


@pytest.mark.parametrize(
    "head, rules",
    [
        ("", ["JSONArgsRecommended", "MaintainerDeprecated"]),
        ("# check=skip=MaintainerDeprecated\n", ["JSONArgsRecommended"]),
        ("# syntax=docker/dockerfile:1\n#check = skip=MaintainerDeprecated, JSONArgsRecommended;error=false\n", []),
        ("# check=skip=all\n", []),
        ("# a comment\n# check=skip=all\n", ["JSONArgsRecommended", "MaintainerDeprecated"]),
        ("\n# check=skip=all\n", ["JSONArgsRecommended", "MaintainerDeprecated"]),
    ],
)
def test_rules_that_the_dockerfile_skips(lab, head, rules):
    assert sorted(one.rule for one in lab.check({"Dockerfile": f"{head}{BASE}CMD a\nMAINTAINER b\n"})) == rules


def test_warnings_as_errors(lab):
    context = {"Dockerfile": f"# check=error=true\n{BASE}RUN echo > /made\nCMD a\nMAINTAINER b\n"}
    why = "lint violation found for rules: JSONArgsRecommended, MaintainerDeprecated"
    with pytest.raises(LabError, match=why):
        lab.build(context, "x:1")
    assert "x" not in {name.familiar_name for name in lab.tags()}
    assert lab.build({"Dockerfile": f"# check=error=true\n{BASE}RUN echo > /made\n"}).steps[1].cache == "MISS"
    for text, what in (("what", 'option "what"'), ("skip=a;x=y", 'option "x"'), ("error=maybe", '"error=maybe"')):
        with pytest.raises(LabError, match=f"failed to parse check option.*{what}"):
            settings_of(f"# check={text}\n{BASE}")


def test_a_build_has_its_warnings(lab):
    built = lab.build({"Dockerfile": f"{BASE}CMD a\n"})
    assert [(one.rule, one.line, one.file) for one in built.warnings] == [("JSONArgsRecommended", 2, "Dockerfile")]
    assert built.warnings[0].url == "https://docs.docker.com/go/dockerfile/rule/json-args-recommended/"
