"""The course as web pages that need no kernel, no server and no network: one folder of files.

    python tools/website.py [FOLDER]

Writes `site`, or the folder named. A lesson is its committed notebook, converted by nbconvert with the template in
tools/website/. What only works in a notebook is left out (the learner's progress, an exercise's check); an exercise
gets its solutions from docs/answers.md, folded; a drawing stands in the page itself, so that its parts can light up.
A link that leads nowhere is an error (exit code 1), and the folder stays as it was.
"""

from __future__ import annotations

import argparse
import base64
import json
import posixpath
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from html import escape, unescape
from pathlib import Path
from urllib.parse import unquote

import jinja2
import mistune
import nbformat
from bs4 import BeautifulSoup, Tag
from nbconvert.exporters import TemplateExporter
from nbconvert.filters.highlight import Highlight2HTML
from nbconvert.filters.markdown_mistune import IPythonRenderer

from imagelab.drawings.drawing import dark_style
from imagelab.lesson import course

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = ROOT / "tools" / "website"
GENERATOR = "imagelab tools/website.py"
DOCUMENTS = {  # file: the address of its page, and its name in the contents where that is not its heading
    "docs/teaching.md": ("teaching.html", ""),
    "docs/answers.md": ("answers.html", ""),
    "docs/registry.md": ("registry.html", ""),
    "README.md": ("readme.html", "What imagelab does"),
    "CONTRIBUTING.md": ("contributing.html", ""),
    "SECURITY.md": ("security.html", ""),
}
FROM_README = {  # the parts of the first page that README has already
    "lead": r"^\*\*.*?(?=\n\n```)",
    "picture": r"^!\[[^\]]*\]\(docs/anatomy\.svg\)",
    "start": r"^## Start\n.*?(?=\n\n\[docs/teaching)",
}
COPIED = {"LICENSE": "LICENSE.txt"}
ALONE = re.compile(  # the source of a cell that is a call of the classroom and nothing else
    r'(predict|reveal)\("[^"]+".*\)|progress\.\w+\(.*\)|(\w+) = exercise\("[^"]+"\)\n\2'
)
LEFT_OUT = re.compile(r"# Work here\b.*|\w+\.check\(\)|progress\.bar\(.*\)", re.DOTALL)
HEADINGS = {"h1", "h2", "h3", "h4"}
APART = {"p", "li", "td", "th", "br", "div", "pre", "summary"}  # their texts are no one word
DRAWING = "data:image/svg+xml;base64,"
OWN_IDS = r"(?:node|edge|graph|clust)\d+"  # graphviz's numbers, as opposed to the ids of the model


@dataclass(eq=False)
class Page:
    """A page: where it comes from, its address in the site, its title; its HTML, its headings and their texts."""

    source: str
    address: str
    title: str = ""
    body: str = ""
    headings: list[tuple[str, str]] = field(default_factory=list)  # of level 2: anchor, words
    texts: list[tuple[str, str, str]] = field(default_factory=list)  # anchor, heading, the text below it


class Lessons(TemplateExporter):
    """nbconvert's exporter with our template, without the scripts that its own HTML loads from other hosts."""

    def __init__(self) -> None:
        place = {"extra_template_basedirs": [str(TEMPLATES.parent)], "template_name": TEMPLATES.name}
        super().__init__(**place, template_file="lesson.html.j2")

    def default_filters(self) -> Iterator[tuple[str, object]]:
        yield from super().default_filters()
        yield "markdown2html", markdown
        yield "highlight_code", Highlight2HTML(pygments_lexer="ipython3")


def markdown(text: str) -> str:
    """Markdown as HTML, code highlighted; a dollar sign is one, and begins no formula."""
    renderer = IPythonRenderer(escape=False, exclude_anchor_links=True)
    return str(mistune.create_markdown(renderer=renderer, plugins=["table", "strikethrough", "url"])(text))


