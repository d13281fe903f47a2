"""What came of a run, in plain words: claims no more than its intervals show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from agentevo.evaluation.figures import IN_FORCE, ArmsFigures, GenerationFigures
from agentevo.evaluation.overview import called
from agentevo.evaluation.words import count

if TYPE_CHECKING:
    from agentevo.evaluation.leakage import Leakage
    from agentevo.evaluation.readings import LessonsFigures
    from agentevo.evaluation.statistics import Interval
    from agentevo.run import Run

_WAYS = {"memory": "memory alone", "weights": "weights alone", "both": "both together"}


def summarise(run: Run, arms: ArmsFigures, curve: Sequence[GenerationFigures]) -> str:
    """Return one paragraph: what was run, and what came of it."""
    config, n_closed = run.config, _n_closed(curve)
    n_played = sum(one.n_tasks for one in curve)
    parts = [
        f"This run let the backbone {config.backbone} evolve on {config.benchmark} (recipe "
        f"{config.recipe}, budget {config.budget}, {_levels(config.levels)}) over "
        f"{count(config.n_generations, 'generation')}; {n_closed} of them "
        f"{'is' if n_closed == 1 else 'are'} closed, with {count(n_played, 'training task')} "
        "played."
    ]
    if config.origin:
        parts.append(f"It began with what the run {Path(config.origin).name} had in force.")
    parts += [_verdicts(run), _in_force(run), *_arms(arms)]
    return " ".join(part for part in parts if part)


def leaked_words(leaked: Leakage) -> str:
    """Say what of the held-out tasks was learned from; empty where nothing was found."""
    copied, lessons = leaked.n_copied, len(leaked.lessons)
    parts = []
    if leaked.trained_on:
        parts.append(f"{count(len(leaked.trained_on), 'held-out task')} played in acquisition")
    if copied:
        parts.append(f"{count(copied, 'test task')} whose words training tasks have")
    if lessons:
        parts.append(f"{count(lessons, 'lesson')} in the words of held-out tasks")
    return f"Beware: {_joined(parts)}; see Leakage." if parts else ""


def missing(
    run: Run, arms: ArmsFigures, curve: Sequence[GenerationFigures], lessons: LessonsFigures
) -> tuple[str, ...]:
    """Return what is not there yet, one sentence each; empty for a whole run."""
    config, n_closed, found = run.config, _n_closed(curve), []
    if n_closed < config.n_generations:
        found.append(f"{n_closed} of {count(config.n_generations, 'generation')} closed.")
    if not any(one.n_tasks for one in curve) and config.n_generations:
        found.append("No training task is played.")
    if config.memory.enabled and config.n_generations and not lessons.n:
        found.append("No lesson is stored.")
    if config.n_generations and not run.ledger.verdicts(run.id):
        found.append("The gate has given no verdict.")
    if not config.evaluation.n_test_per_level:
        found.append("The settings ask for no test tasks, so no arms are compared.")
    elif not arms.n_tasks:
        found.append("The four arms have not begun on the test split.")
    else:
        found += _not_played(run, arms)
    return tuple(found)


def _not_played(run: Run, arms: ArmsFigures) -> list[str]:
    """Return which arms have test tasks left, and what plays those of the pair in force."""
    found, plays = [], f"agentevo evolve --resume {called(run)} plays them."
    if waiting := [one for one in arms.waiting if one in run.config.evaluation.arms]:
        played = ", ".join(f"{one} {arms.n_played[one]} of {arms.n_tasks}" for one in waiting)
        told = f"Arms that have not played all test tasks yet, and are left out: {played}"
        found.append(f"{told}; {plays}" if arms.whose == IN_FORCE else f"{told}.")
    if arms.unplayed:
        pair = run.incumbent()
        found.append(
            f"Arms of the pair in force (memory version {pair.memory_version}, "
            f"{pair.adapter or 'plain weights'}) that have not played all test tasks: "
            f"{_joined(arms.unplayed)}; {plays}"
        )
    return found


def _verdicts(run: Run) -> str:
    given = Counter(one.verdict for one in run.ledger.verdicts(run.id))
    if not given:
        return ""
    words = {"promote": "promote", "hold": "hold (it could not be told)", "reject": "reject"}
    told = [f"{given[verdict]} {words[verdict]}" for verdict in words if verdict in given]
    return f"The gate gave {count(given.total(), 'verdict')}: {_joined(told)}."


def _in_force(run: Run) -> str:
    arm = run.incumbent()
    parts = []
    if arm.memory_version:
        parts.append(f"the memory of version {arm.memory_version}")
    if arm.adapter:
        parts.append(f"the adapter {arm.adapter}")
    rolled = any(one.kind == "rollback" for one in run.ledger.events(run.id))
    why = " (the run was rolled back by hand at some point)" if rolled else ""
    if not parts:
        return f"Nothing new is in force: the plain backbone acts{why}."
    return f"In force {'is' if len(parts) == 1 else 'are'} {_joined(parts)}{why}."


def _arms(arms: ArmsFigures) -> list[str]:
    rows = {row.arm: row for row in arms.rows}
    if "plain" not in rows:
        return []
    plain = rows["plain"]
    parts = [
        f"On {count(plain.n, 'test task')} that nothing was chosen by, the plain backbone scored "
        f"{percent(plain.score.estimate)} ({_range(plain.score)})."
    ]
    if arms.whose != IN_FORCE:
        parts.append(f"The other arms are not those of the pair in force, but of {arms.whose}.")
    for label, words in _WAYS.items():
        row, same = rows.get(label), arms.same_as.get(label)
        if row is None or row.gain is None or same is not None:
            continue
        parts.append(
            f"With {words} it scored {percent(row.score.estimate)}: {points(row.gain.estimate)} "
            f"points ({points(row.gain.low)} to {points(row.gain.high)}), {_shown(row.gain)}."
        )
    if same := same_words(arms):
        parts.append(same)
    return parts


def same_words(arms: ArmsFigures) -> str:
    """Say which arms are one and the same, and why; empty where all differ."""
    if not arms.same_as:
        return ""
    lacks = [
        words
        for words, there in (("memory", arms.memory_version), ("adapter", arms.adapter))
        if not there
    ]
    pairs = [f"{label} is the same as {other}" for label, other in arms.same_as.items()]
    return f"Since no {' and no '.join(lacks)} is part of this pair, {_joined(pairs)}."


def _shown(gain: Interval) -> str:
    if gain.low > 0:
        return "a gain, since the interval excludes 0"
    if gain.high < 0:
        return "a loss, since the interval excludes 0"
    return "which is not told from no change, since the interval includes 0"


def percent(value: float) -> str:
    """Return a rate of 0..1 in per cent, with one decimal."""
    return f"{100 * value:.1f} %"


def points(value: float) -> str:
    """Return a difference of rates in percentage points, with its sign."""
    return f"{100 * value:+.1f}".replace("-", "\N{MINUS SIGN}")


def _range(interval: Interval) -> str:
    level = f"{100 * interval.level:.0f} % interval"
    return f"{level} {100 * interval.low:.1f} to {100 * interval.high:.1f}"


def _n_closed(curve: Sequence[GenerationFigures]) -> int:
    return sum(one.memory_version is not None for one in curve if one.generation)


def _levels(levels: tuple[int, ...] | None) -> str:
    if levels is None:
        return "all levels"
    return f"level{'' if len(levels) == 1 else 's'} {', '.join(map(str, levels))}"


def _joined(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
