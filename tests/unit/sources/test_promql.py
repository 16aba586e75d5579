import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliability.errors import SelectorError
from reliability.sources.promql import Matcher, check_metric_name, parse_matchers, range_selector

VALUES = st.text(st.characters(exclude_categories=["Cs"]))
MATCHERS = st.builds(
    Matcher,
    name=st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,8}", fullmatch=True),
    op=st.sampled_from(["=", "!=", "=~", "!~"]),
    value=VALUES.map(re.escape),
)


def printed(matchers: tuple[Matcher, ...]) -> str:
    return ", ".join(matcher.promql() for matcher in matchers)


@given(matchers=st.lists(MATCHERS, max_size=4).map(tuple), braced=st.booleans())
def test_what_is_printed_is_read_back(matchers: tuple[Matcher, ...], braced: bool):
    text = printed(matchers)

    assert parse_matchers(f"{{{text}}}" if braced else text) == matchers


@given(value=VALUES)
def test_no_value_leaves_its_quotes_or_its_line(value: str):
    text = Matcher(name="a", op="=", value=value).promql()

    assert "\n" not in text
    assert re.fullmatch(r'a="([^"\\]|\\.)*"', text)


@given(value=VALUES | st.text(st.characters(categories=["Cc", "Cf", "Zl", "Zp"])))
def test_what_is_printed_can_be_seen(value: str):
    matcher = Matcher(name="a", op="=", value=value)

    assert matcher.promql().isprintable()
    assert parse_matchers(matcher.promql()) == (matcher,)


@given(letters=st.lists(st.tuples(st.characters(exclude_categories=["Cs"]), st.integers(0, 3))))
def test_the_escapes_of_go_mean_their_letters(letters: list[tuple[str, int]]):
    def escaped(letter: str, way: int) -> str:
        code = ord(letter)
        return (
            f"\\U{code:08x}",
            f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}",
            "".join(f"\\x{byte:02x}" for byte in letter.encode()),
            "".join(f"\\{byte:03o}" for byte in letter.encode()),
        )[way]

    (matcher,) = parse_matchers(f'a="{"".join(escaped(*each) for each in letters)}"')

    assert matcher.value == "".join(letter for letter, _ in letters)


@given(text=st.text())
def test_any_text_is_read_or_refused_with_our_error(text: str):
    try:
        matchers = parse_matchers(text)
    except SelectorError:
        return
    assert parse_matchers(printed(matchers)) == matchers


@given(value=VALUES, other=VALUES)
def test_each_operator_and_its_opposite_divide_all_labels(value: str, other: str):
    pattern = re.escape(value)
    for labels in ({"a": value}, {"a": other}, {}):
        for op, opposite, text in (("=", "!=", value), ("=~", "!~", pattern)):
            yes = Matcher(name="a", op=op, value=text).matches(labels)
            assert yes == (labels.get("a", "") == value)
            assert yes != Matcher(name="a", op=opposite, value=text).matches(labels)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("{}", ()),
        (' { arm = "canary" , } ', (("arm", "=", "canary"),)),
        ("arm='it\\'s',b=`\\d\\`", (("arm", "=", "it's"), ("b", "=", "\\d\\"))),
        (r'a="é\n\t\r\"\\"', (("a", "=", 'é\n\t\r"\\'),)),
        (r'a="\a\b\f\v\x1b\033\u202e"', (("a", "=", "\a\b\f\v\x1b\x1b\u202e"),)),
        ('code=~"5..",path!~"/health|/metrics"', (("code", "=~", "5.."), ("path", "!~", "/health|/metrics"))),
    ],
)
def test_matchers_are_read_as_a_server_reads_them(text: str, expected: tuple[tuple[str, str, str], ...]):
    assert tuple((m.name, m.op, m.value) for m in parse_matchers(text)) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("arm", "from 'arm' on"),
        ('arm="a" b="c"', "cannot be read"),
        ('{arm="a"', "cannot be read"),
        ('arm="a"}', "cannot be read"),
        ('arm="a', "cannot be read"),
        ("arm=`a", "cannot be read"),
        ('arm="a\nb"', "cannot be read"),
        ("arm=canary", "cannot be read"),
        ('b="c", 9arm="a"', "from '9arm=\"a\"' on"),
        (',arm="a"', "cannot be read"),
        ('arm=="a"', "cannot be read"),
        (r'arm="\q"', "a backslash in quotes as two"),
        (r'arm=~"\d"', "a backslash in quotes as two"),
        (r'arm="\x1"', "a backslash in quotes as two"),
        (r'arm="\400"', "a backslash in quotes as two"),
        (r'arm="\xff"', "mend them"),
        (r'arm="\ud800"', "mend them"),
        (r'arm="\UFFFFFFFF"', "mend them"),
        ('arm="\udcff"', "cannot be read"),
        ('arm=~"("', "cannot be read"),
        ('arm=~"(?=x)"', "RE2"),
        (r'arm=~"(a)\\1"', "RE2"),
        ('arm=~"(?P<n>a)(?P=n)"', "RE2"),
        ('arm=~"(?<!a)b"', "RE2"),
        ('arm=~"a++"', "RE2"),
        ('arm=~"[[:alpha:]]"', "RE2"),
        ('arm="a"; drop', "cannot be read"),
    ],
)
def test_a_bad_list_is_refused_with_place_and_cure(text: str, words: str):
    with pytest.raises(SelectorError) as caught:
        parse_matchers(text, where="canary_matchers")

    message = str(caught.value)
    assert words in message
    assert message.startswith("canary_matchers reads ")


@pytest.mark.parametrize(
    ("pattern", "value", "matches"),
    [
        ("5..", "503", True),
        ("5..", "5033", False),
        ("canary|c", "canary", True),
        ("a.b", "a\nb", True),
        (r"\d+", "٣", False),
        ("(?i)CANARY", "canary", True),
        ("", "", True),
        ("[[a]", "[", True),
        (r"\(?=x", "(=x", True),
        ("[*+]+", "+*", True),
    ],
)
def test_regular_expressions_match_whole_values_as_re2_does(pattern: str, value: str, matches: bool):
    assert Matcher(name="a", op="=~", value=pattern).matches({"a": value}) is matches


@pytest.mark.parametrize("name", ["", "a-b", "9a", "up{", "rate(up)", "a b", 'up"'])
def test_what_is_no_metric_name_is_refused(name: str):
    with pytest.raises(SelectorError, match="bare name"):
        check_metric_name(name)


def test_a_range_selector_names_the_metrics_exactly():
    matchers = parse_matchers('arm="canary"')

    selector = range_selector(metrics=["up", "job:x:sum"], matchers=matchers, seconds=90)

    assert selector == '{__name__=~"up|job:x:sum", arm="canary"}[90s]'