def main() -> int:
    """Build the site; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "site", metavar="FOLDER")
    folder = parser.parse_args().folder.resolve()
    if folder.exists() and not is_ours(folder):
        print(f"{folder} holds something else than a site that this tool made: name another folder", file=sys.stderr)
        return 1
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        made = Path(temporary) / "site"
        build(made)
        if broken := list(broken_links(made)):
            print("\n".join(broken), file=sys.stderr)
            return 1
        if folder.exists():
            folder.rename(Path(temporary) / "before")
        made.rename(folder)
    print(f"{folder / 'index.html'}")
    return 0


def is_ours(folder: Path) -> bool:
    """Whether a folder is empty, or holds a site that this tool made."""
    if not folder.is_dir() or not any(folder.iterdir()):
        return folder.is_dir()
    index = folder / "index.html"
    return index.is_file() and f'content="{GENERATOR}"' in index.read_text("utf-8", errors="replace")


def build(folder: Path) -> None:
    """Write all files of the site into a new folder."""
    lessons = [Page(f"notebooks/{lesson.notebook}", f"{Path(lesson.notebook).stem}.html") for lesson in course.LESSONS]
    documents = [Page(source, address, title) for source, (address, title) in DOCUMENTS.items()]
    exporter = Lessons()
    for page in lessons + documents:
        notebook = lesson_of(page) if page in lessons else document_of(page)
        finish(page, exporter.from_notebook_node(notebook)[0])
    index = Page("README.md", "index.html")
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), trim_blocks=True, autoescape=True)
    parts = {name: markdown(from_readme(pattern)) for name, pattern in FROM_README.items()}
    finish(index, environment.get_template("index.html.j2").render(map=course_map(), pages=documents, **parts))

    folder.mkdir()
    frame = environment.get_template("page.html.j2")
    for page in [index, *lessons, *documents]:
        at = lessons.index(page) if page in lessons else None
        around = {} if at is None else {"before": (index, *lessons)[at], "after": (*lessons, None)[at + 1]}
        groups = {"Lessons": lessons, "More": documents}
        html = frame.render(page=page, body=page.body, groups=groups, generator=GENERATOR, **around)
        (folder / page.address).write_text(html, "utf-8")
    entries = [
        [f"{page.address}#{anchor}" if anchor else page.address, page.title, heading, text]
        for page in lessons + documents
        for anchor, heading, text in page.texts
    ]
    index_of_texts = f"window.searchIndex = {json.dumps(entries, ensure_ascii=False)};\n"
    (folder / "search-index.js").write_text(index_of_texts, "utf-8")
    (folder / "site.css").write_text((TEMPLATES / "site.css").read_text("utf-8") + dark_drawings(), "utf-8")
    for name in ("site.js", "icon.svg"):
        shutil.copyfile(TEMPLATES / name, folder / name)
    for source, name in COPIED.items():
        shutil.copyfile(ROOT / source, folder / name)
    shutil.copytree(ROOT / "notebooks" / "pictures", folder / "pictures")


def dark_drawings() -> str:
    """The style of drawings on a dark page: the page's own switch comes first, then what the system prefers."""
    chosen, preferred = dark_style("[data-theme=dark] .drawing"), dark_style(":root:not([data-theme=light]) .drawing")
    return f"@media screen {{\n{chosen}\n@media (prefers-color-scheme: dark) {{\n{preferred}\n}}\n}}\n"


def from_readme(pattern: str) -> str:
    """The part of README that a pattern finds; ends the program if README has become another one."""
    if part := re.search(pattern, (ROOT / "README.md").read_text("utf-8"), re.M | re.S):
        return part[0]
    raise SystemExit(f"README.md: expected a text like {pattern!r}, found none: change FROM_README in tools/website.py")


@cache
def course_map() -> str:
    """The course as a table: the map of lesson 00, with each lesson's subject in place of what the learner has done."""
    titles = ["Lesson", "Subject", "Minutes", "Predictions", "Exercises"]
    rows = []
    for lesson in course.LESSONS:
        row = from_readme(rf"^\| \[[^|]*\(notebooks/{re.escape(lesson.notebook)}\) \| .*? \|")
        subject = markdown(row.split(" | ")[1].removesuffix(" |")).strip()
        cells = [subject, lesson.minutes, len(lesson.predictions), len(lesson.exercises)]
        link = f'<a href="{lesson.notebook}">{lesson.number} · {escape(lesson.title)}</a>'
        rows.append(f'<tr><th scope="row">{link}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>')
    head = "".join(f'<th scope="col">{title}</th>' for title in titles)
    return f'<table class="map"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'


