"""Words of a Dockerfile: their expansion, and its limits."""

from __future__ import annotations

import pytest

from imagelab import Lab
from imagelab.build.dockerfile import DockerfileError, words
from imagelab.build.dockerfile.words import MAX_WORD

EXPANDED = {
    "${A%:*}": "b:c", "${A%%:*}": "b", "${A#*:}": "c:d", "${A//:/, }": "b, c, d", "${A/:/-}": "b-c:d", "${N#x}": "",
    "$A$A": "b:c:db:c:d", "<<$A": "<<b:c:d",
}  # fmt: skip


@pytest.mark.parametrize("text", EXPANDED)
def test_patterns_in_variables(text):
    assert words.word(text, {"A": "b:c:d"}) == EXPANDED[text]


def test_a_word_of_exactly_the_limit_is_accepted():
    half = "x" * (MAX_WORD // 2 - 2)
    assert words.word("$A$A", {"A": half}) == half + half
    with pytest.raises(ValueError, match=f"{MAX_WORD:,} characters"):
        words.word("$A$A$A", {"A": half})


TOO_MUCH = {
    "very many references": ("$A" * 300_000, {"A": "x" * 1000}),
    "in quotes": ('"' + "$A" * 300_000 + '"', {"A": "x" * 1000}),
    "as a default": ("${N:-" + "$A" * 300_000 + "}", {"A": "x" * 1000}),
    "a long replacement many times": ("${A//a/$B}", {"A": "a" * 100_000, "B": "b" * 100_000}),
    "a pattern of many asterisks": ("${A#*a*a*a*a*a*a*b}", {"A": "a" * 1000}),
    "asterisks that a variable has": ("${A%$P}", {"A": "a" * 1000, "P": "*a*a*a*a*b"}),
    "a pattern inside another": ("${A//a/${A//a/${A//a/b}}}", {"A": "a" * 1000}),
    "an open brace, many times": ("${A#" * 100_000, {"A": "a"}),
}


@pytest.mark.parametrize("name", TOO_MUCH)
@pytest.mark.parametrize("read", [words.word, words.words, words.document])
def test_a_word_that_would_take_for_ever_is_an_error_at_once(name, read):
    text, values = TOO_MUCH[name]
    with pytest.raises(ValueError, match=r"^failed to process ") as error:
        read(text, values)
    assert len(str(error.value)) < 400


DOUBLE = "ENV A=0123456789\n" + "ENV A=$A$A\n" * 40
ENDS = {
    "ENV": (DOUBLE, "ENV"),
    "ARG": ("ARG A=0123456789\n" + "ARG A=$A$A\n" * 40, "ARG"),
    "LABEL": ("ENV A=" + "x" * 1000 + "\nLABEL l=" + "$A" * 2000, "LABEL"),
    "a label's name": ("ENV A=" + "x" * 1000 + "\nLABEL " + "$A" * 2000 + "=1", "LABEL"),
    "WORKDIR": ("ENV A=" + "x" * 1000 + "\nWORKDIR " + "$A" * 2000, "WORKDIR"),
    "COPY": ("ENV A=" + "x" * 1000 + "\nCOPY f /" + "$A" * 2000, "COPY"),
    "COPY in JSON form": ("ENV A=" + "x" * 1000 + '\nCOPY ["f", "/' + "$A" * 2000 + '"]', "COPY"),
    "--chown": ("ENV A=" + "x" * 1000 + "\nCOPY --chown=" + "$A" * 2000 + " f /", "COPY"),
    "a heredoc": ("ENV A=" + "x" * 1000 + "\nCOPY <<E /f\n" + "$A" * 2000 + "\nE", "COPY"),
    "EXPOSE": ("ENV A=" + "1" * 1000 + "\nEXPOSE " + "$A" * 2000, "EXPOSE"),
    "VOLUME": ("ENV A=" + "x" * 1000 + "\nVOLUME " + "$A" * 2000, "VOLUME"),
    "USER": ("ENV A=" + "x" * 1000 + "\nUSER " + "$A" * 2000, "USER"),
    "STOPSIGNAL": ("ENV A=" + "x" * 1000 + "\nSTOPSIGNAL " + "$A" * 2000, "STOPSIGNAL"),
}


@pytest.fixture(scope="module")
def lab():
    return Lab.temporary()


@pytest.mark.parametrize("name", ENDS)
def test_the_error_has_the_line_of_every_instruction(lab, name):
    text, instruction = ENDS[name]
    message = rf"^Dockerfile:\d+: {instruction}: failed to process .*1,048,576"
    with pytest.raises(DockerfileError, match=message) as error:
        lab.build({"f": "", "Dockerfile": f"FROM scratch\n{text}\n"})
    assert len(str(error.value)) < 400


def test_the_error_has_the_line_of_a_from_and_the_arguments_before_it(lab):
    before = "ARG A=0123456789\n" + "ARG A=$A$A\n" * 40
    with pytest.raises(DockerfileError, match=r"^Dockerfile:\d+: ARG: .*1,048,576"):
        lab.build({"Dockerfile": f"{before}FROM scratch\n"})
    with pytest.raises(DockerfileError, match=r"^Dockerfile:2: FROM: .*1,048,576"):
        lab.build({"Dockerfile": "ARG A=" + "x" * 1000 + "\nFROM " + "$A" * 2000 + "\n"})


def test_a_build_argument_may_not_be_longer_than_a_word(lab):
    files = {"Dockerfile": "FROM scratch\nARG A\nLABEL a=$A\n"}
    assert lab.build(files, build_args={"A": "x" * (MAX_WORD - 2)}).image.config["config"]["Labels"]
    with pytest.raises(DockerfileError, match=r"^Dockerfile:2: ARG: the value of A has 1,048,577 characters"):
        lab.build(files, build_args={"A": "x" * (MAX_WORD + 1)})
    with pytest.raises(DockerfileError, match=r"^Dockerfile:3: LABEL: failed to process '\$A\$A'"):
        lab.build({"Dockerfile": "FROM scratch\nARG A\nLABEL a=$A$A\n"}, build_args={"A": "x" * (MAX_WORD - 2)})


@pytest.mark.parametrize("text", ["EXPOSE ${A", "COPY <<E /f\n${A\nE", "WORKDIR ${A", 'COPY ["${A", "/"]'])
def test_the_lexer_s_message_is_not_repeated_and_has_its_line(lab, text):
    with pytest.raises(DockerfileError, match=r"^Dockerfile:2: [A-Z]+: failed to process ") as error:
        lab.build({"Dockerfile": f"FROM scratch\n{text}\n"})
    assert str(error.value).count("failed to process") == 1
