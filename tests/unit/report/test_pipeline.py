"""Runs without a kernel: a fake executes the notebook, everything else is the real thing."""

import gzip
import json
import os
import subprocess
import time
from contextlib import nullcontext
from pathlib import Path

import nbformat
import pytest

from reliability import __version__
from reliability.errors import (
    NotebookError,
    NotebookFailedError,
    ParameterError,
    SecretError,
    SecretInOutputError,
    SettingsError,
    UsageError,
)
from reliability.report.catalogue import choose_notebooks
from reliability.report.gate import is_failed
from reliability.report.pipeline import make_reports
from reliability.report.runner import Executed
from reliability.settings import Settings
from tests.fakes import ManualClock
from tests.unit.report.examples import canary_report

VALUE = "hunter2-of-the-shop"
OPTION = "prometheus.bearer_token_file"


class FakeKernel:
    """Executes a notebook by giving it outputs and files that a test has chosen."""

    def __init__(self, *texts, files=None, failure=None, report=None):
        self.texts, self.files, self.failure, self.report, self.runs = texts, files or {}, failure, report, []

    def __call__(self, name, notebook, parameters, *, keep_increments):
        self.runs.append((name, dict(parameters), keep_increments))
        node = nbformat.from_dict(notebook)
        cells = [nbformat.v4.new_code_cell("print()", execution_count=1) for _ in self.texts]
        for cell, text in zip(cells, self.texts, strict=True):
            cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=text)]
        node.cells += cells
        report = {} if self.failure else self.report or canary_report(sample=None)
        return Executed(notebook=node, report=report, files=self.files, failure=self.failure)


@pytest.fixture
def project(tmp_path, monkeypatch):
    folder = tmp_path / "shop"
    folder.mkdir()
    monkeypatch.chdir(folder)
    save("queue.ipynb")
    return folder


def save(name, source="source: str = None\nlimit: float = 1.0", title="# Queue & <depth>", tags=("parameters",)):
    cells = [nbformat.v4.new_markdown_cell(title), nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)})]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), name)


def make(project, kernel, *names, given=None, settings=None, **options):
    return make_reports(
        choose_notebooks(names or ["queue.ipynb"], project), given or {}, project=project, outputs=Path("outputs"),
        settings=settings or Settings(), clock=ManualClock(), progress=lambda _: None, execute=kernel, **options,
    )  # fmt: skip


def guarded(project, *, url="http://prom.shop.example:9090", source="sample:pass", token=VALUE):
    if token:
        (project / "token").write_text(token)
    return Settings.model_validate({
        "prometheus": {"url": url, "bearer_token_file": "token"}, "canary": {"source": source},
    })  # fmt: skip


def page(project, made):
    return project / "outputs" / "runs" / made["run_id"] / "queue.html"


def everything_written(project):
    return {path: path.read_text(encoding="utf-8") for path in (project / "outputs").rglob("*") if path.is_file()}


def test_an_own_report_is_called_by_its_heading_on_its_page_and_in_its_json(project):
    (made,) = make(project, FakeKernel("42"))

    html = page(project, made).read_text(encoding="utf-8")
    assert made["title"] == {"en": "Queue & <depth>", "es": "Queue & <depth>"}
    assert "<title>Queue &amp; &lt;depth&gt;: " in html
    assert "<depth>" not in html
    assert "42" in html


def test_what_the_kernel_leaves_is_kept_whole_under_the_name_of_the_report(project):
    kernel = FakeKernel(
        files={"answers/answers.json": b"{}", "answers/a.json.gz": gzip.compress(b"x"), "increments.csv": b"a,b\n"}
    )

    (made,) = make(project, kernel, keep_increments=True)

    folder = page(project, made).parent
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == {
        "queue.ipynb", "queue.json", "queue.html", "queue.es.html", "queue.answers/answers.json",
        "queue.answers/a.json.gz", "queue.increments.csv",
    }  # fmt: skip
    assert kernel.runs == [("queue.ipynb", {}, True)]


def test_paths_and_hosts_stay_out_of_pages_notebook_and_json(project):
    settings = guarded(project)
    text = f"{project}/data.csv and http://prom.shop.example:9090/api and {Path.home()}/x other.example:1"
    report = canary_report(sample=None, service=text)

    make(project, FakeKernel(text, report=report), settings=settings, given={"source": "http://other.example:1"})

    for path, content in everything_written(project).items():
        assert str(project) not in content, path
        assert "shop.example" not in content, path
        assert "other.example" not in content, path
        assert f"{Path.home()}/x" not in content, path
    data = next(content for path, content in everything_written(project).items() if path.name == "queue.json")
    assert json.loads(data)["service"] == "./data.csv and http://[host]/api and ~/x [host]"