def document_of(page: Page) -> nbformat.NotebookNode:
    """A text of the project as a notebook of one cell."""
    text = (ROOT / page.source).read_text("utf-8")
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text, id="all")])


def lesson_of(page: Page) -> nbformat.NotebookNode:
    """A lesson as it is read: without what speaks of a learner's progress, and with the exercises' solutions."""
    notebook = nbformat.read(ROOT / page.source, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if not LEFT_OUT.fullmatch(cell.source)]
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        cell.outputs = [out for out in cell.outputs if not re.match(r"<style|<p [^>]*imagelab-bar", html_of(out))]
        for output in cell.outputs:
            if 'data-imagelab="imagelab-map"' in html_of(output):
                output.data["text/html"] = course_map()
        if name := re.match(r'\w+ = exercise\("([^"]+)"\)', cell.source):
            cell.outputs.append(nbformat.v4.new_output("display_data", {"text/html": solutions(name[1])}))
        if ALONE.fullmatch(cell.source):
            cell.metadata["transient"] = {"remove_source": True}  # nbconvert's own word for it
    note = (
        '<p class="note-to-reader">This is the lesson as it was run, to read. To answer, to solve its exercises and to '
        'use its widgets, <a href="index.html#start">open it in JupyterLab</a>.</p>'
    )
    notebook.cells.insert(1, nbformat.v4.new_markdown_cell(note, id="to-read"))
    return notebook


def html_of(output: nbformat.NotebookNode) -> str:
    return output.get("data", {}).get("text/html", "")


def solutions(name: str) -> str:
    """An exercise's two solutions, folded, as docs/answers.md has them."""
    answers = (ROOT / "docs" / "answers.md").read_text("utf-8")
    part = re.search(rf"^### Exercise {re.escape(name)}, .*?(?=^##|\Z)", answers, re.M | re.S)
    codes = re.findall(r"^```\n(.*?)\n```$", part[0], re.M | re.S) if part else []
    if len(codes) != 2:
        raise SystemExit(f"docs/answers.md: expected two solutions of exercise {name}, found {len(codes)}")
    highlight = Highlight2HTML(pygments_lexer="ipython3")
    return "".join(
        f"<details><summary>a solution, {how}</summary>{highlight(code)}</details>"
        for how, code in zip(("with docker's commands", "in Python"), codes, strict=True)
    )


def finish(page: Page, body: str) -> None:
    """Give a page its title, its anchors, its links and its drawings, fold its sections "more", and read its texts."""
    soup = BeautifulSoup(body, "html.parser")
    page.texts = anchored(soup)
    page.title = page.title or soup.h1.get_text()
    for link in soup.select("a[href]"):
        link["href"] = rewritten(link["href"], page)
    fold_more(soup)
    for table in soup.find_all("table"):
        table.wrap(soup.new_tag("div", attrs={"class": "wide"}))
    drawings = []
    for image in soup.select("img"):
        if image["src"].startswith(DRAWING):
            drawings.append(base64.b64decode(image["src"].removeprefix(DRAWING)).decode())
        elif image["src"].startswith("docs/"):
            drawings.append((ROOT / image["src"]).read_text("utf-8"))
        else:
            image["loading"] = "lazy"
            continue
        if image.parent.name == "p":  # as Markdown has it
            image.parent.name = "figure"
        image.replace_with(soup.new_tag("svg", attrs={"data-number": str(len(drawings) - 1)}))
    for heading in soup.select("h2, h3"):
        if heading.name == "h2":
            page.headings.append((heading["id"], heading.get_text()))
        if heading.parent.name != "summary":  # which is a button, and holds no link
            heading.append(link_to(soup, heading))
    shown = str(soup)
    # Put in as text: a parser of HTML would write `viewBox` and `textLength` in small letters.
    page.body = re.sub(r'<svg data-number="(\d+)"></svg>', lambda place: drawing(drawings[int(place[1])]), shown)


