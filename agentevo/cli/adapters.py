"""`agentevo adapters`: the weights that a run has trained, and what can be done with them."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from agentevo.cli import output
from agentevo.cli.facts import arm_text
from agentevo.cli.runs import RUN, check_was_in_force, chosen, print_change
from agentevo.cli.values import QUIET, check_choice
from agentevo.evaluation.words import gate_words

if TYPE_CHECKING:
    from agentevo.ledger import AdapterRecord
    from agentevo.run import Run

app = typer.Typer(
    help="Adapters: list, show, diff, merge, export, adopt, rollback.", no_args_is_help=True
)

NAME = typer.Argument(metavar="ADAPTER", help="An adapter's name.")
NAMES = typer.Argument(metavar="ADAPTER...", help="Two or more.")
OUT = typer.Argument(metavar="FOLDER", help="Where to; must not be there.")
LEFT_OUT = {
    "success": "no success",
    "gained": "no gain",
    "near_duplicate": "much the same",
    "held_out": "like a held-out task",
    "told": "without a lesson in the prompt",
}
"""Why a trace was not learned from, in words, by the filter's name."""


def _open(run: str, *, write: bool = False, to_play: bool = False) -> Run:
    from agentevo.run import Run

    return Run.open(run, write=write, to_play=to_play)


def _record(run: Run, name: str) -> AdapterRecord:
    """Return an adapter of a run.

    Raises:
        RunError: it has none of that name.
    """
    from agentevo.folders import RunError
    from agentevo.strategies import hint

    known = {one.name: one for one in run.ledger.adapters(run.id)}
    if name == "plain" and name not in known:
        raise RunError("'plain' is the model as it was, and no adapter: name one of run "
                       f"{run.id} (known: {', '.join(known) or 'none'})")  # fmt: skip
    if name not in known:
        raise RunError(f"run {run.id} has no adapter {name!r}{hint(name, list(known))}")
    return known[name]


def _weights(run: Run) -> Path:
    """Return the folder of the plain model.

    Raises:
        RunError: it is not at hand.
    """
    from agentevo.backbones.registry import weights_of
    from agentevo.folders import RunError

    found = weights_of(run.config.backbone, run.config.endpoint)
    if found is None:
        raise RunError(f"the weights of {run.config.backbone} are not at hand")
    return found


@app.command("list")
def list_(run: str = RUN, as_json: bool = output.AS_JSON) -> None:
    """List the adapters of a run, oldest first."""
    from agentevo.evaluation.adapters import facts

    opened = _open(run)
    try:
        found = [facts(opened, one) for one in opened.ledger.adapters(opened.id)]
    finally:
        opened.close()
    if as_json:
        output.print_json(found)
    elif not found:
        print(f"run {opened.id} has trained no adapter")
    else:
        output.print_table(
            ["adapter!", "from", "by", "traces#", "gate", "score before#", "after#", "size#",
             "in force"],
            [
                [one["adapter"], ", ".join(one["parents"]) or "plain", one["way"],
                 one["card"].get("data", {}).get("n_traces"),
                 (list(one["verdicts"].values()) or ["not at the gate yet"])[-1],
                 _score(one["score_before"]), _score(one["score_after"]), _megabytes(one["size"]),
                 "yes" if one["in_force"] else ""]
                for one in found
            ],
        )  # fmt: skip


def _score(value: float | None) -> str:
    return "" if value is None else output.percent(value)


def _megabytes(size: int | None) -> str:
    return "missing" if size is None else f"{size / 1e6:.1f} MB"


