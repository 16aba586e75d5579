"""The one stylesheet, in the two forms that are needed, and the policy that admits it.

A page inlines all parts and allows nothing else by its Content-Security-Policy. A result
in a notebook carries the tokens and its components nested under `.reliability`, so that
the rest of the analyst's screen is not restyled. Which rule looks how belongs to
`templates/*.css`.
"""

import base64
import hashlib
import re
from functools import lru_cache

from markupsafe import Markup

from reliability.shipped import shipped_folder

_LIGHT_DARK = re.compile(r"light-dark\(([^,()]+),[^()]+\)")
_NOTEBOOK_SCOPE = ".reliability.reliability.reliability"  # outweighs the editor's own rules for tables


@lru_cache(maxsize=1)
def page_css() -> Markup:
    """Return the whole stylesheet of a page, minified."""
    return Markup(_tokens() + _part("blocks.css") + _part("report.css"))  # noqa: S704 -- our own file


@lru_cache(maxsize=1)
def notebook_css() -> Markup:
    """Return the rules for one result in a notebook, confined to it."""
    box = f"{_NOTEBOOK_SCOPE}{{color:var(--ink);font:400 .9375rem/1.55 var(--sans);font-variant-numeric:tabular-nums;"
    return Markup(f"{_tokens()}{box}{_part('blocks.css')}}}")  # noqa: S704 -- our own file


def content_security_policy(css: str) -> str:
    """Return the policy of a page: its one style element by its hash, pictures as data, nothing else."""
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"


def _tokens() -> str:
    """Return the tokens; browsers without `light-dark()` get the light values."""
    text = _part("tokens.css")
    light = "".join(re.findall(r"--[\w-]+:light-dark\([^()]+\);?", text))
    fallback = _LIGHT_DARK.sub(lambda match: match[1], light)
    return f"{text}@supports not (color:light-dark(#000,#fff)){{.reliability{{{fallback}}}}}"


def _part(name: str) -> str:
    text = (shipped_folder("templates") / name).read_text(encoding="utf-8")
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    text = re.sub(r":\s+", ":", re.sub(r"\s+", " ", text))
    return re.sub(r"\s*([{};,>])\s*", r"\1", text).strip()
