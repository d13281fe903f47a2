"""The gate: is the candidate better than the incumbent on held-out tasks, by paired evidence?

Decides on outcomes; running the episodes and writing the verdict down are others' business.

**The primary test** is the paired sign-flip permutation test on score differences, one-sided.
It is exact where candidate and incumbent do not differ, whatever the scores look like, and of
such tests it wastes least: the sign test forgets how large a difference is, McNemar's sees only
games won outright. It alone can promote, so the chance of a false promotion is at most alpha;
two further conditions can only hold back. The bootstrap interval of the mean difference must
lie above zero, and success must not be shown to have fallen.

**The unit is the task.** Seeds of one task are averaged first, since they are not independent:
with greedy decoding they are the same episode, and counting them apart would promote noise.

**More than one verdict** in a run: set `n_verdicts`, and alpha is shared out among them. Adding
pairs to a held verdict and judging again is another verdict.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from agentevo.evaluation.statistics import (
    N_RESAMPLES,
    SEED,
    Interval,
    PValues,
    mean_interval,
    n_pairs_to_tell,
    sign_flip,
    sign_test,
    wilson,
)
from agentevo.evaluation.words import count
from agentevo.experience import Trajectory

if TYPE_CHECKING:
    from numpy.typing import NDArray

Decision = Literal["promote", "hold", "reject"]
"""`promote`: shown better. `hold`: it cannot be told yet. `reject`: shown worse, or no gain of
practical size is left in the interval."""


class GateError(Exception):
    """Outcomes that cannot be judged: whoever ran the arms must put them right."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one episode of one arm ended."""

    task_id: str
    seed: int
    score: float
    """0..1"""
    success: bool

    @classmethod
    def of(cls, trajectory: Trajectory) -> Outcome:
        """Return the outcome of an episode; its pair is told by task and sampling seed."""
        return cls(trajectory.task_id, trajectory.seed, trajectory.score, trajectory.success)


