"""Templates print what docker's client prints: the expected texts, and the wording of the errors, are those
of `docker inspect --format` (20.10.24 and 28.2.2 agree) for an image with these values."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imagelab.errors import LabError
from imagelab.golang.template import Map, NilList, Row, Struct, Template, to_json
from imagelab.golang.template_syntax import FUNCTIONS, ParseError, TemplateError

ID = "sha256:138dd7ae249fb5edfb47a356ea5b328b13e19df32742d73ce40fb366e7e08a9c"
CONFIG = Struct(
    "container.Config",
    User="",
    ExposedPorts=Map({"80/tcp": Struct()}, Struct()),
    Env=["A=b", "C=d e"],
    Cmd=["/busybox", "ls"],
    Volumes=Map(None, Struct()),
    Entrypoint=NilList(),
    Labels=Map({"team": "lab", "k": "v"}),
)
IMAGE = Struct("types.Image", ID=ID, RepoTags=["derived:2"], RepoDigests=[], Config=CONFIG, Size=3968819)
RAW = json.loads(to_json(IMAGE))


def render(template: str) -> str:
    return Template(template).render(IMAGE)


@pytest.mark.parametrize(
    "template, printed",
    [
        ("plain", "plain"),
        ("{{.ID}} {{ .Size }}", f"{ID} 3968819"),
        ("{{.Config.Labels.k}} {{.Config.Labels.nope}} {{.Config.Labels.nope.x}}", "v <no value> <no value>"),
        ('{{index .Config.Labels "k"}}{{index .Config.Labels "nope"}}|', "v|"),
        ("{{.Config.Env}} {{.Config.Entrypoint}} {{.Config.Volumes}}", "[A=b C=d e] [] map[]"),
        ("{{.Config.Labels}} {{.Config.ExposedPorts}}", "map[k:v team:lab] map[80/tcp:{}]"),
        ("{{json .Config.Entrypoint}} {{json .Config.Volumes}} {{json .RepoDigests}}", "null null []"),
        ("{{json .Config.Labels}} {{json .Size}}", '{"k":"v","team":"lab"} 3968819'),
        ('{{json "é"}} {{"<&>" | json}}', '"é" "<&>"'),
        ("{{range .Config.Env}}{{println .}}{{end}}", "A=b\nC=d e\n"),
        ("{{range $i, $v := .Config.Env}}{{$i}}={{$v}} {{else}}none{{end}}", "0=A=b 1=C=d e "),
        ("{{range $i, $v := .Config.Volumes}}{{$i}}{{else}}none{{end}}", "none"),
        ("{{range $v := .Config.Env}}[{{$v}}]{{end}}", "[A=b][C=d e]"),
        ("{{range $k,$v := .Config.Labels}}{{$k}}={{$v}} {{end}}", "k=v team=lab "),
        ("{{range .Config.Env}}{{$.Size}};{{end}}", "3968819;3968819;"),
        ("{{$x := .Config}}{{$x.Env}}", "[A=b C=d e]"),
        ('{{len .Config.Env}} {{len .ID}} {{join .Config.Env ","}}', "2 71 A=b,C=d e"),
        ('{{upper "a"}} {{lower "A"}} {{title "a bc-d e_f"}} {{title "don\'t"}}', "A a A Bc-D E_f Don'T"),
        ('{{split "a,b" ","}} {{truncate "abcdef" 3}} {{pad "a" 2 3}}|{{pad "" 1 1}}|', "[a b] abc   a   ||"),
        ('{{index (split .ID ":") 0}} {{index .ID 0}} {{(index .Config.Env 0)}}', "sha256 115 A=b"),
        ("{{.Config.Env | len | json}} {{.ID | upper | lower | len}}", "2 71"),
        ('{{println 1 "a" .Size true}}{{println}}', "1 a 3968819 true\n\n"),
        ("  {{- .Size -}}  x", "3968819x"),
        ('a {{- "b" -}} c {{/* no */}} d {{- /* no */ -}} e', "abc  de"),
        (r'{{`raw "x"`}} {{"esc\t\"q\" é \x41"}}', 'raw "x" esc\t"q" é A'),
        ("{{1}} {{-5}} {{1.5}} {{true}}", "1 -5 1.5 true"),
        ("{{.ID}}}", ID + "}"),
        ("{{(.Config).Env}}", "[A=b C=d e]"),
    ],
)
def test_prints(template: str, printed: str) -> None:
    assert render(template) == printed


@pytest.mark.parametrize(
    "template, error",
    [
        ("{{.ID", "template: :1: unclosed action"),
        ("a\n\n{{.ID\n", "template: :4: unclosed action started at :3"),
        ("{{.ID}", "template: :1: bad character U+007D '}'"),
        ("{{foo .ID}}", 'template: :1: function "foo" not defined'),
        ('{{"abc}}', "template: :1: unterminated quoted string"),
        ("{{`abc}}", "template: :1: unterminated raw quoted string"),
        ("{{}}", "template: :1: missing value for command"),
        ("{{range}}{{end}}", "template: :1: missing value for range"),
        ("{{.ID}}{{end}}", "template: :1: unexpected {{end}}"),
        ("{{else}}", "template: :1: unexpected {{else}}"),
        ("{{range .Config.Env}}", "template: :1: unexpected EOF"),
        ("{{range .Config.Env}}{{else}}{{else}}{{end}}", "template: :1: expected end; found {{else}}"),
        ("{{$y}}", 'template: :1: undefined variable "$y"'),
        ("{{range $i := .Config.Env}}{{end}}{{$i}}", 'template: :1: undefined variable "$i"'),
        ("{{ ( .ID }}", "template: :1: unclosed left paren"),
        ("{{.ID.}}", "template: :1: unexpected <.> in operand"),
    ],
)
def test_unreadable(template: str, error: str) -> None:
    with pytest.raises(ParseError) as caught:
        Template(template)
    assert str(caught.value) == error


@pytest.mark.parametrize(
    "template, error",
    [
        ("{{.ID.X}}", ':1:5: executing "" at <.ID.X>: can\'t evaluate field X in type string'),
        (
            "{{.Config.Nope}}",
            ':1:9: executing "" at <.Config.Nope>: can\'t evaluate field Nope in type container.Config',
        ),
        ("é\né {{.Nope}}", ':2:5: executing "" at <.Nope>: can\'t evaluate field Nope in type types.Image'),
        (
            "{{index .Config.Env 9}}",
            ':1:2: executing "" at <index .Config.Env 9>: error calling index: index out of range: 9',
        ),
        (
            '{{index .Config.Env "x"}}',
            ':1:2: executing "" at <index .Config.Env "x">: error calling index: '
            "cannot index slice/array with type string",
        ),
        ("{{range .Size}}x{{end}}", ":1:8: executing \"\" at <.Size>: range can't iterate over 3968819"),
        ("{{join .Config.Env}}", ':1:2: executing "" at <join>: wrong number of args for join: want 2 got 1'),
        ("{{upper}}", ':1:2: executing "" at <upper>: wrong number of args for upper: want 1 got 0'),
    ],
)
def test_asks_for_what_is_not_there(template: str, error: str) -> None:
    with pytest.raises(TemplateError) as caught:
        render(template)
    assert str(caught.value) == f"template: {error}"


@pytest.mark.parametrize(
    "template, error",
    [
        ("{{.Config.Nope}}", ':1:9: executing "" at <.Config.Nope>: map has no entry for key "Nope"'),
        ("{{.ID.X}}", ':1:5: executing "" at <.ID.X>: can\'t evaluate field X in type interface {}'),
        (
            "{{.Config.Entrypoint.x}}",
            ':1:9: executing "" at <.Config.Entrypoint.x>: nil pointer evaluating interface {}.x',
        ),
    ],
)
def test_strict_is_docker_s_second_try_on_plain_json(template: str, error: str) -> None:
    with pytest.raises(TemplateError) as caught:
        Template(template).render(RAW, strict=True)
    assert str(caught.value) == f"template: {error}"


@pytest.mark.parametrize("word", ["if", "with", "define", "printf", "eq", "and", "slice", "call", "break"])
def test_what_is_left_out_is_refused_by_name_with_what_there_is(word: str) -> None:
    with pytest.raises(ParseError) as caught:
        Template(f"{{{{{word} .ID}}}}")
    assert f'"{word}" is a part of Go templates that imagelab leaves out' in str(caught.value)
    assert all(name in str(caught.value) for name in FUNCTIONS)


def test_a_row_of_a_table_escapes_html_in_json_and_nothing_else_does() -> None:
    assert Template("{{json .}}").render(Row("imageContext", Tag="<none>")) == '{"Tag":"\\u003cnone\\u003e"}'
    assert Template("{{json .Tag}}").render(Row("imageContext", Tag="<none>")) == '"<none>"'


def test_a_header_passes_functions_by() -> None:
    titles = {"Repository": "REPOSITORY", "ID": "IMAGE ID"}
    template = Template('{{upper .Repository}}\t{{truncate .ID 3}}\t{{join .ID ","}}')
    assert template.render(titles, header=True) == "REPOSITORY\tIMAGE ID\tIMAGE ID"


def test_nesting_has_a_bottom() -> None:
    with pytest.raises(ParseError, match="nested too deeply"):
        Template("{{" + "(" * 5000 + ".ID" + ")" * 5000 + "}}")
    with pytest.raises(ParseError, match="nested too deeply"):
        Template("{{range .Config.Env}}" * 5000 + "{{end}}" * 5000)


PIECES = """{{ }} {{- -}} .ID .Config .Env . $ $x := | ( ) , range end else json index join println len upper
split truncate pad "a" ` " 1 -1 1.5 true nil if /* */ é @"""
FRAGMENTS = st.sampled_from([*PIECES.split(), "\n"])


@given(st.lists(FRAGMENTS | st.characters(), max_size=12).map(" ".join) | st.text())
@example("{{/*")
@example("{{-")
@example("{{range $x, ")
@example("{{range $x, $x :=")
@example('{{"\\x4"}}')
@example("{{.ID | println | println}}")
def test_any_text_prints_or_is_refused_in_one_line(text: str) -> None:
    try:
        printed = render(text)
    except LabError as error:
        assert str(error).startswith("template: :")
    else:
        assert printed == text or "{{" in text
