"""What there is to know of a derivative."""

from __future__ import annotations

import html as _html
import json
from typing import NamedTuple


class Step(NamedTuple):
    """One step of a derivation."""

    rule: str
    statement: str
    source: str
    why: str
    text: str
    latex: str

    def _repr_latex_(self):
        return f"$\\displaystyle {self.latex}$"


def steps(self, style="chain", language="en"):
    """The steps of the derivation of a derivative: ``style="chain"`` or ``"differential"``, ``language="en"`` or ``"zh"``."""
    return [Step(*step) for step in self._steps(style, language)]


def details(self):
    """Shape, layout, domain, assumptions, notes and the check of a derivative; None of other expressions."""
    text = self._json()
    return None if text is None else json.loads(text)


def html(self):
    """A derivative for a notebook: the formula, and below it what was assumed, where it holds, and its check."""
    known = details(self)
    if known is None:
        return None
    lines = []
    if known["assumptions"]:
        lines.append("assumed: " + ", ".join(known["assumptions"]))
    if known["domain"]:
        lines.append("where " + ", ".join(known["domain"]))
    lines += known["notes"]
    checked = known["verified"]
    if checked and "failure" not in checked and "reason" not in checked:
        lines.append(f"checked at {checked['points']} random points: relative error {checked['max_relative_error']:.1e}")
    shape = " × ".join(known["shape"])
    head = f"<div>$$\\frac{{\\partial f}}{{\\partial {_variable(known['wrt'])}}} = {_html.escape(self.latex())}$$</div>"
    small = "<br>".join(_html.escape(line) for line in [f"{shape}, {known['layout']} layout", *lines])
    return f"{head}<div style='font-size: smaller; opacity: 0.7'>{small}</div>"


def _variable(name):
    from ._matgrad import parse

    try:
        return _html.escape(parse(name, []).latex())
    except ValueError:
        return _html.escape(name)
