import re

import pytest

from app.widgets import markup

EVIL = "<img src=x onerror=alert(1)>"


def test_escape_hover__tags_become_text():
    assert markup.escape_hover(EVIL) == "&lt;img src=x onerror=alert(1)&gt;"
    assert markup.escape_hover("a & <b>b</b>\nc") == "a &amp; &lt;b&gt;b&lt;/b&gt; c"


@pytest.mark.parametrize("sign", list("\\`*_{}[]()<>#+-.!|~$:^=&"))
def test_escape_markdown__every_markdown_sign(sign):
    assert markup.escape_markdown(f"a{sign}b") == f"a\\{sign}b"


def test_html__values_are_text():
    for piece in (
        markup.facts_html([(EVIL, EVIL)]),
        markup.legend_html([("#000000", EVIL, EVIL)]),
        markup.gallery_html(["data:,"], [("#000000", EVIL, EVIL)], 80),
        markup.stages_html([(EVIL, "done", EVIL)]),
    ):
        assert "<img src=x" not in piece
        assert "&lt;img src=x" in piece


def test_facts_html__whole_numbers_have_no_decimals():
    piece = markup.facts_html([("id", 12.0), ("height", 2.5), ("n", 7), ("none", float("nan"))])
    assert re.findall("<dd>(.*?)</dd>", piece) == ["12", "2.5", "7", "nan"]


def test_gallery_html__quotes_are_escaped():
    piece = markup.gallery_html(["data:,"], [('"onload="x', '" onerror="alert(1)', "")], 80)
    assert '"onload' not in piece
    assert '" onerror' not in piece


@pytest.mark.parametrize(
    ("n", "text"), [(0, "0 scenes"), (1, "1 scene"), (2, "2 scenes"), (1234, "1\u202f234 scenes")]
)
def test_count_noun__singular_of_one(n, text):
    assert markup.count_noun(n, "scene") == text


def test_count_noun__irregular_plural():
    assert [markup.count_noun(n, "class", "classes") for n in (1, 2)] == ["1 class", "2 classes"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12.0, "12.0\u00a0m"),
        (8.46, "8.5\u00a0m"),
        (123.44, "123.4\u00a0m"),
        (0.04, "0.04\u00a0m"),
        (0.0, "0.0\u00a0m"),
        (12345.6, "12\u202f345.6\u00a0m"),
        (float("nan"), "not known"),
    ],
)
def test_format_length__one_decimal(value, text):
    assert markup.format_length(value, "m") == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (12, "", "12"),
        (1234567, "px", "1\u202f234\u202f567\u00a0px"),
        (0.30004, "m", "0.3\u00a0m"),
        (12345.6, "m²", "12\u202f346\u00a0m²"),
        (-3.25, "", "-3.25"),
        (float("nan"), "m", "not known"),
    ],
)
def test_format_number__few_digits_with_unit(value, unit, text):
    assert markup.format_number(value, unit) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(424.4, "424"), (42.44, "42"), (4.244, "4.2"), (0.4244, "0.42"), (-999.6, "-1000")],
)
def test_format_number__never_with_an_exponent(value, text):
    assert markup.format_number(value, digits=2) == text


@pytest.mark.parametrize(
    ("n_bytes", "text"), [(10, "1\u00a0kB"), (2_500_000, "2.5\u00a0MB"), (3e9, "3\u00a0GB")]
)
def test_format_bytes__in_the_unit_that_fits(n_bytes, text):
    assert markup.format_bytes(n_bytes) == text
