"""Small pieces of HTML and Markdown, and numbers with units; all values are escaped."""

import re
from collections.abc import Iterable, Sequence
from html import escape

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:^=&])")
_THIN_SPACE, _NO_BREAK_SPACE = "\u202f", "\u00a0"


def escape_markdown(text: object) -> str:
    """Escape text for Streamlit's Markdown (labels, captions, notices)."""
    return _MARKDOWN.sub(r"\\\1", str(text).replace("\n", " "))


def escape_hover(text: object) -> str:
    """Escape text for a Plotly hover or label, in which Plotly interprets a few HTML tags."""
    return escape(str(text).replace("\n", " "), quote=False)


def swatch_html(colour: str) -> str:
    """Return a small coloured square as HTML."""
    return f'<span class="cs-swatch" style="background:{escape(colour)}"></span>'


def facts_html(pairs: Iterable[tuple[str, object]]) -> str:
    """Return a list of facts in two columns: label and value.

    Whole numbers are written without decimals: pandas stores integers as floating-point numbers if
    some chips have none.
    """
    rows = "".join(
        f"<div><dt>{escape(label)}</dt><dd>{escape(_fact_text(value))}</dd></div>"
        for label, value in pairs
    )
    return f'<dl class="cs-facts">{rows}</dl>'


def _fact_text(value: object) -> str:
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) < 2**53
    return f"{value:.0f}" if is_whole else str(value)


def legend_html(entries: Iterable[tuple[str, str, str]]) -> str:
    """Return a legend as HTML: colour, name and count of each entry, in as many columns as fit."""
    items = "".join(
        f"<li>{swatch_html(colour)}<span>{escape(label)}</span><em>{escape(count)}</em></li>"
        for colour, label, count in entries
    )
    return f'<ul class="cs-legend">{items}</ul>'


def gallery_html(
    images: Sequence[str], captions: Sequence[tuple[str, str, str]], width: int
) -> str:
    """Return images next to each other as HTML; a caption is a colour and two lines of text."""
    cells = "".join(
        f'<figure style="width:{width}px;border-color:{escape(colour)}">'
        f'<img src="{image}" alt="" width="{width}" height="{width}"/>'
        f'<figcaption title="{escape(first)}">{escape(first)}'
        f"<small>{escape(second)}</small></figcaption></figure>"
        for image, (colour, first, second) in zip(images, captions, strict=True)
    )
    return f'<div class="cs-gallery">{cells}</div>'


def stages_html(entries: Iterable[tuple[str, str, str]]) -> str:
    """Return a list of stages as HTML; an entry is a title, a state and the words for the state.

    The states are done, stale, running and none; style.css has a marker for each.
    """
    items = "".join(
        f'<li class="cs-{escape(state)}"><i></i><span>{escape(title)}</span>'
        f"<em>{escape(words)}</em></li>"
        for title, state, words in entries
    )
    return f'<ul class="cs-stages">{items}</ul>'


def count_noun(n: int, singular: str, plural: str = "") -> str:
    """Return a count with its noun, for example ``"1 chip"`` or ``"2 chips"``."""
    return f"{format_number(n)} {singular if n == 1 else plural or f'{singular}s'}"


def format_length(metres: float, unit: str = "") -> str:
    """Return a length with one decimal, or with one significant digit below a decimetre."""
    if metres != metres:  # noqa: PLR0124
        return "not known"
    if 0 < abs(metres) < 0.1:
        return format_number(metres, unit, 1)
    return _with_unit(f"{metres:,.1f}", unit)


def format_number(value: float, unit: str = "", digits: int = 3) -> str:
    """Return a number with its unit, a few significant digits and thin spaces between thousands."""
    if value != value:  # noqa: PLR0124
        return "not known"
    if float(value).is_integer() and abs(value) < 1e15:
        return _with_unit(f"{int(value):,}", unit)
    if abs(value) >= 1000:
        return _with_unit(f"{value:,.0f}", unit)
    text = f"{value:.{digits}g}" if abs(value) < 10**digits else f"{value:.0f}"
    return _with_unit(text, unit)


def format_bytes(n_bytes: float) -> str:
    """Return the size of a file in kB, MB or GB."""
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if n_bytes >= size:
            return format_number(n_bytes / size, unit)
    return format_number(max(1, round(n_bytes / 1e3)), "kB")


def _with_unit(text: str, unit: str) -> str:
    text = text.replace(",", _THIN_SPACE)
    return f"{text}{_NO_BREAK_SPACE}{unit}" if unit else text
