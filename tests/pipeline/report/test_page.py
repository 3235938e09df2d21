"""The report's content for every outcome of a run."""

from __future__ import annotations

import html.parser
import re
import shutil
from pathlib import Path

import pytest

from pipeline.components.infra_check import report as infra
from pipeline.findings import Finding, RejectedRow, write_quarantine
from pipeline.orchestration import recording
from pipeline.report import graph, page
from pipeline.runs import records
from pipeline.runs.progress import Step
from pipeline.runs.records import Output, RunRecord
from pipeline.workspace import Workspace
from tests.conftest import PROJECT, Run

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
        values = dict(attrs)
        if values.get("id"):
            self.ids.append(str(values["id"]))
        if tag == "section":
            self.sections.append(str(values["id"]))
        for name in ("src", "href", "xlink:href"):
            if tag not in ("a", "use") and values.get(name):
                self.loaded.append(str(values[name]))


def _parsed(text: str) -> _Ids:
    parser = _Ids()
    parser.feed(text)
    return parser


@pytest.fixture(scope="module")
def published(flights_run: Run) -> str:
    return Path(flights_run.result["report"]).read_text(encoding="utf-8")


def test_a_published_run_has_every_part(published: str) -> None:
    ids = _parsed(published)
    assert ids.sections == ["run", "data", "model", "infra", "lineage"]
    assert len(ids.ids) == len(set(ids.ids))
    assert '<h1 id="verdict">Published as version 1</h1>' in published
    for text in (
        "Columns that changed most", "Learning curves", "ROC", "Calibration", "By slice",
        "origin EWR", "Hyperparameters", "serving_tensors", "max_auc_drop does not apply",
    ):  # fmt: skip
        assert text in published


def test_it_needs_no_network_and_no_script(published: str) -> None:
    assert _parsed(published).loaded == ["data:,"]
    assert "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\"" in published
    assert "<script" not in published and "@import" not in published
    assert "url(http" not in published
    assert len(published) < 400_000


def test_its_links_lead_to_the_files(published: str, flights_run: Run) -> None:
    folder = Path(flights_run.result["report"]).parent
    links = re.findall(r'<a href="([^"]+)">', published)
    schema = Path(flights_run.result["outputs"]["ImportSchemaGen"]["schema"]["uri"])
    artifacts = sum(map(len, flights_run.result["outputs"].values()))
    assert len(links) == artifacts + 4
    assert links[artifacts:] == [
        "../models/flights/1",
        f"../logs/{flights_run.result['run_id']}.log",
        f"../{schema.relative_to(flights_run.workspace)}/schema.pbtxt",
        f"../runs/{flights_run.result['run_id']}.json",
    ]
    assert all((folder / link).exists() for link in links)


def test_refused_data_is_the_verdict_and_markup_in_it_is_text(tmp_path: Path) -> None:
    text = page.render(Workspace(tmp_path, "flights"), _REFUSED)
    assert "Not published: the data was refused" in text
    assert "<script>" not in text
    assert "<td>&lt;script&gt;alert(1)&lt;/script&gt;</td>" in text
    assert _parsed(text).sections == ["run", "data"]


def test_a_model_that_missed_a_bound_says_which(tmp_path: Path) -> None:
    record = _REFUSED.model_copy(
        update={"outcome": "not blessed", "reasons": ("auc (overall) is 0.5; the minimum is 0.6",)}
    )
    text = page.render(Workspace(tmp_path, "flights"), record)
    assert "Not published: the model is not good enough" in text
    assert "<li>auc (overall) is 0.5; the minimum is 0.6</li>" in text


def test_a_model_that_cannot_be_served_says_why(flights_run: Run, tmp_path: Path) -> None:
    slow = "transformed: 1 in 100 requests takes 0.4 ms or longer"
    report = infra.read(flights_run.artifact("InfraCheck", "blessing")).with_problems(slow)
    (tmp_path / infra.REPORT_FILE).write_text(report.model_dump_json())
    record = _REFUSED.model_copy(update={
        "outcome": "not blessed", "reasons": (slow,),
        "outputs": {"InfraCheck": {"blessing": Output(uri=str(tmp_path), id=1)}},
    })  # fmt: skip
    text = page.render(Workspace(tmp_path, "flights"), record)
    assert "Not published: the model cannot be served" in text
    assert text.count(f"<li>{slow}</li>") == 2  # above, and where the check is shown
    assert "MB, maximum 2000 MB" in text


@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [
        ("failed", "Failed in DataGate: nothing was published"),
        ("interrupted", "Interrupted in DataGate: nothing was published"),
        ("not blessed", "Not published: the model is damaged"),
    ],
)
def test_the_verdict_says_where_a_run_stopped(tmp_path: Path, outcome: str, verdict: str) -> None:
    text = page.render(
        Workspace(tmp_path, "flights"), _REFUSED.model_copy(update={"outcome": outcome})
    )
    assert f'<h1 id="verdict">{verdict}</h1>' in text


