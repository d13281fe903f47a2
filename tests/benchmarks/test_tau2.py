"""The draft's tests; beside conftest.py, which lets `agentevo.benchmarks.tau2` be found here."""

import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import pytest

if find_spec("inspect_evals") is None:
    pytest.skip("inspect_evals is not installed", allow_module_level=True)

from agentevo.benchmarks import SPLITS, BenchmarkError, Observation, Task, check
from agentevo.benchmarks.tau2 import wheel
from agentevo.benchmarks.tau2.benchmark import Tau2, tau2
from agentevo.benchmarks.tau2.cases import LEVELS
from agentevo.benchmarks.tau2.customer import Message
from agentevo.benchmarks.tau2.domains import DOMAINS

OFFICIAL = {"airline": (30, 20), "retail": (74, 40), "telecom": (74, 40)}
REFUSED, CANCELS = 0, 'cancel_reservation {"reservation_id": "EHGLP3"}'


def play(benchmark: Tau2, task: Task, actions: Sequence[str]) -> Observation:
    with closing(benchmark.open(task)) as episode:
        observation = episode.reset()
        for action in actions:
            observation = episode.step(action)
    return observation


def find(benchmark: Tau2, number: int) -> Task:
    every = [t for split in SPLITS for t in benchmark.tasks(split, 99, levels=LEVELS)]
    return next(task for task in every if task.data["number"] == number)


def gold_of(benchmark: Tau2, task: Task) -> list[str]:
    gold = benchmark.gold(task)
    assert gold is not None
    return gold


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_official_splits_are_kept(domain: str) -> None:
    benchmark, official = tau2(domain), wheel.read(f"{domain}/split_tasks.json")
    found = {
        split: {
            official["base"][task.data["number"]]
            for task in benchmark.tasks(split, 200, levels=LEVELS)
        }
        for split in SPLITS
    }
    assert found["test"] == set(official["test"])
    assert found["train"] | found["validation"] == set(official["train"])
    assert not found["train"] & found["validation"]
    n_train, n_test = OFFICIAL[domain]
    assert (len(found["train"]) + len(found["validation"]), len(found["test"])) == (n_train, n_test)
    assert len(found["validation"]) >= n_train // 3


@pytest.mark.parametrize(
    ("domain", "levels"), [("airline", [1]), ("retail", [2]), ("telecom", None)]
)
def test_gold_wins_and_done_alone_does_not(domain: str, levels: list[int] | None) -> None:
    benchmark = tau2(domain)
    for task in benchmark.tasks("test", 1, levels=levels):
        won = play(benchmark, task, gold_of(benchmark, task))
        assert won.success
        assert (won.terminated, won.score, won.reward) == (True, 1.0, 1.0)
        lost = play(benchmark, task, ["done"])
        assert lost.terminated
        assert (lost.success, lost.score) == (False, 0.0)


def test_an_unfinished_solution_scores_nothing() -> None:
    benchmark = tau2("telecom")
    task = benchmark.tasks("train", 1, levels=[3])[0]
    *calls, closing_words = gold_of(benchmark, task)
    assert not play(benchmark, task, [*calls[:-1], closing_words]).success


def test_where_nothing_is_to_be_changed_a_change_loses() -> None:
    benchmark = tau2("airline")
    task = find(benchmark, REFUSED)
    assert task.difficulty == 0
    assert task not in benchmark.tasks(task.split, 99)
    assert play(benchmark, task, ["That cannot be cancelled. DONE"]).success
    assert not play(benchmark, task, [CANCELS, "DONE"]).success


@pytest.mark.parametrize("number", [67, 76])
def test_where_gold_itself_is_refused_nothing_is_to_be_changed(number: int) -> None:
    benchmark = tau2("retail")
    task = find(benchmark, number)
    call = next(one for one in gold_of(benchmark, task) if one.startswith(("return", "exchange")))
    with closing(benchmark.open(task)) as episode:
        episode.reset()
        assert episode.step(call).text.startswith("Error: ")
    assert task.difficulty == 0


