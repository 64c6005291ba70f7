"""The page that shows prepared data before anything is trained."""

from __future__ import annotations

from pathlib import Path

from seqarena.data.store import Prepared
from seqarena.figures.look import look_over
from seqarena.files import new_folder
from seqarena.report.report import templates


def write_look(name: str, prepared: Prepared, out: Path, drawn: str = "") -> Path:
    """Write a page with its pictures into a folder; return its path.

    `drawn` says of how much it is, where that is not all.
    """
    with new_folder(out) as partial:
        page = look_over(name, prepared, partial, drawn)
        html = templates().get_template("look.html.j2").render(page=page)
        (partial / "index.html").write_text(html, encoding="utf-8")
    return out / "index.html"