@pytest.mark.parametrize(
    "kernel",
    [
        FakeKernel("fine", f"token: {VALUE}"),
        FakeKernel("fine", files={"answers/answers.json": VALUE.encode()}),
        FakeKernel("fine", report=canary_report(service=VALUE)),
    ],
    ids=["output", "stored answer", "report"],
)
def test_a_result_with_a_secret_is_not_written_and_a_page_says_so_without_it(project, kernel):
    (made,) = make(project, kernel, settings=guarded(project))

    assert (made["verdict"], made["reason"]) == ("NO_DATA", "secret-in-output")
    assert OPTION in made["error"]["message"]
    assert "an output holds a secret" in page(project, made).read_text(encoding="utf-8")
    for path, content in everything_written(project).items():
        assert VALUE not in content, path
        assert "fine" not in content or path.suffix == ".html", path
    assert not list(project.rglob("*.answers"))


def test_a_path_in_a_heading_reaches_no_page_of_the_run(project):
    save("other.ipynb", title=f"# In {project}")

    make(project, FakeKernel(), "other.ipynb", "queue.ipynb")

    assert not [path for path, content in everything_written(project).items() if str(project) in content]


@pytest.mark.parametrize(
    ("cells", "given", "place"),
    [
        ({"title": f"# Queue {VALUE}"}, {}, "cell 1 from the top"),
        ({"source": f"note: str = '{VALUE}'"}, {}, "cell 2 from the top"),
        ({"source": "note: str = None"}, {"note": VALUE}, "its parameters"),
    ],
)
def test_a_notebook_or_a_parameter_that_holds_a_secret_is_refused_before_anything_runs(project, cells, given, place):
    save("queue.ipynb", **cells)
    kernel = FakeKernel()

    with pytest.raises(SecretInOutputError, match=rf"{OPTION} stands in queue\.ipynb, {place}") as caught:
        make(project, kernel, settings=guarded(project), given=given)
    assert VALUE not in str(caught.value)
    assert kernel.runs == []
    assert not (project / "outputs").exists()


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"source": "prometheus", "token": None}, SecretError),
        ({"source": "http://prom.shop.example:9090/", "token": None}, SecretError),
        ({"source": "prometheus", "url": None}, SettingsError),
    ],
)
def test_a_run_that_asks_a_server_needs_its_address_and_its_secret_before_a_kernel_starts(project, settings, error):
    kernel = FakeKernel()

    with pytest.raises(error):
        make(project, kernel, "canary", settings=guarded(project, **settings))
    assert kernel.runs == []
    assert not (project / "outputs").exists()


@pytest.mark.parametrize(("source", "hint"), [("promtheus", "did you mean 'prometheus'"), ("", "Write prometheus")])
def test_a_source_that_is_none_is_refused_before_a_kernel_starts(project, source, hint):
    kernel = FakeKernel()

    with pytest.raises(ParameterError, match=rf"canary\.source = '{source}'.*{hint}"):
        make(project, kernel, "canary", settings=guarded(project, source=source))
    assert kernel.runs == []
    assert not (project / "outputs").exists()


@pytest.mark.parametrize(
    ("cell", "given", "asks"),
    [
        ("source: str | None = None  # prometheus", {}, True),
        ("source = 'prometheus'", {}, True),
        ("source: str = 'sample:pass'  # or None", {}, False),
        ("source = 'https://shop.example/orders?day=1'", {}, False),
        ("source: str = None", {"source": "sample:pass"}, False),
        ("limit: float = 1.0", {}, False),
    ],
    ids=["left to the settings", "the server", "a sample", "something else", "given", "none"],
)
def test_a_notebook_of_ones_own_that_asks_the_configured_server_needs_the_secret_too(project, cell, given, asks):
    save("queue.ipynb", cell)
    kernel = FakeKernel()

    with pytest.raises(SecretError) if asks else nullcontext():
        make(project, kernel, given=given, settings=guarded(project, source="prometheus", token=None))
    assert len(kernel.runs) == (0 if asks else 1)


def test_a_run_that_asks_no_server_needs_no_secret(project):
    (made,) = make(project, FakeKernel(), "canary", settings=guarded(project, token=None))

    assert made["verdict"] == "PASS"


