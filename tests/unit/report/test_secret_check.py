import base64
import gzip
import html
import io
import json
from urllib.parse import quote, quote_plus

import matplotlib as mpl
import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from reliability.errors import SecretInOutputError
from reliability.report.arrange import MIME_TYPE
from reliability.report.secret_check import check_secrets, read_secrets
from reliability.settings import PrometheusSettings, ResilienceSettings, Settings

OPTION = "prometheus.password_file"
VALUE = 'hunter2-"ñ/<&>\\end'
PRINTABLE = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=8, max_size=40)


def notebook(*outputs, source="1 + 1", tags=()):
    made = nbformat.v4.new_notebook()
    made.cells = [nbformat.v4.new_markdown_cell("# Title"), nbformat.v4.new_code_cell(source, metadata={"tags": tags})]
    made.cells[1].outputs = list(outputs)
    return made


def stream(text, name="stdout"):
    return nbformat.v4.new_output("stream", name=name, text=text)


def shown(**data):
    return nbformat.v4.new_output("display_data", data={key.replace("_", "/"): value for key, value in data.items()})


def check(node, *, value=VALUE, report=None, files=None):
    check_secrets({OPTION: value}, node, report or {}, files or {}, name="queue.ipynb")


def refused(node, **options):
    value = options.get("value", VALUE)
    with pytest.raises(SecretInOutputError) as caught:
        check(node, **options)
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
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        refused(notebook(stream(f"Basic {encode(f'{user}:{secret}{after}'.encode()).decode()}")), value=secret)


@pytest.mark.parametrize(
    "written",
    [
        html.escape(VALUE, quote=False),
        html.escape(html.escape(VALUE, quote=False)),
        html.escape(VALUE).replace("&quot;", "&#34;"),
        html.escape(json.dumps({"a": VALUE}), quote=False),
        json.dumps(VALUE).replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026").replace("/", r"\/"),
        json.dumps(json.dumps(json.dumps(VALUE))),
        VALUE.replace('"', '""'),
        repr(VALUE.encode()),
        quote_plus(VALUE),
        base64.encodebytes(b"-" * 50 + VALUE.encode()).decode(),
        repr(base64.encodebytes(b"-" * 50 + VALUE.encode())),
        html.escape(base64.b64encode(VALUE.encode()).decode()).replace("/", "&#47;"),
        VALUE.encode().hex(),
        VALUE.encode().hex(" ").upper(),
    ],
)
@pytest.mark.parametrize("place", ["stream", "html", "json", "svg", "file"])
def test_a_secret_is_found_where_only_a_part_of_it_is_escaped_or_where_it_is_broken(written, place):
    packed = gzip.compress(json.dumps({"label": written}).encode())
    refused(
        {
            "stream": notebook(stream(written)),
            "html": notebook(shown(text_html=f"<td>{written}</td>")),
            "json": notebook(shown(application_json={"a": [written]})),
            "svg": notebook(nbformat.v4.new_output("display_data", data={"image/svg+xml": f"<text>{written}</text>"})),
            "file": notebook(),
        }[place],
        files={"answers/b.json.gz": packed} if place == "file" else {},
    )


def test_the_text_of_a_figure_is_looked_through():
    figure, drawn = Figure(figsize=(2, 1)), io.StringIO()
    figure.suptitle(VALUE.replace("\\", ""))
    with mpl.rc_context({"svg.fonttype": "none"}):
        figure.savefig(drawn, format="svg")

    svg = nbformat.v4.new_output("display_data", data={"image/svg+xml": drawn.getvalue()})

    refused(notebook(svg), value=VALUE.replace("\\", ""))


@given(text=st.text(st.sampled_from('&#;\\u0034x<"9 \n')) | st.integers(1, 6000).map(lambda count: "&#" + "9" * count))
def test_no_text_without_a_secret_is_refused_or_breaks_the_search(text):
    check(notebook(stream(text)))


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
    assert "queue.ipynb, cell 2 from the top" in refused(node, value="hunter2-secret")


def test_cells_of_the_runner_do_not_count():
    node = notebook(stream("hunter2-secret"))
    node.cells.insert(0, nbformat.v4.new_code_cell("x = 1", metadata={"tags": ["injected-parameters"]}))

    assert "cell 2" in refused(node, value="hunter2-secret")


def test_a_secret_in_a_parameter_or_in_the_report_is_found():
    node = notebook()
    node.metadata["papermill"] = {"parameters": {"note": f"x{VALUE}x"}}

    assert "its parameters or its report" in refused(node)
    assert "its parameters or its report" in refused(notebook(), report={"error": {"message": VALUE}})


def test_a_secret_in_a_stored_answer_is_found_though_it_is_packed():
    packed = gzip.compress(f'{{"label": {json.dumps(VALUE)}}}'.encode())

    assert "the file answers/b.json.gz" in refused(notebook(), files={"a.csv": b"1", "answers/b.json.gz": packed})


def test_words_that_join_to_a_secret_are_none():
    check(notebook(stream("1234 5678\nopen sesame")), value="12345678")
    check(notebook(stream("1234 5678\nopen sesame")), value="opensesame")


def test_a_short_secret_may_stand_in_any_text_so_it_is_not_looked_for():
    check(notebook(stream("0.1234567 s")), value="1234567")
    refused(notebook(stream("0.12345678 s")), value="12345678")


def test_a_secret_that_is_not_there_is_left_out(tmp_path):
    server = PrometheusSettings.model_validate({"url": "http://p:9090", "bearer_token_file": "token"})
    settings = Settings(prometheus=server)

    assert read_secrets(settings, project=tmp_path, environ={}) == {}
    (tmp_path / "token").write_text("abc\n")
    assert read_secrets(settings, project=tmp_path, environ={}) == {"prometheus.bearer_token_file": "abc"}


def test_the_address_of_a_server_is_a_secret_and_so_is_its_password_alone(tmp_path):
    settings = Settings(resilience=ResilienceSettings(locks_url_variable="DB"))
    environ = {"DB": "postgresql://ana:hunter2%2Fhunter2@db/locks"}

    secrets = read_secrets(settings, project=tmp_path, environ=environ)

    assert secrets == {
        "resilience.locks_url_variable": environ["DB"],
        "resilience.locks_url_variable (its password)": "hunter2/hunter2",
    }
