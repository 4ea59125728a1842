"""axe-core, the judge of accessible pages, on a lesson that has been run, with all that folds open, in both themes.

Only what the lesson shows is looked at: its prose and its outputs. The rest of the page is JupyterLab's.
"""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe

from browser.classroom import NOTEBOOKS, run_all

LESSONS = [path.stem for path in sorted(NOTEBOOKS.glob("*.ipynb"))]
OURS = {"include": [[".jp-OutputArea-output"], [".jp-MarkdownCell .jp-RenderedMarkdown"]]}
OPEN = """async () => {
    await window.jupyterapp.commands.execute("notebook:expand-all-headings");
    document.querySelectorAll("details").forEach(one => { one.open = true; });
}"""
ANSWER = """() => {  // each question where it stands first; the answers open below, and a late one is drawn after this
    const questions = [...document.querySelectorAll(".imagelab-choices")];
    const open = questions.filter(question => !question.querySelector("[role=status]").textContent);
    open.forEach(question => { question.querySelector("input[value='a']").click(); });
    return questions.length && !open.length;
}"""
THEME = "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})"


@pytest.mark.parametrize("name", LESSONS)
def test_axe_has_no_serious_finding(lesson, name):
    page = lesson(name)
    run_all(page)
    page.wait_for_function(ANSWER, polling=500)
    for theme, rules in (("Light", {}), ("Dark", {"runOnly": ["color-contrast"]})):  # of the rules, one sees the theme
        page.evaluate(THEME, f"JupyterLab {theme}")
        page.evaluate(OPEN)
        findings = Axe().run(page, OURS, rules).response["violations"]
        serious = [
            f"{theme}: {finding['id']}: {node['html'][:300]}: {node['failureSummary']}"
            for finding in findings
            if finding["impact"] in ("serious", "critical")
            for node in finding["nodes"]
        ]
        assert not serious, "\n".join(serious)
