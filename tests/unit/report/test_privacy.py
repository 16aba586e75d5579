import base64
import gzip
import html
import json
import sysconfig
import tempfile
from pathlib import Path
from urllib.parse import quote

import nbformat
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reliability.errors import SecretInOutputError
from reliability.report.arrange import MIME_TYPE
from reliability.report.privacy import Shortener, check_secrets, read_secrets
from reliability.settings import PrometheusSettings, Settings

OPTION = "prometheus.password_file"
VALUE = 'hunter2-"ñ/<&>\\end'
PROJECT = Path("/srv/shop")
NOWHERE = Path("/nonexistent")
PRINTABLE = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=4, max_size=40)


def notebook(*outputs, source="1 + 1", tags=()):
    made = nbformat.v4.new_notebook()
    made.cells = [nbformat.v4.new_markdown_cell("# Title"), nbformat.v4.new_code_cell(source, metadata={"tags": tags})]
    made.cells[1].outputs = list(outputs)
    return made


def stream(text, name="stdout"):
    return nbformat.v4.new_output("stream", name=name, text=text)


def shown(**data):
    return nbformat.v4.new_output("display_data", data={key.replace("_", "/"): value for key, value in data.items()})


def check(node, *, value=VALUE, report=None, files=NOWHERE):
    check_secrets({OPTION: value}, node, report or {}, files)


def refused(node, *, value=VALUE, report=None, files=NOWHERE):
    with pytest.raises(SecretInOutputError) as caught:
        check(node, value=value, report=report, files=files)
    assert OPTION in str(caught.value)
    assert value not in str(caught.value)
    return str(caught.value)


@given(secret=PRINTABLE, before=PRINTABLE, after=PRINTABLE)
def test_a_secret_is_found_however_it_is_written(secret, before, after):
    ways = (
        str, repr, json.dumps, html.escape, lambda text: html.escape(json.dumps(text)),
        lambda text: json.dumps(text, ensure_ascii=False), lambda text: quote(text, safe=""),
    )  # fmt: skip
    for way in ways:
        refused(notebook(stream(f"{before} {way(secret)} {after}")), value=secret)


@given(secret=PRINTABLE, user=PRINTABLE, after=PRINTABLE)
def test_a_secret_in_base64_is_found_wherever_it_stands_in_the_encoded_text(secret, user, after):
    assume(len(secret.encode()) > 7)
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        refused(notebook(stream(f"Basic {encode(f'{user}:{secret}{after}'.encode()).decode()}")), value=secret)


@pytest.mark.parametrize(
    "node",
    [
        notebook(stream("hun"), stream("ter2-secret\n")),
        notebook(stream("hunter2-secret", name="stderr")),
        notebook(shown(text_html="<td>hunter2-secret</td>")),
        notebook(nbformat.v4.new_output("display_data", data={MIME_TYPE: {"a": [{"hunter2-secret": 1}]}})),
        notebook(nbformat.v4.new_output("error", ename="E", evalue="no", traceback=["\x1b[31mhunter2\x1b[0m-secret"])),
        notebook(source="token = 'hunter2-secret'"),
    ],
    ids=["in two pieces", "stderr", "html", "key of json", "coloured traceback", "source"],
)
def test_a_secret_anywhere_in_a_cell_is_named_by_the_cell(node):
    assert "cell 2 (counted from the top)" in refused(node, value="hunter2-secret")


def test_cells_of_the_runner_do_not_count():
    node = notebook(stream("hunter2-secret"))
    node.cells.insert(0, nbformat.v4.new_code_cell("x = 1", metadata={"tags": ["injected-parameters"]}))

    assert "cell 2" in refused(node, value="hunter2-secret")


def test_a_secret_in_a_parameter_or_in_the_report_is_found():
    node = notebook()
    node.metadata["papermill"] = {"parameters": {"note": f"x{VALUE}x"}}

    assert "the parameters or the report" in refused(node)
    assert "the parameters or the report" in refused(notebook(), report={"error": {"message": VALUE}})


def test_a_secret_in_a_stored_answer_is_found_packed_or_torn(tmp_path):
    folder = tmp_path / "answers"
    folder.mkdir()
    packed = gzip.compress(f'{{"label": {json.dumps(VALUE)}}}'.encode())
    (folder / "a.json.gz").write_bytes(packed[:10])
    check(notebook(), files=tmp_path)
    (folder / "b.json.gz").write_bytes(packed)

    assert "the file answers/b.json.gz" in refused(notebook(), files=tmp_path)


