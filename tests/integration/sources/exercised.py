"""Runs a little of some installed packages, so that real data of coverage.py comes of it."""

import sys

package = sys.argv[1]

if package == "click":
    import click
    from click.testing import CliRunner

    @click.command()
    @click.option("--count", default=1, type=click.IntRange(0, 5))
    @click.argument("name", required=False)
    def hello(count: int, name: str | None) -> None:
        for _ in range(count):
            click.secho(f"hello {name}", fg="green")

    for words in (["--count", "2", "you"], ["--help"], ["--count", "9"], ["--nope"]):
        CliRunner().invoke(hello, words)
elif package == "markdown_it":
    from markdown_it import MarkdownIt

    MarkdownIt().enable("table").render("# a\n\n* b\n  1. c `d`\n\n> [e](f)\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")
elif package == "tinycss2":
    import tinycss2

    tinycss2.serialize(
        tinycss2.parse_stylesheet("@media print { a { color: #fff } } b::c { d: e(1px, 'f') !important }")
    )
elif package == "defusedxml":
    from defusedxml import DefusedXmlException, ElementTree

    ElementTree.fromstring("<a><b/></a>")
    try:
        ElementTree.fromstring("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>")
    except DefusedXmlException:
        sys.stdout.write("refused\n")
