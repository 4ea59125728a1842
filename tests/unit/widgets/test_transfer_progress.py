"""TransferProgress: rows while layers move, and one line afterwards."""

from __future__ import annotations

import re

import pytest

from imagelab import Lab
from imagelab.widgets.transfer_progress import TransferProgress


class Recorded:
    """What a front end was sent for one display."""

    last = None

    def update(self, value):
        self.last = value


@pytest.fixture
def displays(monkeypatch):
    shown = Recorded()
    monkeypatch.setattr("IPython.display.display", lambda area, display_id: shown)
    return shown


def test_a_push_and_a_pull_are_followed(displays):
    lab, other = Lab.temporary(), Lab.temporary(current=False)
    with lab.registry() as registry:
        name = f"{registry.address}/app:1"
        image = lab.append(lab.append(None, {"a": "1"}), {"b": "2"})
        lab.tag(image, name)
        for verb, last in ((lab.push, "is there"), (lab.push, "was there already"), (other.pull, "is there")):
            progress = TransferProgress("push")
            transfer = verb(name, report=progress)
            rows = re.sub("<[^>]*>", " ", progress.rows())
            assert "2 of 2 layers" in rows and rows.count(last) == 2
            assert all(blob.diff_id.short in rows and blob.digest.short in rows for blob in transfer.blobs[:2])
            progress.end(transfer.summary)
            assert displays.last is progress and repr(progress) == f"push: {transfer.summary}"


def test_what_a_registry_calls_itself_is_escaped():
    from imagelab import Digest
    from imagelab.registry.transfer import Progress
    from imagelab.widgets.transfer_progress import _row

    one = Progress("layer", Digest.of(b""), Digest.of(b"x"), "mounted", 1, 1, "<script>")
    assert "<script>" not in _row(one) and "from &lt;script&gt;" in _row(one)