def test_a_short_secret_counts_as_a_word_of_its_own_and_a_shorter_one_cannot_be_told():
    check(notebook(stream("0.123456 s")), value="12345")
    check(notebook(stream("abc")), value="abc")
    refused(notebook(stream("pin 12345.")), value="12345")


def test_a_secret_that_is_not_there_is_left_out(tmp_path):
    server = PrometheusSettings.model_validate({"url": "http://p:9090", "bearer_token_file": "token"})
    settings = Settings(prometheus=server)

    assert read_secrets(settings, project=tmp_path, environ={}) == {}
    (tmp_path / "token").write_text("abc\n")
    assert read_secrets(settings, project=tmp_path, environ={}) == {"prometheus.bearer_token_file": "abc"}


@pytest.fixture
def shortener(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ana")
    addresses = ["https://ana@prom.example.com:9090/x", "http://metrics:9090", "http://127.0.0.1:9090", None]
    return Shortener(PROJECT, addresses=addresses, host="ci-runner-17.corp")


SITE = sysconfig.get_paths()["purelib"]
TMP = tempfile.gettempdir()


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ('File "/srv/shop/notebooks/a.py", line 3', 'File "./notebooks/a.py", line 3'),
        ("in /srv/shop.", "in .."),
        ("/srv/shopping /mnt/srv/shop", "/srv/shopping /mnt/srv/shop"),
        ("/home/ana/.cache and /home/anabel", "~/.cache and /home/anabel"),
        (f"{SITE}/pandas/core/frame.py", "site-packages/pandas/core/frame.py"),
        (f"{sysconfig.get_paths()['stdlib']}/json/decoder.py", "python/json/decoder.py"),
        (f"{TMP}/ipykernel_17/2.py:1 {TMP}/x.csv", "<tmp>/2.py:1 <tmp>/x.csv"),
        ("on ci-runner-17.corp or ci-runner-17: no", "on <host> or <host>: no"),
        ("ci-runner-170 my-ci-runner-17", "ci-runner-170 my-ci-runner-17"),
        ("GET https://prom.example.com:9090/x prom.example.com", "GET https://<host>/x <host>"),
        ("http://metrics:9090 counts metrics", "http://<host> counts metrics"),
        ("http://127.0.0.1:9090", "http://127.0.0.1:9090"),
    ],
)
def test_paths_and_hosts_are_shortened_and_what_looks_alike_is_not(shortener, text, short):
    assert shortener.text(text) == short


@given(text=st.text())
def test_what_names_no_path_and_no_host_stays_as_it_is(text):
    shortener = Shortener(PROJECT, addresses=[], host="vm")

    assume("/" not in text)
    assert shortener.text(text) == text


@pytest.mark.parametrize("host", ["vm", "laptop", "localhost", "localhost.localdomain", "", "12345678"])
def test_a_host_name_that_may_be_any_word_is_left_alone(host):
    assert Shortener(PROJECT, addresses=[], host=host).text(f"a {host} b") == f"a {host} b"


def test_a_host_named_like_a_word_of_ours_is_hidden_in_outputs_and_addresses_only():
    shortener = Shortener(PROJECT, addresses=[], host="baseline")
    node = notebook(
        stream("baseline"), shown(text_html="<b>baseline</b>"),
        nbformat.v4.new_output("display_data", data={MIME_TYPE: {"data": {"arm": "baseline", "at": "baseline:80"}}}),
        source="baseline = 1",
    )  # fmt: skip

    shortener.notebook(node)

    printed, table, ours = node.cells[1].outputs
    assert printed.text == "<host>"
    assert table.data["text/html"] == "<b>&lt;host&gt;</b>"
    assert ours.data[MIME_TYPE] == {"data": {"arm": "baseline", "at": "<host>:80"}}
    assert node.cells[1].source == "baseline = 1"
    assert shortener.data({"a": ["//baseline/", 1, None]}) == {"a": ["//<host>/", 1, None]}


def test_the_whole_notebook_is_shortened_and_pictures_are_not_read(shortener):
    error = nbformat.v4.new_output("error", ename="E", evalue="/srv/shop/x", traceback=["at /srv/shop/x"])
    node = notebook(error, shown(image_png="ci-runner-17", text_plain="/srv/shop"), source="open('/srv/shop/x')")
    node.metadata["papermill"] = {"parameters": {"file": "/srv/shop/x"}}

    shortener.notebook(node)

    text = nbformat.writes(node)
    assert "/srv/shop" not in text
    assert node.cells[1].outputs[1].data["image/png"] == "ci-runner-17"
    nbformat.validate(node)
