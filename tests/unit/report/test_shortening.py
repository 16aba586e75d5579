import sysconfig
import tempfile
from pathlib import Path

import nbformat
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reliability.report.shortening import make_shortener

PROJECT = Path("/srv/shop")
SITE = sysconfig.get_paths()["purelib"]
STDLIB = sysconfig.get_paths()["stdlib"]
TMP = tempfile.gettempdir()


@pytest.fixture
def shorten(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ana")
    addresses = ["https://prom.example.com:9090/x", "http://metrics:9090", "http://127.0.0.1:9090", "http://10.1.2.3"]
    return make_shortener(PROJECT, addresses=addresses, host="ci-runner-17.corp")


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ('File "/srv/shop/notebooks/a.py", line 3', 'File "./notebooks/a.py", line 3'),
        ("in /srv/shop.", "in .."),
        ("/srv/shopping /mnt/srv/shop", "/srv/shopping /mnt/srv/shop"),
        ("/home/ana/.cache and /home/anabel", "~/.cache and /home/anabel"),
        (f"{SITE}/pandas/core/frame.py", "site-packages/pandas/core/frame.py"),
        (f"{STDLIB}/json/decoder.py", "python/json/decoder.py"),
        (f"{TMP}/ipykernel_17/2.py:1 {TMP}/x.csv", "[tmp]/ipykernel_17/2.py:1 [tmp]/x.csv"),
        ("on ci-runner-17.corp or ci-runner-17: no", "on [host] or [host]: no"),
        ("ci-runner-170 my-ci-runner-17", "ci-runner-170 my-ci-runner-17"),
        ("GET https://prom.example.com:9090/x prom.example.com", "GET https://[host]/x [host]"),
        ("http://metrics:9090 counts metrics", "http://[host] counts metrics"),
        ("http://10.1.2.3/api", "http://[host]/api"),
        ("http://127.0.0.1:9090", "http://127.0.0.1:9090"),
    ],
    ids=lambda text: text.replace(SITE, "SITE").replace(STDLIB, "STDLIB").replace(TMP, "TMP"),  # the same everywhere
)
def test_paths_and_hosts_are_shortened_and_what_looks_alike_is_not(shorten, text, short):
    assert shorten(text) == short


@given(text=st.text())
def test_what_names_no_path_and_no_host_stays_as_it_is(text):
    assume("/" not in text)
    assert make_shortener(PROJECT, addresses=[], host="vm")(text) == text


@pytest.mark.parametrize("host", ["vm", "v2", "laptop", "baseline", "localhost", "Prometheus"])
def test_a_host_name_that_may_be_any_word_is_left_alone(host):
    assert make_shortener(PROJECT, addresses=[], host=host)(f"a {host} b") == f"a {host} b"


@pytest.mark.parametrize("host", ["buildserver", "BuildServer", "build_srv"])
def test_a_long_word_that_is_none_of_ours_is_a_host(host):
    shorten = make_shortener(PROJECT, addresses=["http://metricsdb:9090"], host=host)

    assert shorten(f"on {host}, metricsdb") == "on [host], [host]"
    assert shorten(f"my{host} {host}-2") == f"my{host} {host}-2"


@pytest.fixture
def foreign(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "gettempdir", lambda: "/nowhere/tmp")
    folder = tmp_path / "secret-project"
    folder.mkdir()
    (folder / "f.csv").touch()
    return folder


def test_a_path_that_exists_here_is_shown_by_its_last_name(foreign):
    shorten = make_shortener(PROJECT, addresses=[], host="vm")

    assert shorten(f"open('{foreign}/f.csv')") == "open('f.csv')"
    assert shorten(f"No such file: {foreign}/none.csv.") == "No such file: none.csv."
    assert (
        shorten(f"PATH={foreign}:{foreign} file://{foreign}/f.csv") == "PATH=secret-project:secret-project file://f.csv"
    )


@pytest.mark.parametrize(
    "text",
    ["GET /api/v1/items", "http://127.0.0.1:9090/usr/bin", "</td>", "/usr /", "a/usr/bin", "./usr/bin", "~/usr/bin"],
)
def test_a_route_and_what_is_no_absolute_path_stay(text):
    assert make_shortener(PROJECT, addresses=[], host="vm")(text) == text


def test_the_whole_notebook_is_shortened_and_stays_one(shorten):
    error = nbformat.v4.new_output("error", ename="E", evalue="/srv/shop/x", traceback=["at /srv/shop/x"])
    table = nbformat.v4.new_output("display_data", data={"text/html": "<b>/srv/shop</b>", "text/plain": "/srv/shop"})
    code = nbformat.v4.new_code_cell("open('/srv/shop/x')", outputs=[error, table], execution_count=1)
    node = nbformat.v4.new_notebook(cells=[code], metadata={"parameters": {"file": "/srv/shop/x", "n": 1}})

    short = shorten(node)

    assert nbformat.writes(short) == nbformat.writes(node).replace("/srv/shop", ".")
    nbformat.validate(short)


def test_paths_of_every_system_stay_in_stored_cells(tmp_path):
    shorten = make_shortener(tmp_path, addresses=())

    assert shorten("#!/usr/bin/env bash\nls 2>/dev/null") == "#!/usr/bin/env bash\nls 2>/dev/null"
