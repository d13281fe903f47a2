"""Policy gradient over episodes: what a tiny model says more often after it was rewarded for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from agentevo import benchmarks, evolve
from agentevo.agent.rollout import Occasion, Player, play_all
from agentevo.backbones.local import Local
from agentevo.evaluation.figures import learning_curve
from agentevo.experience import Trajectory
from agentevo.settings import WeightSettings
from agentevo.updating.data import Material, reinforced
from agentevo.updating.in_weights import tune
from agentevo.updating.training import Job


def sampled(backbone: Local, shop: str, n: int, n_samples: int, seed: int) -> list[Trajectory]:
    """Play tasks of the second level, where one of three commands sells."""
    benchmark = benchmarks.load(shop)
    tasks = benchmark.tasks("train", n, levels=(2,), start=100 * seed)

    async def all_of() -> list[Trajectory]:
        found = list[Trajectory]()
        player = Player(backbone, temperature=1.0, with_tokens=True)
        for i in range(n_samples):
            occasion = Occasion(1, "acquisition", f"#{i}", seed)
            async for attempts in play_all(player, benchmark, tasks, occasion):
                found += attempts
        return found

    return asyncio.run(all_of())


def score(episodes: Sequence[Trajectory]) -> float:
    return fmean(one.score for one in episodes)


def test_a_policy_gradient_raises_the_reward_from_recorded_tokens(
    model: Path, place: Path, tmp_path: Path
) -> None:
    shop = f"{place}/shop.py:shop"
    plain = policy = Local("tiny", model, n_slots=8)
    step = sampled(plain, shop, n=1, n_samples=1, seed=0)[0].steps[0]
    assert len(step.reply_ids) == len(step.reply_logprobs) > 0
    assert plain.tokenizer.decode(step.reply_ids, skip_special_tokens=True) == step.reply
    settings = WeightSettings(trainer="grpo", mode="full", lr=3e-3, n_epochs=4, max_turns=5000)
    scores, start = list[float](), None
    for number in range(4):
        episodes = sampled(policy, shop, n=8, n_samples=8, seed=number)
        scores.append(score(episodes))
        asked = Material(
            episodes, 1, settings, plain.window, plain.count_tokens, seed=0,
            in_force=policy.adapter,
        )  # fmt: skip
        data = reinforced(asked)
        assert all(call.reply_ids for one in data.examples for call in one.calls)
        out = tmp_path / "a" / f"p{number}"
        tune("grpo", Job(model, start, data, settings, out, plain.window, 0), lambda pace: None)
        if policy is not plain:
            policy.close()
        policy, start = plain.with_adapter(out.name, out), out
    scores.append(score(sampled(policy, shop, n=8, n_samples=8, seed=9)))
    policy.close()
    plain.close()
    assert scores[-1] > scores[0] + 0.2, scores


def test_rounds_go_on_from_what_the_new_weights_played(model: Path, place: Path) -> None:
    run = evolve(
        benchmark=f"{place}/shop.py:shop", backbone=f"local:{model}", recipe="weights-only",
        name="rounds", n_generations=1, levels=(2,), acquisition={
            "n_tasks_per_level": 6, "n_samples": 6, "temperature": 1.0,
        },
        weights={
            "trainer": "grpo", "n_rounds": 3, "mode": "full", "lr": 3e-3, "n_epochs": 2,
            "min_traces": 2, "max_turns": 5000,
        },
        evaluation={"n_gate_per_level": 2, "n_test_per_level": 1},
    )  # fmt: skip
    played = run.ledger.summaries(run.id, purpose="acquisition")
    by_round = [
        {one.adapter for one in played if one.key.arm.partition("#")[0] == which}
        for which in ("", "round 2", "round 3")
    ]
    assert by_round == [{""}, {"rounds-g1-round1"}, {"rounds-g1-round2"}]
    lineage = {one.name: one.parents for one in run.ledger.adapters(run.id)}
    assert lineage == {
        "rounds-g1-round1": (), "rounds-g1-round2": ("rounds-g1-round1",),
        "rounds-g1": ("rounds-g1-round2",),
    }  # fmt: skip
    (update,) = run.ledger.updates(run.id, kind="weights")
    assert update.payload["adapter"] == "rounds-g1"
    curve = learning_curve(run)
    assert curve[1].n_tasks == 6 * 6, "only what the pair in force played"
    run.close()