def test_episodes_and_attempts_share_no_database() -> None:
    benchmark = tau2("airline")
    task = find(benchmark, REFUSED)
    look = 'get_reservation_details {"reservation_id": "EHGLP3"}'
    with closing(benchmark.open(task)) as one, closing(benchmark.open(task)) as other:
        one.reset()
        other.reset()
        assert '"cancelled"' in one.step(CANCELS).text
        assert '"cancelled"' not in other.step(look).text
        one.reset()
        assert '"cancelled"' not in one.step(look).text


def test_a_tool_of_the_environment_changes_its_own_episode() -> None:
    benchmark = tau2("airline")
    task = find(benchmark, REFUSED)
    with closing(benchmark.open(task)) as episode:
        tools = {tool.name: tool for tool in episode.tools}
        episode.reset()
        assert '"cancelled"' in tools["cancel_reservation"].invoke({"reservation_id": "EHGLP3"})
        assert not episode.step("DONE").success
    assert "reservation ID, such as" in str(tools["cancel_reservation"].args)


def test_what_is_wrong_with_a_call_can_be_read() -> None:
    benchmark = tau2("telecom")
    with closing(benchmark.open(benchmark.tasks("train", 1)[0])) as episode:
        episode.reset()
        said = [
            episode.step(action).text
            for action in (
                'get_customer_by_id {"customer_id": "C9"}',
                "get_customer_by_id {customer_id}",
                "get_customer_by_id [1]",
                "get_customer_by_id",
                'refuel_data {"customer_id": "C1001", "line_id": "L1002", "gb_amount": "much"}',
                "get_nothing {}",
            )
        ]
    assert said[0] == "Error: Customer with ID C9 not found"
    assert said[1].startswith("Error: the arguments of get_customer_by_id are not JSON")
    assert said[2] == "Error: the arguments of get_customer_by_id must be a JSON object"
    assert said[3] == "Error: customer_id: Field required"
    assert said[4].startswith("Error: gb_amount: Input should be a valid number")
    assert said[5] == "Yes, that is fine. Please go on."  # no tool: a message to the customer


def test_what_has_to_be_said_counts() -> None:
    benchmark = tau2("retail")
    tasks = benchmark.tasks("train", 99, levels=[1])
    task = next(t for t in tasks if gold_of(benchmark, t)[-1] != "DONE")
    *calls, words = gold_of(benchmark, task)
    assert play(benchmark, task, [*calls, words]).success
    silent = play(benchmark, task, [*calls, "DONE"])
    assert not silent.success
    assert silent.info == {"DB": True, "COMMUNICATE": False}


def test_the_message_after_a_transfer_ends_the_conversation() -> None:
    benchmark = tau2("telecom")
    task = benchmark.tasks("test", 1, levels=[0])[0]
    with closing(benchmark.open(task)) as episode:
        episode.reset()
        assert not episode.step('transfer_to_human_agents {"summary": "no way"}').done
        assert episode.step("Please hold on.").success
        with pytest.raises(RuntimeError, match="over"):
            episode.step("DONE")


def test_only_done_as_the_last_word_ends_a_solo_episode() -> None:
    benchmark = tau2("telecom")
    with closing(benchmark.open(benchmark.tasks("train", 1)[0])) as episode:
        episode.reset()
        for message in ("Is anything else to be done?", "DONE is what I say last", "UNDONE"):
            assert not episode.step(message).done
        assert episode.step("All is well, we are DONE.").terminated


def test_an_episode_that_is_never_closed_is_truncated_without_a_score() -> None:
    benchmark = tau2("airline", max_steps=3)
    end = play(benchmark, find(benchmark, REFUSED), ["look"] * 3)
    assert (end.truncated, end.terminated, end.score, end.success) == (True, False, 0.0, False)


def test_the_solo_variant_says_what_it_is() -> None:
    solo, official = tau2("telecom"), tau2("telecom", lambda messages: "")
    assert solo.name == "tau2-telecom-solo"
    assert "-solo-" in solo.fingerprint()
    assert "not the official benchmark" in solo.description
    assert "solo" not in official.name + official.fingerprint() + official.description
    assert official.gold(official.tasks("test", 1)[0]) is None
    assert (solo.levels, official.levels) == ((1, 2, 3), (0, 1, 2, 3))