@app.command("show")
def show(run: str = RUN, adapter: str = NAME, as_json: bool = output.AS_JSON) -> None:
    """Show what an adapter was trained on, from what, how, and what it came to."""
    from agentevo.evaluation.adapters import facts, in_order

    opened = _open(run)
    try:
        one = facts(opened, _record(opened, adapter))
    finally:
        opened.close()
    if as_json:
        output.print_json(one)
        return
    card = one["card"]
    data, figures = card.get("data", {}), card.get("figures", {})
    verdicts = "; ".join(
        f"{gate_words(kind)}: {verdict}" for kind, verdict in one["verdicts"].items()
    )
    rows: list[tuple[str, object]] = [
        ("generation", one["generation"]),
        ("trained from", ", ".join(one["parents"]) or "the plain weights"),
        ("by", one["way"]),
        ("gate", verdicts or "not at the gate yet"),
        ("score before, after", " to ".join(
            _score(one[key]) for key in ("score_before", "score_after") if one[key] is not None)),
        ("in force after", ", ".join(f"generation {n}" for n in one["used_in"]) or "no generation"),
        ("in force now", "yes" if one["in_force"] else "no"),
        ("size", _megabytes(one["size"])),
        ("folder", one["path"]),
    ]  # fmt: skip
    told = {"n_traces": "traces", "n_replayed": "of these, replayed",
            "n_stale": "of these, by other weights", "n_rehearsed": "made up",
            "n_turns": "turns", "n_pairs": "pairs", "hash": "hash"}  # fmt: skip
    rows += [(f"data: {word}", data[key]) for key, word in told.items() if data.get(key)]
    for key, word in (("by_level", "traces by level"), ("by_generation", "traces by generation"),
                      ("by_adapter", "traces by the weights that played"),
                      ("filtered", "left out")):  # fmt: skip
        if some := data.get(key):
            told_of = some if key == "filtered" else in_order(some)
            rows.append((f"data: {word}", ", ".join(
                f"{LEFT_OUT.get(name, name)}: {n}" for name, n in told_of.items())))  # fmt: skip
    rows += [
        (f"training: {name.removeprefix('n_').replace('_', ' ')}", f"{value:,.4g}")
        for name, value in figures.items()
    ]
    rows += [(f"merged: {name}", f"{share:.3g}") for name, share in card.get("merged", {}).items()]
    output.print_table([one["adapter"], ""], [row for row in rows if row[1] != ""])


@app.command("diff")
def diff(
    run: str = RUN,
    one: str = typer.Argument(metavar="A", help="An adapter's name."),
    other: str = typer.Argument(metavar="B", help="Another's."),
    as_json: bool = output.AS_JSON,
) -> None:
    """Compare two adapters: how far each went from the plain weights, and how alike."""
    from agentevo.updating.adapters import compare

    opened = _open(run)
    try:
        first, second = (opened.adapter_folder(_record(opened, name).name) for name in (one, other))
        found = compare(first, second, _weights(opened))
    finally:
        opened.close()
    if as_json:
        output.print_json(found)
        return
    print(
        f"{one}: {found.norms[0]:.3g} from the plain weights; {other}: {found.norms[1]:.3g}; "
        f"cosine of the two changes {found.cosine:+.2f}"
    )
    output.print_table(
        ["", f"{one}#", f"{other}#", "between them#"],
        [[name, *(f"{value:.3g}" for value in row)] for name, row in found.layers.items()],
    )


@app.command("merge")
def merge(
    run: str = RUN,
    adapters: list[str] = NAMES,
    way: str = typer.Option("mean", help="mean, soup (greedy), dare or ties."),
    shares: str = typer.Option("", help="Of each, such as 0.7,0.3.", show_default="alike"),
    density: float = typer.Option(0.5, min=0.01, max=1, help="Entries kept by dare and ties."),
    rank: int = typer.Option(0, min=0, help="Of LoRA at most; 0: nothing is lost."),
    name: str | None = typer.Option(None, help="Of the new adapter.", show_default="made up"),
    as_json: bool = output.AS_JSON,
) -> None:
    """Make one adapter of several; it is in force only once it is adopted."""
    from typing import Literal

    from agentevo.config import ConfigError
    from agentevo.folders import RunError
    from agentevo.updating import adapters as rooms

    check_choice("--way", way, Literal["mean", "soup", "dare", "ties"])
    try:
        weighed = [float(one) for one in shares.split(",")] if shares else []
    except ValueError:
        raise ConfigError(f"--shares {shares!r}: write numbers, such as 0.7,0.3") from None
    if len(set(adapters)) < max(2, len(adapters)):
        raise ConfigError("merge wants two different adapters or more")
    if not all(0 < one < float("inf") for one in weighed):
        raise ConfigError(f"--shares {shares!r}: each is above 0")
    if name is not None and (not re.fullmatch(r"\w[\w.-]*", name) or name == "plain"):
        raise RunError(f"{name!r} is no name for an adapter: a letter or digit, then also '.', '-'")
    opened = _open(run, write=True)
    try:
        records = [_record(opened, one) for one in adapters]
        folders = [opened.adapter_folder(one.name) for one in records]
        n_known = len(opened.ledger.adapters(opened.id))
        new = name or f"{opened.id}-{way}{n_known + 1}"
        out = opened.adapter_folder(new)
        if out.exists() or new in [one.name for one in opened.ledger.adapters(opened.id)]:
            raise RunError(f"run {opened.id} has an adapter {new!r} already")
        weights = _weights(opened)
        with tempfile.TemporaryDirectory() as work:
            card = rooms.merge(
                folders, weights, out, way=way, shares=weighed, density=density, rank=rank,
                loss=_soup_loss(opened, weights, Path(work)) if way == "soup" else None,
            )  # fmt: skip
        opened.ledger.add_adapter(
            opened.id, max(one.generation for one in records), new,
            parents=tuple(card["merged"]), path=str(out.relative_to(opened.folder)),
            data_hash="+".join(one.data_hash for one in records),
        )  # fmt: skip
    finally:
        opened.close()
    if as_json:
        output.print_json({"adapter": new, "path": str(out), **card})
        return
    parts = ", ".join(f"{share:.3g} of {one}" for one, share in card["merged"].items())
    lost = f"; the rank lost {100 * card['lost_to_rank']:.1f} %" if card["lost_to_rank"] else ""
    print(f"{new}: {parts}{lost}; to put it in force: {output.program()} adapters adopt "
          f"{opened.id} {new}")  # fmt: skip
    print(out)


