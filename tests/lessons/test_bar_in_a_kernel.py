"""The bar in a real kernel: shown as HTML, and shown anew when something is answered, in this notebook or another."""

from __future__ import annotations

import json

from imagelab.lesson import progress
from lessons.kernels import kernel


def test_it_follows_the_progress_file_and_survives_a_restart(tmp_path):
    begin = 'from imagelab.lesson import begin, predict, progress\nbegin("00")'
    with kernel(tmp_path) as running:
        style, bar = running.run(begin)
        assert style["data"]["text/html"].startswith("<style>")
        assert bar["output_type"] == "display_data" and sorted(bar["data"]) == ["text/html", "text/plain"]
        assert "predictions 0 of 2" in bar["data"]["text/html"]
        assert running.updates == []

        running.run('predict("00.tar").choose("a")')
        [update] = running.updates
        assert "predictions 1 of 2" in update["data"]["text/html"]
        assert update["transient"]["display_id"] == "imagelab-bar-00"
        running.run("1 + 1")
        assert running.updates == [update], "nothing has changed"

        file = tmp_path / progress.NAME
        record = json.loads(file.read_text())
        record["predictions"]["00.again"] = {"said": "b", "right": True, "when": "now"}
        file.write_text(json.dumps(record))
        running.run("2 + 2")
        assert "predictions 2 of 2" in running.updates[-1]["data"]["text/html"]
    with kernel(tmp_path) as running:
        _, bar = running.run(begin)
        assert "predictions 2 of 2" in bar["data"]["text/html"]
