"""What stands in a report, whatever the run's end."""

from __future__ import annotations

import html.parser
import re
from pathlib import Path

import pytest

from pipeline import recording, records
from pipeline.progress import Step
from pipeline.records import RunRecord
from pipeline.refusals import Finding
from pipeline.report import graph, page
from pipeline.workspace import Workspace
from tests.conftest import PROJECT, Run, taxiway

_REFUSED = RunRecord(
    run_id="20130501-120000",
    began="2013-05-01T12:00:00+00:00",
    seconds=2.5,
    outcome="data refused",
    exit_code=3,
    span=201304,
    train_spans=(201303,),
    steps=(Step("Source", "done", 1.0, "train 201303"), Step("DataGate", "failed", 0.1)),
    error="the data is not what schema.pbtxt says.",
    next_step="taxiway schema diff",
    findings=(Finding("domain", "<script>alert(1)</script>", "eval", "ZZ", "one of 16", 12),),
    quarantine=Path("/w/quarantine.csv"),
)


class _Ids(html.parser.HTMLParser):
    """Collect ids, sections, and addresses from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.sections: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if found.get("id"):
            self.ids.append(str(found["id"]))
        if tag == "section":
            self.sections.append(str(found["id"]))
        for name in ("src", "href", "xlink:href"):
            if tag not in ("a", "use") and found.get(name):
                self.loaded.append(str(found[name]))


def _parsed(text: str) -> _Ids:
    parser = _Ids()
    parser.feed(text)
    return parser


@pytest.fixture(scope="module")
def published(flights_run: Run) -> str:
    return Path(flights_run.result["report"]).read_text(encoding="utf-8")


def test_a_published_run_has_every_part(published: str) -> None:
    found = _parsed(published)
    assert found.sections == ["run", "data", "model", "infra", "lineage"]
    assert len(found.ids) == len(set(found.ids))
    assert '<h1 id="verdict">Published as version 1</h1>' in published
    for words in (
        "Columns that moved most", "Learning", "ROC, AUC 0.6", "Calibration", "By slice",
        "origin EWR", "Hyperparameters", "serving_tensors", "only value bounds could be checked",
    ):  # fmt: skip
        assert words in published


def test_it_needs_no_network_and_no_script(published: str) -> None:
    assert _parsed(published).loaded == ["data:,"]
    assert "<script" not in published and "@import" not in published
    assert "url(http" not in published
    assert len(published) < 400_000


def test_its_links_lead_to_the_files(published: str, flights_run: Run) -> None:
    folder = Path(flights_run.result["report"]).parent
    links = re.findall(r'<a href="([^"]+)">', published)
    assert links == [
        "../models/flights/1",
        f"../logs/{flights_run.result['run_id']}.log",
        f"../runs/{flights_run.result['run_id']}.json",
    ]
    assert all((folder / link).exists() for link in links)


def test_refused_data_is_the_verdict_and_markup_in_it_is_text(tmp_path: Path) -> None:
    text = page.render(Workspace(tmp_path, "flights"), _REFUSED)
    assert "Not published: the data was refused" in text
    assert "<script>" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; eval: ZZ; expected: one of 16" in text
    assert _parsed(text).sections == ["data"]


def test_a_model_that_missed_a_bound_says_which(tmp_path: Path) -> None:
    record = _REFUSED.model_copy(
        update={"outcome": "not blessed", "reasons": ("auc overall: 0.5, at least 0.6 wanted",)}
    )
    text = page.render(Workspace(tmp_path, "flights"), record)
    assert "Not published: the model is not good enough" in text
    assert "<li>auc overall: 0.5, at least 0.6 wanted</li>" in text


def test_artifacts_that_are_gone_are_left_out(flights_run: Run, tmp_path: Path) -> None:
    run_id = flights_run.result["run_id"]
    known = records.read(flights_run.workspace / "runs" / f"{run_id}.json")
    gone = {
        node: {key: each.model_copy(update={"uri": str(tmp_path / "gone")})}
        for node, outputs in known.outputs.items()
        for key, each in outputs.items()
    }
    text = page.render(
        Workspace(flights_run.workspace, "flights"), known.model_copy(update={"outputs": gone})
    )
    assert _parsed(text).sections == ["run", "data", "lineage"]


def test_a_report_that_cannot_be_written_is_no_reason_to_fail(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "reports").write_text("a file in the folder's place")
    kept = recording.keep(Workspace(tmp_path, "flights"), _REFUSED)
    assert kept.report is None
    assert "the report of run 20130501-120000 is not written" in caplog.text
    assert records.read(tmp_path / "runs" / "20130501-120000.json") == kept


def test_a_component_stands_right_above_what_needs_it() -> None:
    steps = [Step(name, "done", 1.0) for name in ("Start", "A", "B", "C", "D")]
    drawn = graph.lay_out(steps, {"A": (), "B": (), "C": ("A",), "D": ("B", "C"), "E": ("D",)})
    rows = {box.step.name: box.y for box in drawn.boxes}
    assert list(rows) == ["A", "B", "C", "D"]
    assert rows["A"] < rows["B"] == rows["C"] < rows["D"]
    assert len(drawn.edges) == 3


def test_the_command_names_the_newest_report(flights_run: Run) -> None:
    newest = sorted((flights_run.workspace / "reports").glob("*.html"))[-1]
    done = taxiway("report", "--workspace", flights_run.workspace)
    assert (done.returncode, done.stdout) == (0, f"{newest}\n")
    run_id = flights_run.result["run_id"]
    named = taxiway("report", run_id, "--json", "--workspace", flights_run.workspace)
    assert f"{run_id}.html" in named.stdout
    wrong = taxiway("report", run_id[:-1], "--workspace", flights_run.workspace)
    assert wrong.returncode == 2 and run_id in wrong.stderr


def test_without_a_run_there_is_no_report(tmp_path: Path) -> None:
    done = taxiway("report", "--workspace", tmp_path)
    assert done.returncode == 2
    assert "there is no report yet" in done.stderr


def test_the_picture_in_the_readme_is_small() -> None:
    assert (PROJECT / "docs" / "report.png").stat().st_size < 150_000