def _soup_loss(run: Run, weights: Path, work: Path) -> Any:
    """Return what measures a soup: its loss on what was won on validation tasks."""
    from agentevo.folders import RunError
    from agentevo.updating.adapters import soup_loss
    from agentevo.updating.data import won

    plain = run.backbone()
    data = won(
        list(run.ledger.episodes(run.id, purpose="gate")), run.config.weights,
        window=plain.window, count=plain.count_tokens,
    )  # fmt: skip
    if not data.examples:
        raise RunError("no validation task was won yet: nothing tells which adapters to take in")
    return soup_loss(weights, data, plain.window, work)


@app.command("export")
def export(
    run: str = RUN,
    adapter: str = NAME,
    out: Path = OUT,
    merged: bool = typer.Option(
        False, "--merged", help="A whole model with its tokenizer, not the adapter by itself."
    ),
    as_json: bool = output.AS_JSON,
) -> None:
    """Write an adapter as a folder that PEFT, transformers and vLLM load."""
    from agentevo.evaluation.model_card import base_name, model_card
    from agentevo.updating.adapters import export as write

    opened = _open(run)
    try:
        record, weights = _record(opened, adapter), _weights(opened)
        write(
            opened.adapter_folder(record.name), weights, out, merged=merged,
            base=base_name(opened.config.backbone),
            readme=model_card(opened, record, weights, merged=merged),
        )  # fmt: skip
    finally:
        opened.close()
    output.print_json({"path": str(out)}) if as_json else print(out)


@app.command("adopt")
def adopt(
    run: str = RUN,
    adapter: str = typer.Argument(
        metavar="ADAPTER", help="An adapter of the run, or the folder of one from elsewhere."
    ),
    as_json: bool = output.AS_JSON,
    quiet: bool = QUIET,
) -> None:
    """Let an adapter stand at the gate, and put it in force if that promotes it."""
    import asyncio

    from agentevo import api
    from agentevo.cli.live import View
    from agentevo.cli.progress import Progress
    from agentevo.folders import RunError

    opened = _open(run, write=True, to_play=True)
    try:
        source = Path(adapter)
        if source.name != adapter and not source.is_dir():
            raise RunError(f"there is no folder {source}")
        name = _taken_in(opened, source) if source.is_dir() else adapter
        _record(opened, name)
        old = opened.incumbent()
        with View(Progress(), quiet=quiet) as view:
            verdict = asyncio.run(api.stoppable(lambda told: api.adopt(opened, name, told), view))
        now = opened.incumbent()
    finally:
        opened.close()
    if as_json:
        output.print_json({"adapter": name, "verdict": verdict, "in_force": now.pair})
        return
    print(f"{name}: {verdict}")
    was = "as before" if now == old else f"it was: {arm_text(old.pair)}"
    print(f"in force: {arm_text(now.pair)}; {was}")


def _taken_in(run: Run, source: Path) -> str:
    """Copy an adapter of elsewhere into a run, once; return its name."""
    from agentevo.files import all_in, sha256_of
    from agentevo.sequence import take_adapter

    name = f"{run.id}-{source.resolve().name}-{sha256_of(*all_in(source))[:6]}"
    generation = len(run.ledger.updates(run.id, kind="outcome"))
    take_adapter(run, source, name, generation=generation)
    return name


@app.command("rollback")
def rollback(
    run: str = RUN,
    adapter: str = typer.Argument(
        metavar="ADAPTER", help="One that was in force, or 'plain': the weights as they were."
    ),
    as_json: bool = output.AS_JSON,
) -> None:
    """Put an adapter that was in force before in force again; nothing is deleted."""
    opened = _open(run, write=True)
    try:
        old = opened.incumbent()
        new = chosen(opened, old, None, adapter)
        check_was_in_force(opened, new)
        opened.roll_back(new)
    finally:
        opened.close()
    print_change(old, new, as_json=as_json)
