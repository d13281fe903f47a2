"""What is written comes back, once, on every database."""

import asyncio
from collections.abc import Callable

import pytest

from agentevo.experience import Trajectory
from agentevo.ledger import EpisodeKey, Ledger, LedgerError
from agentevo.memory import scopes

MakeTrajectory = Callable[..., Trajectory]


def test_a_trajectory_comes_back_as_it_was(ledger: Ledger, trajectory: MakeTrajectory) -> None:
    assert ledger.add_episode("r", trajectory(1))
    assert list(ledger.episodes("r")) == [trajectory(1)]
    assert ledger.episode("r", "t-1") == trajectory(1)


def test_an_episode_is_written_once(ledger: Ledger, trajectory: MakeTrajectory) -> None:
    assert ledger.add_episode("r", trajectory(1))
    assert not ledger.add_episode("r", trajectory(1, id="again", score=0.0))
    assert [one.id for one in ledger.episodes("r")] == ["t-1"]


@pytest.mark.parametrize(
    "change",
    [{"generation": 2}, {"purpose": "gate"}, {"arm": "both"}, {"task_id": "x"}, {"attempt": 1}],
)
def test_each_part_of_the_key_makes_another_episode(
    ledger: Ledger, trajectory: MakeTrajectory, change: dict[str, object]
) -> None:
    assert ledger.add_episode("r", trajectory(1))
    assert ledger.add_episode("r", trajectory(1, **change))
    assert not ledger.add_episode("r", trajectory(1, **change))


def test_the_same_episode_of_another_run_is_another(
    ledger: Ledger, trajectory: MakeTrajectory
) -> None:
    ledger.start_run("s", configuration={}, fingerprint="g")
    assert ledger.add_episode("r", trajectory(1))
    assert ledger.add_episode("s", trajectory(1))
    assert len(list(ledger.episodes("s"))) == 1


def test_a_resumed_run_asks_which_episodes_are_finished(
    ledger: Ledger, trajectory: MakeTrajectory
) -> None:
    for n in range(3):
        ledger.add_episode("r", trajectory(n, purpose="gate", arm="candidate"))
    ledger.add_episode("r", trajectory(0))
    wanted = {EpisodeKey(1, "gate", "candidate", f"cook-3-{n}", 0) for n in range(3)}
    assert ledger.finished("r", generation=1, purpose="gate") == wanted
    assert len(ledger.finished("r")) == 4
    assert ledger.has_episode("r", EpisodeKey.of(trajectory(0)))
    assert not ledger.has_episode("r", EpisodeKey.of(trajectory(9)))


def test_episodes_are_filtered_by_all_that_is_given(
    ledger: Ledger, trajectory: MakeTrajectory
) -> None:
    for n in range(6):
        ending = "success" if n % 2 else "failure"
        ledger.add_episode("r", trajectory(n, success=bool(n % 2), ending=ending, difficulty=n))
    assert [one.id for one in ledger.episodes("r", success=True)] == ["t-1", "t-3", "t-5"]
    assert [one.id for one in ledger.episodes("r", success=True, difficulty=3)] == ["t-3"]
    assert not list(ledger.episodes("r", split="test"))


def test_episodes_are_read_over_pages_while_more_are_written(
    ledger: Ledger, trajectory: MakeTrajectory
) -> None:
    for n in range(450):
        ledger.add_episode("r", trajectory(n))
    seen = []
    for one in ledger.episodes("r"):
        seen.append(one.id)
        if len(seen) == 1:
            assert ledger.add_episode("r", trajectory(450))
    assert seen == [f"t-{n}" for n in range(451)]


def test_a_summary_has_the_figures_of_its_episode(
    ledger: Ledger, trajectory: MakeTrajectory
) -> None:
    ledger.add_episode("r", trajectory(1))
    (summary,) = ledger.summaries("r", memory_version=4)
    assert summary.key == EpisodeKey.of(trajectory(1))
    assert (summary.n_steps, summary.n_prompt_tokens, summary.n_reply_tokens) == (1, 100, 12)
    assert (summary.success, summary.score, summary.adapter) == (True, 1.0, "a1")


async def test_many_tasks_of_one_event_loop_write_each_episode_once(
    ledger: Ledger, trajectory: MakeTrajectory
) -> None:
    async def write(n: int) -> bool:
        await asyncio.sleep(0)
        return ledger.add_episode("r", trajectory(n % 50))

    written = await asyncio.gather(*(write(n) for n in range(100)))
    assert sum(written) == 50


async def test_threads_write_at_the_same_time(ledger: Ledger, trajectory: MakeTrajectory) -> None:
    await asyncio.gather(
        *(asyncio.to_thread(ledger.add_episode, "r", trajectory(n)) for n in range(40))
    )
    assert len(ledger.finished("r")) == 40