def test_the_first_rejected_rows_are_shown(tmp_path: Path) -> None:
    rows = [RejectedRow(f"<i>{n}.csv", f"line {n}", "a", "x", "a number") for n in range(12)]
    write_quarantine(tmp_path / "rows.csv", rows)
    record = _REFUSED.model_copy(update={"quarantine": tmp_path / "rows.csv", "span": None})
    text = page.render(Workspace(tmp_path, "flights"), record)
    assert text.count("<td>&lt;i&gt;") == 10
    assert '<a href="../rows.csv">rejected rows</a>' in text


def _record(run: Run) -> RunRecord:
    return records.read(run.workspace / "runs" / f"{run.result['run_id']}.json")


def test_missing_artifacts_are_left_out(flights_run: Run, tmp_path: Path) -> None:
    record = _record(flights_run)
    gone = {
        node: {key: artifact.model_copy(update={"uri": str(tmp_path / "gone")})}
        for node, outputs in record.outputs.items()
        for key, artifact in outputs.items()
    }
    text = page.render(
        Workspace(flights_run.workspace, "flights"), record.model_copy(update={"outputs": gone})
    )
    assert _parsed(text).sections == ["run", "data", "model", "lineage"]
    assert "<figure>" not in text and "By slice" not in text


_FILES = {
    "DataGate": ("decision", "findings.json", "DataGate reports no findings"),
    "StatisticsGen": ("statistics", "Split-eval/FeatureStats.pb", "Columns that changed most"),
    "Trainer": ("model_run", "learning_curves.csv", "Learning curves"),
    "Evaluator": ("evaluation", "metrics-00000-of-00001.tfrecord", "By slice"),
    "InfraCheck": ("blessing", "curves.json", "Calibration"),
}


@pytest.mark.parametrize("damage", [b"", b"\xff\x00{]", b"[1, {}]\n1,2\n"])
@pytest.mark.parametrize("node", _FILES)
def test_a_damaged_file_removes_only_its_own_part(
    flights_run: Run, tmp_path: Path, node: str, damage: bytes, published: str
) -> None:
    output, name, title = _FILES[node]
    shutil.copytree(flights_run.artifact(node, output), tmp_path / "copy")
    assert (tmp_path / "copy" / name).exists()
    (tmp_path / "copy" / name).write_bytes(damage)
    record = _record(flights_run)
    copy = record.outputs[node][output].model_copy(update={"uri": str(tmp_path / "copy")})
    outputs = {**record.outputs, node: {**record.outputs[node], output: copy}}
    if node != "StatisticsGen":  # its plots take most of the time
        outputs.pop("StatisticsGen")
    text = page.render(
        Workspace(flights_run.workspace, "flights"), record.model_copy(update={"outputs": outputs})
    )
    assert title in published and title not in text
    for other, (_, _, kept) in _FILES.items():
        if other in outputs and other != node:
            assert kept in text
    assert _parsed(text).sections == ["run", "data", "model", "infra", "lineage"]


def test_names_and_values_of_columns_are_escaped_everywhere(hostile: str) -> None:
    assert "<script" not in hostile and "<img" not in hostile
    ids = _parsed(hostile)
    assert len(ids.ids) == len(set(ids.ids))
    assert hostile.count("<figure>") == 4
    assert "<b>&lt;script&gt;alert(1)&lt;/script&gt;</b>" in hostile
    assert ">&lt;img src=x onerror=al…</text>" in hostile
    assert ">$x$ &amp;</text>" in hostile  # and no formula


def test_text_can_be_read_in_both_schemes() -> None:
    """WCAG AA requires a contrast of 4.5 to 1 for small text."""
    css = (PROJECT / "pipeline/report/templates/page.css").read_text(encoding="utf-8")
    schemes = [
        dict(re.findall(r"--(\w+): (#\w+);", line))
        for line in css.splitlines()
        if ":root {" in line
    ]
    assert len(schemes) == 2
    for colours in schemes:
        for ink in ("ink", "muted", "one", "good", "bad"):
            assert _contrast(colours[ink], colours["paper"]) >= 4.5, ink
        for ink in ("ink", "muted"):
            assert _contrast(colours[ink], colours["soft"]) >= 4.5, ink
        for mark in ("one", "other"):  # of plots
            assert _contrast(colours[mark], colours["paper"]) >= 3, mark


def _contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
        red, green, blue = (
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
            for part in (int(digits[start : start + 2], 16) / 255 for start in (0, 2, 4))
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_a_report_that_cannot_be_written_does_not_fail_the_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "reports").write_text("a file in the folder's place")
    kept = recording.write(Workspace(tmp_path, "flights"), _REFUSED)
    assert kept.report is None
    assert "cannot write the report of run 20130501-120000" in caplog.text
    assert records.read(tmp_path / "runs" / "20130501-120000.json") == kept


def test_a_component_is_right_above_a_component_that_needs_it() -> None:
    steps = [Step(name, "done", 1.0) for name in ("Start", "A", "B", "C", "D")]
    drawn = graph.lay_out(steps, {"A": (), "B": (), "C": ("A",), "D": ("B", "C"), "E": ("D",)})
    rows = {box.step.name: box.y for box in drawn.boxes}
    assert list(rows) == ["A", "B", "C", "D"]
    assert rows["A"] < rows["B"] == rows["C"] < rows["D"]
    assert len(drawn.edges) == 3


def test_the_picture_in_the_readme_is_small() -> None:
    assert (PROJECT / "docs" / "report.png").stat().st_size < 150_000
