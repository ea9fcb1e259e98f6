"""Small pieces of HTML and Markdown in which every value is text, never markup."""

import re
from collections.abc import Iterable, Sequence
from html import escape

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:^=&])")


def plain(text: object) -> str:
    """Text for Streamlit's Markdown (labels, captions, notices) that shows as it stands."""
    return _MARKDOWN.sub(r"\\\1", str(text).replace("\n", " "))


def hover(text: object) -> str:
    """Text for a Plotly hover or label, which would read a few HTML tags."""
    return escape(str(text).replace("\n", " "), quote=False)


def swatch(colour: str) -> str:
    """A small coloured square."""
    return f'<span class="cs-swatch" style="background:{escape(colour)}"></span>'


def facts(pairs: Iterable[tuple[str, object]]) -> str:
    """A quiet two-column list of facts."""
    rows = "".join(
        f"<div><dt>{escape(key)}</dt><dd>{escape(str(value))}</dd></div>" for key, value in pairs
    )
    return f'<dl class="cs-facts">{rows}</dl>'


def legend(entries: Iterable[tuple[str, str, str]]) -> str:
    """Swatch, name and count of each entry, flowing in as many columns as fit."""
    items = "".join(
        f"<li>{swatch(colour)}<span>{escape(label)}</span><em>{escape(count)}</em></li>"
        for colour, label, count in entries
    )
    return f'<ul class="cs-legend">{items}</ul>'


def gallery(images: Sequence[str], captions: Sequence[tuple[str, str, str]], width: int) -> str:
    """Chips side by side; a caption is a colour, a first and a second line."""
    cells = "".join(
        f'<figure style="width:{width}px;border-color:{escape(colour)}">'
        f'<img src="{image}" alt="" width="{width}" height="{width}"/>'
        f'<figcaption title="{escape(first)}">{escape(first)}'
        f"<small>{escape(second)}</small></figcaption></figure>"
        for image, (colour, first, second) in zip(images, captions, strict=True)
    )
    return f'<div class="cs-gallery">{cells}</div>'


def rows(entries: Iterable[tuple[str, str, str, Sequence[str]]]) -> str:
    """A row a group: colour, name, a second line, and images that stand for it."""
    items = []
    for colour, first, second, images in entries:
        head = f"<b>{swatch(colour)}{escape(first)}</b><small>{escape(second)}</small>"
        body = "".join(f'<img src="{image}" alt=""/>' for image in images)
        items.append(f"<div><header>{head}</header><section>{body}</section></div>")
    return '<div class="cs-rows">' + "".join(items) + "</div>"


def stages(entries: Iterable[tuple[str, str, str]]) -> str:
    """The state of each stage: name, state (done, stale, running or none) and its words."""
    items = "".join(
        f'<li class="cs-{escape(state)}"><i></i><span>{escape(label)}</span>'
        f"<em>{escape(words)}</em></li>"
        for label, state, words in entries
    )
    return f'<ul class="cs-stages">{items}</ul>'


def counted(n: int, one: str, many: str = "") -> str:
    """How many there are of something, for example ``"1 chip"`` or ``"2 chips"``."""
    return f"{number(n)} {one if n == 1 else many or f'{one}s'}"


def length(metres: float, unit: str = "") -> str:
    """A length with one decimal; less than a decimetre with one digit."""
    if metres != metres:  # noqa: PLR0124
        return "not known"
    if 0 < abs(metres) < 0.1:
        return number(metres, unit, 1)
    text = f"{metres:,.1f}".replace(",", "\u202f")
    return f"{text}\u00a0{unit}" if unit else text


def number(value: float, unit: str = "", digits: int = 3) -> str:
    """A number with a thin space at each thousand, few digits and its unit."""
    if value != value:  # noqa: PLR0124
        return "not known"
    if float(value).is_integer() and abs(value) < 1e15:
        text = f"{int(value):,}".replace(",", "\u202f")
    elif abs(value) >= 1000:
        text = f"{value:,.0f}".replace(",", "\u202f")
    else:
        text = f"{value:.{digits}g}" if abs(value) < 10**digits else f"{value:.0f}"
    return f"{text}\u00a0{unit}" if unit else text