def test_a_callable_plays_the_user() -> None:
    heard: list[Sequence[Message]] = []
    lines = iter(["I want to cancel EHGLP3.", "But why?", "All right. ###STOP###"])

    def user(messages: Sequence[Message]) -> str:
        heard.append(messages)
        return next(lines)

    benchmark = tau2("airline", user)
    with closing(benchmark.open(find(benchmark, REFUSED))) as episode:
        first = episode.reset()
        assert first.text.startswith("I want to cancel EHGLP3.\n\nYour policy:\n# Airline")
        assert "emma_kim" not in first.text  # what the user was told, it has not said yet
        assert episode.step("I cannot do that.").text == "But why?"
        end = episode.step("It is too late.")
    assert end.text == "All right."
    assert end.success
    assert [message["role"] for message in heard[-1]] == [
        *("system", "user", "assistant", "user", "assistant", "user")
    ]
    assert "emma_kim_9957" in heard[0][0]["content"]
    assert heard[-1][-1]["content"] == "It is too late."


def test_a_user_with_a_phone_acts_on_it_unseen() -> None:
    heard: list[str] = []
    lines = iter(["My phone is dead.", "toggle_airplane_mode {}", "It says that it is on."])

    def user(messages: Sequence[Message]) -> str:
        heard.append(messages[-1]["content"])
        return next(lines)

    benchmark = tau2("telecom", user)
    with closing(benchmark.open(benchmark.tasks("train", 1, levels=[1])[0])) as episode:
        assert not any("airplane" in tool.name for tool in episode.tools)
        episode.reset()
        assert episode.step("Please toggle airplane mode.").text == "It says that it is on."
    assert "Airplane Mode is now" in heard[-1]


def test_a_solo_agent_has_the_phone_in_hand() -> None:
    benchmark = tau2("telecom")
    with closing(benchmark.open(benchmark.tasks("train", 1)[0])) as episode:
        names = {tool.name for tool in episode.tools}
    assert {"toggle_airplane_mode", "make_payment", "resume_line"} <= names


def test_eight_threads_play_as_one_does() -> None:
    benchmark = tau2("telecom")
    tasks = benchmark.tasks("train", 3) * 3
    with ThreadPoolExecutor(8) as threads:
        ends = list(threads.map(lambda t: play(benchmark, t, gold_of(benchmark, t)), tasks))
    assert all(end.success for end in ends)


@pytest.mark.parametrize(("domain", "levels"), [("retail", [1]), ("telecom", None)])
def test_the_checker_finds_no_fault(domain: str, levels: list[int] | None) -> None:
    assert [one for one in check(tau2(domain), levels=levels) if not one.ok] == []


def test_unknown_names_are_answered_with_what_exists() -> None:
    with pytest.raises(BenchmarkError, match="no domain 'airlin'; did you mean 'airline'"):
        tau2("airlin")
    with pytest.raises(BenchmarkError, match="user is 'gpt', must be 'solo' or a callable"):
        tau2("airline", "gpt")  # type: ignore[arg-type]
    with pytest.raises(BenchmarkError, match="no level 4; there are: 0-3"):
        tau2("airline").tasks("train", 1, levels=[4])
    with pytest.raises(BenchmarkError, match="no split 'dev'"):
        tau2("airline").tasks("dev", 1)  # type: ignore[arg-type]
    with pytest.raises(BenchmarkError, match="is a task of tau2-retail-solo"):
        tau2("airline").open(tau2("retail").tasks("train", 1)[0])


def test_the_fingerprint_follows_the_settings() -> None:
    first = tau2("airline").fingerprint()
    assert first == tau2("airline").fingerprint()
    assert first != tau2("airline", max_steps=9).fingerprint()


def test_tasks_are_listed_without_importing_the_package() -> None:
    code = (
        "import sys; from agentevo.benchmarks.tau2.benchmark import tau2; "
        "assert len(tau2('retail').tasks('test', 99)) == 38; tau2('retail').fingerprint(); "
        "assert not {'inspect_ai', 'inspect_evals'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent)
