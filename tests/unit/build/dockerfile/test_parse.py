"""Dockerfiles: what could not be built is an error with file and line, before anything is built."""

from __future__ import annotations

import pytest

from imagelab.build.dockerfile import MAX_BYTES, MAX_INSTRUCTIONS, DockerfileError, parse

BAD = {
    "no FROM": ("", 0, "there is no FROM"),
    "comments only": ("# nothing\n", 0, "there is no FROM"),
    "args only": ("ARG A=1\n", 0, "there is no FROM"),
    "unknown instruction": ("FROM a\n\nFETCH x\n", 3, "unknown instruction: FETCH"),
    "unknown, and near to one": ("FROM a\nRUM x\n", 2, "unknown instruction: RUM (did you mean RUN?)"),
    "unknown in small letters": ("from a\nworkdri /x\n", 2, "unknown instruction: workdri (did you mean WORKDIR?)"),
    "unknown after a continued line": ("FROM a\nRUN x \\\n  y\nNOPE\n", 4, "unknown instruction: NOPE"),
    "RUN before FROM": ("RUN x\nFROM a\n", 1, "begins with FROM"),
    "FROM with too much": ("FROM a b\n", 1, "expected 'FROM image'"),
    "FROM with nothing": ("FROM\n", 1, ""),
    "a stage's bad name": ("FROM a AS 1st\n", 1, "is not a valid stage name"),
    "COPY of one word": ("FROM a\nCOPY x\n", 2, "requires at least two arguments"),
    "COPY of nothing": ("FROM a\nCOPY\n", 2, ""),
    "ADD of one word": ("FROM a\nADD x\n", 2, "requires at least two arguments"),
    "RUN of nothing": ("FROM a\nRUN\n", 2, ""),
    "RUN of nothing in exec form": ("FROM a\nRUN []\n", 2, ""),
    "ENV without a value": ("FROM a\nENV A\n", 2, ""),
    "ENV of a half": ("FROM a\nENV A=1 B\n", 2, ""),
    "ENV without a name": ("FROM a\nENV =x\n", 2, ""),
    "LABEL without a value": ("FROM a\nLABEL x\n", 2, ""),
    "ARG without a name": ("FROM a\nARG =1\n", 2, ""),
    "USER of nothing": ("FROM a\nUSER\n", 2, "requires"),
    "WORKDIR of nothing": ("FROM a\nWORKDIR\n", 2, "requires"),
    "EXPOSE of nothing": ("FROM a\nEXPOSE\n", 2, "requires"),
    "VOLUME of nothing": ("FROM a\nVOLUME\n", 2, "requires"),
    "SHELL in words": ("FROM a\nSHELL /bin/sh -c\n", 2, "JSON"),
    "SHELL of nothing": ("FROM a\nSHELL []\n", 2, ""),
    "HEALTHCHECK of what": ("FROM a\nHEALTHCHECK TRY x\n", 2, "expected CMD or NONE"),
    "HEALTHCHECK CMD of nothing": ("FROM a\nHEALTHCHECK CMD\n", 2, ""),
    "HEALTHCHECK NONE of something": ("FROM a\nHEALTHCHECK NONE x\n", 2, ""),
    "ONBUILD of ONBUILD": ("FROM a\nONBUILD ONBUILD RUN x\n", 2, "isn't allowed"),
    "ONBUILD of FROM": ("FROM a\nONBUILD FROM b\n", 2, "isn't allowed"),
    "ONBUILD of nothing": ("FROM a\nONBUILD\n", 2, ""),
    "ONBUILD of what is not": ("FROM a\nONBUILD FETCH x\n", 2, "FETCH"),
    "unknown flag": ("FROM a\nCOPY --what=1 x y\n", 2, "--what"),
    "a flag without a value": ("FROM a\nCOPY --chown x y\n", 2, "--chown"),
    "a flag twice": ("FROM a\nCOPY --chown=1 --chown=2 x y\n", 2, "--chown"),
    "a flag of another": ("FROM a\nRUN --from=b x\n", 2, "--from"),
    "RUN --device": ("FROM a\nRUN --device=x y\n", 2, "imagelab does not support --device"),
    "RUN --network": ("FROM a\nRUN --network=host y\n", 2, "a RUN here has only --network=default or none"),
    "COPY --parents": ("FROM a\nCOPY --parents=yes x y/\n", 2, "expecting boolean value for flag parents, not: yes"),
    "COPY --checksum": ("FROM a\nCOPY --checksum=sha256:0 x y\n", 2, "unknown flag: --checksum"),
    "COPY of a URL": ("FROM a\nCOPY https://example.com/x /x\n", 2, "source can't be a URL for COPY"),
    "ADD of a repository": ("FROM a\nADD git@github.com:a/b.git /x\n", 2, "imagelab clones no git repository"),
    "a stage's own files": ("FROM a AS s\nCOPY --from=s x y\n", 2, "its own stage"),
    "stages in a circle": ("FROM a AS s\nCOPY --from=t x y\nFROM b AS t\nCOPY --from=s x y", 2, "later stage (line 3)"),
    "no such stage number": ("FROM a\nCOPY --from=7 x y\n", 2, "no stage of that number"),
    "an open heredoc": ("FROM a\nRUN <<EOF\nx\n", 2, ""),
    "an unknown escape": ("# escape=x\nFROM a\n", 1, ""),
    "a NUL": ("FROM a\nRUN x\0\n", 2, "NUL"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_built_is_an_error_with_file_and_line(name):
    text, line, said = BAD[name]
    with pytest.raises(DockerfileError) as error:
        parse(text.encode(), "sub/Dockerfile")
    told = str(error.value)
    assert told.startswith(f"sub/Dockerfile:{line}: " if line else "sub/Dockerfile: "), told
    assert said in told
    assert "\n" not in told


def test_text_that_is_not_utf8_is_an_error_with_its_line():
    with pytest.raises(DockerfileError, match=r"^Dockerfile:3: not UTF-8"):
        parse(b"FROM a\n# \xc3\xbc\nENV A=\xff\n")


def test_a_dockerfile_of_more_than_a_mebibyte_is_refused():
    with pytest.raises(DockerfileError, match="too many for a Dockerfile"):
        parse(b"FROM a\n" + b"#" * MAX_BYTES)


def test_a_hundred_thousand_lines():
    for text in ("# x\n" * 100_000 + "RUN x", "RUN x" + " \\\n x" * 100_000, "COPY <<A /x\n" + "y\n" * 100_000 + "A"):
        assert len(parse(f"FROM a\n{text}\n".encode()).stages[0].instructions) == 1
    with pytest.raises(DockerfileError, match=r"^Dockerfile:100001: "):
        parse(b"FROM a\n" + b"RUN x\n" * 99_999 + b"NOPE\n")


def test_too_many_instructions_are_an_error_with_the_first_line_too_many():
    assert len(parse(b"FROM a\n" + b"RUN x\n" * (MAX_INSTRUCTIONS - 1)).stages[0].instructions) == 999
    with pytest.raises(DockerfileError, match=r"^Dockerfile:1002: more than 1,000 instructions"):
        parse(b"# a\nFROM a\n" + b"RUN x\n" * 99_999)


@pytest.mark.parametrize("prefix, newline", [("", "\n"), ("\ufeff", "\n"), ("", "\r\n"), ("\ufeff", "\r\n")])
def test_byte_order_mark_and_carriage_returns_are_ignored(prefix, newline):
    text = 'FROM a AS one\nENV A=1 \\\n  B="2 3"\nRUN <<EOF\nhi\nEOF\nFROM one\nCMD ["x"]\n'
    plain, other = parse(text.encode()), parse((prefix + text.replace("\n", newline)).encode())
    assert [[(i.name, i.args, i.line) for i in s.instructions] for s in other.stages] == [
        [(i.name, i.args, i.line) for i in s.instructions] for s in plain.stages
    ]
    assert plain.stages[0].instructions[1].heredocs[0].content == "hi\n"
    assert other.stages[0].instructions[1].heredocs[0].content == "hi\n"


def test_each_instruction_knows_its_line():
    parsed = parse(b"# comment\n\nFROM a\nRUN x \\\n# inside\n  y\n\nCMD z\n")
    assert [parsed.stages[0].source.line, *(i.line for i in parsed.stages[0].instructions)] == [3, 4, 8]


def test_stages_are_found_by_name_in_any_case_and_by_number():
    parsed = parse(b"FROM a AS One\nFROM b\nFROM c AS one\n")
    assert parsed.find_stage("ONE", 1) is parsed.stages[0]
    assert parsed.find_stage("one", 3) is parsed.stages[2]
    assert parsed.find_stage("1", 3) is parsed.stages[1]
    assert parsed.find_stage("one", 0) is None


WORDS = {
    "$A": "1", "${A}b": "1b", "${N:-d}": "d", "${A:-d}": "1", "${A:+x}": "x", "${N:+x}": "", "'$A'": "$A",
    '"$A"': "1", r"\$A": "$A", "a\\ b": "a b", "${E-d}": "", "${E:-d}": "d", "${N-d}": "d", "${A#1}": "", "$": "$",
}  # fmt: skip


@pytest.mark.parametrize("word", WORDS)
def test_variables_are_replaced_as_a_shell_would(word):
    source = parse(b"FROM a\n").stages[0].source
    assert source.word(word, {"A": "1", "E": ""}) == WORDS[word]


@pytest.mark.parametrize("word", ["${A", "'a", '"a', "${A:?no}x${N:?no}"])
def test_a_malformed_word_is_an_error_with_its_line(word):
    source = parse(b"\nFROM a\n").stages[0].source
    with pytest.raises(DockerfileError, match=r"^Dockerfile:2: FROM: "):
        source.word(word, {"A": "1"})