@dataclass(frozen=True, slots=True)
class GateSettings:
    """How sure the gate wants to be."""

    alpha: float = 0.05
    """Chance, at most, that a candidate no better than the incumbent is promoted."""
    n_verdicts: int = 1
    """Verdicts that share this alpha (Bonferroni), such as all of one run."""
    min_gain: float = 0.02
    """Gain of mean score that is of practical use; below it nothing is worth a change."""
    min_tasks: int = 20
    """Tasks needed before `reject` for want of a useful gain: few tell too little of the rest."""
    power: float = 0.8
    """For `n_more_pairs`: chance that so many pairs would tell."""
    n_resamples: int = N_RESAMPLES
    seed: int = SEED
    """Of the bootstrap, and of signs where they must be drawn."""

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        if not 0 < self.alpha < 0.5 or not 0 < self.power < 1 or self.n_verdicts < 1:
            raise ValueError(f"alpha is 0..0.5, power 0..1, n_verdicts at least 1: {self}")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a verdict rests on."""

    reason: str
    """In one sentence."""
    n_pairs: int
    n_tasks: int
    incumbent_mean: float
    """Mean score, each task counting the same, 0..1."""
    candidate_mean: float
    difference: Interval
    """Candidate minus incumbent; percentile bootstrap over tasks, one-sided alpha at each end."""
    p_value: float
    """Primary: sign flips of task differences, one-sided, the candidate is better."""
    p_value_worse: float
    """The same, the candidate is worse."""
    p_value_signs: float
    """For comparison: sign test of task differences, one-sided, the candidate is better."""
    p_value_success: float
    """Success, one-sided, more often; with one seed for each task, the exact McNemar test."""
    p_value_success_worse: float
    """The same, less often."""
    n_better: int
    """Pairs in which the candidate scored higher."""
    n_worse: int
    n_only_candidate: int
    """Pairs in which the candidate alone succeeded."""
    n_only_incumbent: int
    alpha: float
    """Of this verdict, after sharing."""
    n_more_pairs: int | None = None
    """For hold: about how many more pairs would tell. None: no hold, no pair differed, or more
    pairs are not what is missing."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate decided, and why."""

    decision: Decision
    evidence: Evidence

    def to_json(self) -> dict[str, object]:
        """Return a JSON-ready form."""
        return {"decision": self.decision, "evidence": asdict(self.evidence)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Verdict:
        """Read what `to_json` wrote."""
        if data["decision"] not in get_args(Decision):
            raise GateError(f"{data['decision']!r} is no decision of the gate")
        evidence = dict(data["evidence"])
        evidence["difference"] = Interval(**evidence["difference"])
        return cls(data["decision"], Evidence(**evidence))


def judge(
    incumbent: Sequence[Outcome],
    candidate: Sequence[Outcome],
    settings: GateSettings | None = None,
) -> Verdict:
    """Compare two arms that ran the same tasks with the same seeds.

    Raises:
        GateError: An outcome has no partner, is there twice, or has no score in 0..1.
    """
    settings = settings or GateSettings()
    pairs = _paired(incumbent, candidate)
    alpha = settings.alpha / settings.n_verdicts
    by_task: dict[str, list[tuple[Outcome, Outcome]]] = {}
    for old, new in pairs:
        by_task.setdefault(old.task_id, []).append((old, new))
    tasks = list(by_task.values())
    old_means = np.array([np.mean([old.score for old, _ in task]) for task in tasks])
    gains = np.array([np.mean([new.score - old.score for old, new in task]) for task in tasks])
    gains[np.abs(gains) < 1e-9] = 0.0
    wins = [np.mean([float(new.success) - old.success for old, new in task]) for task in tasks]
    scores = sign_flip(gains, seed=settings.seed)
    success = sign_flip(wins, seed=settings.seed)
    interval = mean_interval(
        gains, level=1 - 2 * alpha, n_resamples=settings.n_resamples, seed=settings.seed
    )
    decision, reason = _decide(gains, scores, success, interval, alpha, settings)
    evidence = Evidence(
        reason=reason,
        n_pairs=len(pairs),
        n_tasks=len(tasks),
        incumbent_mean=float(old_means.mean()),
        candidate_mean=float(old_means.mean() + gains.mean()),
        difference=interval,
        p_value=scores.greater,
        p_value_worse=scores.less,
        p_value_signs=sign_test(int((gains > 0).sum()), int((gains < 0).sum())).greater,
        p_value_success=success.greater,
        p_value_success_worse=success.less,
        n_better=sum(new.score > old.score for old, new in pairs),
        n_worse=sum(new.score < old.score for old, new in pairs),
        n_only_candidate=sum(new.success and not old.success for old, new in pairs),
        n_only_incumbent=sum(old.success and not new.success for old, new in pairs),
        alpha=alpha,
        n_more_pairs=_more_pairs(gains, len(pairs), alpha, settings)
        if decision == "hold" and scores.greater > alpha
        else None,
    )
    return Verdict(decision, evidence)


def judge_no_worse(
    incumbent: Sequence[Outcome],
    candidate: Sequence[Outcome],
    settings: GateSettings | None = None,
) -> Verdict:
    """Compare two arms of which the candidate is cheaper: it need not be better.

    It is promoted unless it is shown to be worse, or its mean score is lower by more than
    `min_gain`: what cannot be told from no loss may still be one, so the estimate counts, too.

    Raises:
        GateError: as `judge`.
    """
    settings = settings or GateSettings()
    evidence = judge(incumbent, candidate, settings).evidence
    spread = evidence.difference
    seen = f"mean score {spread.estimate:+.3f} ({spread.low:+.3f} to {spread.high:+.3f})"
    shown = min(evidence.p_value_worse, evidence.p_value_success_worse) <= evidence.alpha
    if shown or spread.estimate < -settings.min_gain:
        decision: Decision = "reject"
        reason = f"It is worse: {seen}, p = {evidence.p_value_worse:.2g}."
    else:
        decision, reason = "promote", f"It is not worse: {seen}, p = {evidence.p_value_worse:.2g}."
    return Verdict(decision, replace(evidence, reason=reason, n_more_pairs=None))


def _decide(
    gains: NDArray[np.float64],
    scores: PValues,
    success: PValues,
    interval: Interval,
    alpha: float,
    settings: GateSettings,
) -> tuple[Decision, str]:
    """Return the decision and its reason."""
    seen = f"mean score {interval.estimate:+.3f} ({interval.low:+.3f} to {interval.high:+.3f})"
    if not gains.any():
        which = f"{'all ' if len(gains) > 1 else ''}{count(len(gains), 'task')}"
        return "hold", f"Both arms scored the same on {which}: nothing to tell."
    if scores.less <= alpha:
        return "reject", f"The candidate is worse: {seen}, p = {scores.less:.2g}."
    if scores.greater <= alpha and success.less <= alpha:
        return "hold", f"Scores rose ({seen}), but fewer tasks succeed, p = {success.less:.2g}."
    if scores.greater <= alpha and interval.low > 0:
        return "promote", f"The candidate is better: {seen}, p = {scores.greater:.2g}."
    if interval.high < settings.min_gain and len(gains) >= settings.min_tasks:
        return "reject", f"No gain of {settings.min_gain:g} or more is likely: {seen}."
    return "hold", f"It cannot be told yet: {seen}, p = {scores.greater:.2g}, alpha = {alpha:.2g}."


def _more_pairs(
    gains: NDArray[np.float64],
    n_pairs: int,
    alpha: float,
    settings: GateSettings,
) -> int | None:
    """Return about how many more pairs would tell, with as many seeds for each task as now."""
    needed = n_pairs_to_tell(gains, alpha=alpha, power=settings.power, smallest=settings.min_gain)
    if needed is None:
        return None
    return max(1, math.ceil((needed - len(gains)) * n_pairs / len(gains)))


def _paired(
    incumbent: Sequence[Outcome], candidate: Sequence[Outcome]
) -> list[tuple[Outcome, Outcome]]:
    """Return partners by task and seed, in a fixed order."""
    old, new = _keyed(incumbent, "incumbent"), _keyed(candidate, "candidate")
    if alone := sorted(old.keys() ^ new.keys()):
        task_id, seed = alone[0]
        arm = "candidate" if alone[0] in old else "incumbent"
        raise GateError(
            f"{len(alone)} outcomes have no partner; the {arm} did not run task {task_id!r} "
            f"with seed {seed}"
        )
    if not old:
        raise GateError("there are no outcomes to judge")
    return [(old[key], new[key]) for key in sorted(old)]


def _keyed(outcomes: Sequence[Outcome], arm: str) -> dict[tuple[str, int], Outcome]:
    keyed: dict[tuple[str, int], Outcome] = {}
    for one in outcomes:
        if not 0 <= one.score <= 1:
            raise GateError(f"task {one.task_id!r} has score {one.score}, which is not in 0..1")
        if (one.task_id, one.seed) in keyed:
            raise GateError(f"the {arm} ran task {one.task_id!r} with seed {one.seed} twice")
        keyed[one.task_id, one.seed] = one
    return keyed


@dataclass(frozen=True, slots=True)
class FalsePromotions:
    """How often the gate promoted an arm over itself."""

    n_verdicts: int
    n_promoted: int
    rate: Interval
    """With Wilson's interval."""
    alpha: float
    """What the rate should not exceed."""


def false_promotion_rate(
    repeats: Sequence[Sequence[Outcome]], settings: GateSettings | None = None
) -> FalsePromotions:
    """Judge repeated runs of one arm against each other: the first two, the next two, and so on.

    No run is used twice, so the verdicts are independent and the interval is honest; a last
    run without a partner is left out.

    Raises:
        GateError: There are fewer than two repeats, or they did not run the same tasks.
    """
    settings = settings or GateSettings()
    if len(repeats) < 2:
        raise GateError(f"{len(repeats)} runs of the incumbent cannot be compared: 2 are needed")
    verdicts = [
        judge(old, new, settings) for old, new in zip(repeats[::2], repeats[1::2], strict=False)
    ]
    n_promoted = sum(one.decision == "promote" for one in verdicts)
    return FalsePromotions(
        n_verdicts=len(verdicts),
        n_promoted=n_promoted,
        rate=wilson(n_promoted, len(verdicts)),
        alpha=settings.alpha / settings.n_verdicts,
    )
