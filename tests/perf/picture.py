"""The picture in README: mean score of the four arms, of one or more runs of `evolve.py`."""

from __future__ import annotations

import json
from pathlib import Path

from conditions import RESULTS
from markupsafe import Markup

from agentevo.evaluation.plots import bars
from agentevo.evaluation.statistics import Interval

BUDGETS = ("small", "medium", "large")
STYLE = """svg{font:14px system-ui,sans-serif;background:#fdfdfc}text{fill:#1d2126}
.strong{font-weight:600}.grid{stroke:#d5d8dc}.bar{fill:var(--c);fill-opacity:.55}
.whisker{stroke:var(--c,#1d2126);stroke-width:1.75}.mark{fill:var(--c)}.line{fill:none;stroke:var(--c);stroke-width:2;stroke-opacity:.6}
.s0{--c:#6b7480}.s1{--c:#1f6fb5}.s2{--c:#b8570b}.s3{--c:#17805a}"""


def put(drawn: Markup, path: Path) -> None:
    """Write a plot to a file of its own, with its colours."""
    text = str(drawn).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    path.write_text(text.replace(">", f"><style>{STYLE}</style>", 1) + "\n")
    print(f"written to {path}")


def main() -> None:
    """Draw what `evolve.py` has written for each budget."""
    for budget in BUDGETS:
        path = RESULTS / f"evolve-{budget}.json"
        if not path.exists():
            continue
        rows = json.loads(path.read_text())["arms"]["rows"]
        values = [(one["arm"], n, Interval(**one["score"])) for n, one in enumerate(rows)]
        drawn = bars(f"Mean score on the test split, budget {budget}", values)
        put(drawn, path.with_suffix(".svg"))


if __name__ == "__main__":
    main()