@pytest.mark.parametrize("name", ["scratch", "notebooks/scratch.ipynb"])
def test_a_notebook_without_parameters_that_is_named_is_refused_before_anything_runs(project, name):
    (project / "notebooks").mkdir()
    save("notebooks/scratch.ipynb", tags=())
    kernel = FakeKernel()

    with pytest.raises(NotebookError, match=r"notebooks/scratch\.ipynb has no cell tagged 'parameters'"):
        make(project, kernel, "queue.ipynb", name)
    assert kernel.runs == []


def test_a_value_that_is_code_is_a_value(project):
    save("queue.ipynb", "x: str = ''")
    kernel = FakeKernel()

    make(project, kernel, given={"x": "1;import os"})

    assert kernel.runs[0][1] == {"x": "1;import os"}
    with pytest.raises(ParameterError, match="has no parameter 'y'"):
        make(project, kernel, given={"y": "1"})


def test_a_notebook_that_prints_five_megabytes_has_a_small_page_and_is_kept_whole(project):
    text = "".join(f"{number:09d} all is well at {os.sep}usr\n" for number in range(175_000))
    started = time.process_time()

    (made,) = make(project, FakeKernel(text), settings=guarded(project))

    assert time.process_time() - started < 8
    assert made["verdict"] == "PASS"
    assert page(project, made).stat().st_size < 350_000
    notebook = nbformat.read(page(project, made).with_suffix(".ipynb"), as_version=4)
    assert len(text) > 5_000_000
    assert notebook.cells[-1].outputs[0].text == text


@pytest.mark.parametrize(
    "report",
    [{"verdict": "PASS"}, canary_report(verdict="MAYBE"), canary_report(figures=None)],
    ids=["nearly empty", "no verdict of ours", "no figures"],
)
def test_a_report_that_is_none_is_not_believed(project, report):
    (made,) = make(project, FakeKernel("42", report=report))

    html = page(project, made).read_text(encoding="utf-8")
    assert (made["verdict"], made["reason"]) == ("NO_DATA", "no-verdict")
    assert "nb.finish(run)" in made["error"]["message"]
    assert "the notebook ends without a verdict" in html
    assert "A cell of the notebook failed" not in html
    assert is_failed(made)


def test_a_report_that_cannot_be_shown_does_not_keep_the_others_from_running(project):
    save("broken.ipynb")
    whole, broken = FakeKernel("42"), FakeKernel(report=canary_report(made_at=f"never\n{VALUE}"))

    def execute(name, *arguments, **options):
        return (broken if name == "broken.ipynb" else whole)(name, *arguments, **options)

    made = {report["report"]: report for report in make(project, execute, "broken.ipynb", "queue.ipynb")}

    assert {name: report["reason"] for name, report in made.items()} == {
        "broken": "report-failed", "queue": "inside-budget",
    }  # fmt: skip
    assert "cannot be shown (ValueError: " in made["broken"]["error"]["message"]
    assert is_failed(made["broken"])
    assert page(project, made["queue"]).with_name("broken.html").is_file()


def test_an_error_that_repeats_a_secret_shows_none(project):
    def execute(*_, **__):
        raise ValueError(VALUE)

    (made,) = make(project, execute, settings=guarded(project))

    assert made["reason"] == "secret-in-output"
    assert not [path for path, content in everything_written(project).items() if VALUE in content]


def test_a_failed_report_says_which_commit_and_program_it_is_of(project):
    for words in (
        ["init", "-q"],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "a"],
    ):
        subprocess.run(["git", *words], cwd=project, check=True)  # noqa: S607

    (made,) = make(project, FakeKernel(failure=NotebookFailedError("no")))

    html = page(project, made).read_text(encoding="utf-8")
    assert len(made["provenance"]["commit"]) == 40
    assert "not in a git checkout" not in html
    assert f"reliability {__version__}, python" in html
    assert "<dt>Parameters</dt>" not in html


@pytest.mark.parametrize("query", ["", "?day=1"])
def test_an_address_that_a_notebook_names_itself_stays_out_of_its_results(project, query):
    save("queue.ipynb", f'source: str = "http://metrics-7.corp.example:9090{query}"  # server')

    make(project, FakeKernel("asked http://metrics-7.corp.example:9090/api"))

    assert not [path for path, content in everything_written(project).items() if "corp.example" in content]


def test_an_address_with_a_password_in_a_notebook_is_refused_before_a_kernel_starts(project):
    save("queue.ipynb", "source: str = (\n    'http://ana:hunter2@metrics-7.corp.example:9090')")
    kernel = FakeKernel()

    with pytest.raises(UsageError) as caught:
        make(project, kernel)
    assert "hunter2" not in str(caught.value)
    assert kernel.runs == []
