"""Configuration layouts that hold a threshold of 35 %: file name -> text, and what a raise to 40 must change."""

from collections.abc import Mapping
from typing import Final

BOM: Final = "\ufeff"
LAYOUTS: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "one string in pyproject": (
        "pyproject.toml",
        {"pyproject.toml": '[tool.pytest.ini_options]\naddopts = "-n 35 --cov --cov-fail-under=35"  # was 35 in May\n'},
    ),
    "a string of several lines in pyproject": (
        "pyproject.toml",
        {
            "pyproject.toml": (
                '[tool.pytest.ini_options]\naddopts = """\n  --cov\n  --cov-fail-under=35\n  --maxfail=35\n"""\n'
            )
        },
    ),
    "an array with comments in pyproject": (
        "pyproject.toml",
        {
            "pyproject.toml": (
                "[tool.pytest.ini_options]\naddopts = [\n  '--cov',\n  # 35 is the first goal\n"
                "  '--cov-fail-under=35',  # not 35.5\n]\n"
            )
        },
    ),
    "native options of pyproject, value as a word of its own": (
        "pyproject.toml",
        {"pyproject.toml": '[tool.pytest]\naddopts = ["--cov", "--cov-fail-under", "35"]\nxfail_strict = true\n'},
    ),
    "pytest.toml": ("pytest.toml", {"pytest.toml": '[pytest]\naddopts = ["--cov", "--cov-fail-under=35"]\n'}),
    "pytest.ini": ("pytest.ini", {"pytest.ini": "[pytest]\n# 35 until spring\naddopts = --cov --cov-fail-under=35\n"}),
    ".pytest.ini, value as a word of its own": (
        ".pytest.ini",
        {".pytest.ini": "[pytest]\naddopts: --cov --cov-fail-under 35\n"},
    ),
    "continued lines in tox.ini": (
        "tox.ini",
        {"tox.ini": "[tox]\nenvlist = py35\n[pytest]\naddopts =\n  --cov\n  # keep at 35\n  --cov-fail-under=35\n"},
    ),
    "setup.cfg for pytest, CRLF": (
        "setup.cfg",
        {"setup.cfg": "[metadata]\r\nversion = 35\r\n\r\n[tool:pytest]\r\naddopts = --cov --cov-fail-under=35\r\n"},
    ),
    "report in pyproject, the same number elsewhere": (
        "pyproject.toml",
        {
            "pyproject.toml": (
                '[tool.other]\nfail_under = 35\nnote = "fail_under = 35"\n\n[tool.coverage.report]\n'
                "# fail_under = 35\nprecision = 2\nfail_under   =  35   # first goal: 35\n"
            )
        },
    ),
    "report in pyproject with decimals": (
        "pyproject.toml",
        {"pyproject.toml": "[tool.coverage.report]\nfail_under = 35.0\nprecision = 2\n"},
    ),
    "report in pyproject as a string": (
        "pyproject.toml",
        {"pyproject.toml": '[tool.coverage.report]\nfail_under = "35"\n'},
    ),
    "an inline table in pyproject, CRLF": (
        "pyproject.toml",
        {"pyproject.toml": "[tool.coverage]\r\nreport = { fail_under = 35, precision = 2 }\r\n"},
    ),
    "dotted keys in pyproject": (
        "pyproject.toml",
        {"pyproject.toml": "tool.coverage.report.fail_under = 35\ntool.coverage.report.precision = 2\n"},
    ),
    ".coveragerc with a byte order mark and a colon": (
        ".coveragerc",
        {".coveragerc": f"{BOM}[run]\nbranch = true\n[report]\nFail_Under: 35\n"},
    ),
    ".coveragerc.toml": (".coveragerc.toml", {".coveragerc.toml": "[report]\nfail_under = 35\n"}),
    "setup.cfg for coverage": (
        "setup.cfg",
        {"setup.cfg": "[coverage:run]\nbranch = 1\n[coverage:report]\nfail_under=35\n"},
    ),
    "tox.ini for coverage without a last newline": ("tox.ini", {"tox.ini": "[coverage:report]\nfail_under = 35"}),
    "an option over a report with the same number": (
        "pytest.ini",
        {
            "pytest.ini": "[pytest]\naddopts = --cov --cov-fail-under=35\n",
            "pyproject.toml": "[tool.coverage.report]\nfail_under = 35\n",
        },
    ),
    "the last of two options": (
        "pytest.ini",
        {"pytest.ini": "[pytest]\naddopts = --cov --cov-fail-under=30\n    --cov-fail-under=35\n"},
    ),
    "a file that --cov-config names": (
        "ci/cover.ini",
        {
            "pytest.ini": "[pytest]\naddopts = --cov --cov-config=ci/cover.ini\n",
            "ci/cover.ini": "[report]\nfail_under = 35\n",
            ".coveragerc": "[report]\nfail_under = 20\n",
        },
    ),
}