def anchored(soup: BeautifulSoup) -> list[tuple[str, str, str]]:
    """Give every heading an id made from its words; returns each with its id and the text up to the next heading."""
    taken: set[str] = set()
    texts: list[tuple[str, str, list[str]]] = []
    for part in soup.descendants:
        if isinstance(part, Tag) and part.name in HEADINGS:
            words = part.get_text()
            slug = re.sub(r"[^\w\- ]", "", words.lower()).strip().replace(" ", "-")
            while slug in taken:
                slug += "-1"
            taken.add(slug)
            part["id"] = slug
            texts.append(("" if part.name == "h1" else slug, words, []))
        elif isinstance(part, Tag) and texts and part.name in APART:
            texts[-1][2].append(" ")
        elif not isinstance(part, Tag) and texts and all(around.name not in HEADINGS for around in part.parents):
            texts[-1][2].append(str(part))
    return [(slug, words, " ".join("".join(text).split())) for slug, words, text in texts]


def link_to(soup: BeautifulSoup, heading: Tag) -> Tag:
    link = soup.new_tag("a", href=f"#{heading['id']}", attrs={"class": "anchor", "aria-label": "Link to this section"})
    link.string = "#"
    return link


def rewritten(href: str, page: Page) -> str:
    """A link as it is in the site: from notebooks and texts of the project to their pages."""
    target, _, fragment = href.partition("#")
    fragment = re.sub("^cell-id=", "cell-", unquote(fragment))
    if not target or "://" in target:
        return href
    path = posixpath.normpath(posixpath.join(posixpath.dirname(page.source), unquote(target)))
    if path.endswith(".ipynb"):
        address = f"{posixpath.basename(path).removesuffix('.ipynb')}.html"
    else:
        address = DOCUMENTS[path][0] if path in DOCUMENTS else COPIED.get(path, target)
    return f"{address}#{fragment}" if fragment else address


def fold_more(soup: BeautifulSoup) -> None:
    """Fold each section whose first cell is marked "more": its heading is what opens it."""
    for cell in soup.select(".cell.more"):
        section, summary = soup.new_tag("details", attrs={"class": "more"}), soup.new_tag("summary")
        cell.insert_before(section)
        section.append(summary)
        summary.append(cell.h2.extract())
        rest = list(section.next_siblings)
        for part in rest:
            if isinstance(part, Tag) and part is not cell and part.h2:
                break
            section.append(part.extract())


def drawing(svg: str) -> str:
    """A drawing for the page itself: its style is the page's, and its names are no ids, which a page has once."""
    svg = re.sub(r"<\?xml.*?\?>|<style>.*?</style>|<title>.*?</title>|<desc>.*?</desc>", "", svg, flags=re.S)
    svg = re.sub(rf' id="{OWN_IDS}"', "", svg)
    svg = svg.replace(' id="', ' data-name="').replace("<svg ", '<svg class="drawing" ', 1)
    return re.sub(r"\n+", "\n", svg).strip()


def broken_links(folder: Path) -> Iterator[str]:
    """A line for every link of the site that leads nowhere: a file, or an id in a page, that there is none of."""
    pages = {path.name: list(addresses(path.read_text("utf-8"))) for path in sorted(folder.glob("*.html"))}
    ids = {name: {value for attribute, value in found if attribute == "id"} for name, found in pages.items()}
    for name, found in pages.items():
        for attribute, link in found:
            target, _, fragment = link.partition("#")
            if attribute == "id" or re.match(r"[a-z]+:", link):
                continue
            if target and not (folder / target).is_file():
                yield f"{name}: {link} leads to no file of the site"
            elif fragment and fragment not in ids.get(target or name, ()):
                yield f"{name}: {link} leads to no heading or cell"


def addresses(html: str) -> Iterator[tuple[str, str]]:
    """The ids and the links of a page that this tool made: each `<` of a text is escaped, and each `>` of a value."""
    for tag in re.findall(r"<\w[^>]*>", html):
        for attribute, value in re.findall(r'\s(id|href|src)="([^"]*)"', tag):
            yield attribute, unescape(value)


if __name__ == "__main__":
    sys.exit(main())