def test_an_update_of_a_generation_is_written_once(ledger: Ledger) -> None:
    assert ledger.get_update("r", 1, "memory") is None
    assert ledger.add_update("r", 1, "memory", {"n_lessons": 3})
    assert not ledger.add_update("r", 1, "memory", {"n_lessons": 9})
    assert ledger.add_update("r", 1, "weights", {"adapter": "a"})
    assert ledger.add_update("r", 2, "memory", {})
    update = ledger.get_update("r", 1, "memory")
    assert update is not None
    assert update.payload == {"n_lessons": 3}
    assert [one.generation for one in ledger.updates("r", kind="memory")] == [1, 2]


def test_a_verdict_is_kept_with_its_evidence(ledger: Ledger) -> None:
    assert ledger.add_verdict("r", 1, "weights", "hold", {"p_value": 0.2, "n_more_pairs": 14})
    assert not ledger.add_verdict("r", 1, "weights", "promote", {})
    verdict = ledger.get_verdict("r", 1, "weights")
    assert verdict is not None
    assert (verdict.verdict, verdict.evidence["n_more_pairs"]) == ("hold", 14)
    assert ledger.verdicts("r", generation=1) == (verdict,)
    assert ledger.get_verdict("r", 1, "memory") is None


def test_the_name_of_an_adapter_is_never_used_again(ledger: Ledger) -> None:
    def add(data_hash: str) -> bool:
        return ledger.add_adapter(
            "r", 2, "a2", parents=("a1",), path="adapters/a2", data_hash=data_hash
        )

    assert add("h")
    assert not add("h")
    with pytest.raises(LedgerError, match="never used again"):
        add("other data")
    with pytest.raises(LedgerError, match="no adapter 'a3'"):
        ledger.adapter("a3")


def test_an_adapter_gets_its_scores_once_they_are_measured(ledger: Ledger) -> None:
    ledger.add_adapter("r", 1, "a1", parents=(), path="adapters/a1", data_hash="h")
    assert ledger.adapter("a1").score_after is None
    assert ledger.add_adapter_scores("a1", before=0.25, after=0.75)
    assert not ledger.add_adapter_scores("a1", before=0.0, after=0.0)
    (adapter,) = ledger.adapters("r")
    assert (adapter.score_before, adapter.score_after, adapter.parents) == (0.25, 0.75, ())


def test_events_keep_their_order(ledger: Ledger) -> None:
    ledger.add_event("r", "promotion", {"adapter": "a1"})
    ledger.add_event("r", "resume")
    ledger.add_event("r", "rollback", {"to": 0})
    assert [one.kind for one in ledger.events("r")] == ["promotion", "resume", "rollback"]
    assert ledger.events("r", kind="rollback")[0].payload == {"to": 0}


def test_the_status_is_the_last_one_told(ledger: Ledger) -> None:
    assert ledger.status("r") is None
    ledger.set_status("r", "running")
    ledger.set_status("r", "finished")
    assert ledger.status("r") == "finished"


def test_usage_is_summed_by_phase(ledger: Ledger) -> None:
    ledger.add_usage("r", 1, "updating", seconds=2.0)
    ledger.add_usage("r", 1, "acquisition", n_prompt_tokens=10, n_reply_tokens=1, seconds=0.5)
    ledger.add_usage("r", 1, "acquisition", n_prompt_tokens=20, n_reply_tokens=2, seconds=0.25)
    updating, acquisition = ledger.usage("r")
    assert (updating.phase, updating.seconds) == ("updating", 2.0)
    assert (acquisition.n_prompt_tokens, acquisition.n_reply_tokens) == (30, 3)
    assert acquisition.seconds == 0.75


def test_a_run_is_started_once_and_only_resumed_under_its_fingerprint(ledger: Ledger) -> None:
    first = ledger.run("r")
    assert first.configuration == {"budget": "small"}
    assert ledger.start_run("r", configuration={}, fingerprint="f") == first
    with pytest.raises(LedgerError, match="other settings"):
        ledger.start_run("r", configuration={}, fingerprint="g")
    assert ledger.runs() == (first,)
    with pytest.raises(LedgerError, match="no run 'x'; there is r"):
        ledger.run("x")


def test_the_lesson_log_shares_the_database(ledger: Ledger) -> None:
    assert not scopes(ledger.engine)


def test_a_figure_that_is_no_number_is_refused(ledger: Ledger) -> None:
    with pytest.raises(Exception, match="not JSON compliant"):
        ledger.add_update("r", 1, "weights", {"loss": float("nan")})
    assert ledger.updates("r") == ()


def test_a_ledger_open_for_reading_refuses_to_write(
    where: str, ledger: Ledger, trajectory: MakeTrajectory
) -> None:
    with Ledger.open(where) as reader, pytest.raises(LedgerError, match="open for reading"):
        reader.add_episode("r", trajectory(1))


def test_what_is_written_is_seen_by_a_reader_at_once(
    where: str, ledger: Ledger, trajectory: MakeTrajectory
) -> None:
    with Ledger.open(where) as reader:
        for n in range(3):
            ledger.add_episode("r", trajectory(n))
            assert len(reader.finished("r")) == n + 1
