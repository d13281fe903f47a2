import inspect
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from langchain_core.utils.function_calling import convert_to_openai_tool

import agentevo.benchmarks
from agentevo.benchmarks import SPLITS, BenchmarkError, Environment, Observation, Split, Task, check
from agentevo.benchmarks.bfcl import package
from agentevo.benchmarks.bfcl.benchmark import MultiTurn
from agentevo.benchmarks.bfcl.environment import Episode
from agentevo.benchmarks.bfcl.package import Call, Entry
from agentevo.benchmarks.bfcl.systems import Systems

bfcl_eval = pytest.importorskip("bfcl_eval")

ALL = 1_000


@pytest.fixture(scope="module")
def benchmark() -> MultiTurn:
    return MultiTurn()


def _entries() -> list[Entry]:
    return [entry for name in package.CATEGORIES for entry in package.entries(name)]


def _entry(id: str) -> Entry:
    return next(entry for entry in _entries() if entry.id == id)


def _task(benchmark: MultiTurn, entry: Entry) -> Task:
    level = package.CATEGORIES.index(entry.category) + 1
    found = [task for split in SPLITS for task in benchmark.tasks(split, ALL, levels=[level])]
    return next(task for task in found if task.data["entry"] == entry.id)


def _play(environment: Environment, actions: Sequence[str]) -> Iterator[Observation]:
    with closing(environment):
        yield environment.reset()
        for action in actions:
            yield environment.step(action)


def _last(environment: Environment, actions: Sequence[str]) -> Observation:
    return list(_play(environment, actions))[-1]


def test_the_checker_finds_no_fault(benchmark: MultiTurn) -> None:
    assert [finding for finding in check(benchmark, 2) if not finding.ok] == []


@pytest.mark.parametrize("split", SPLITS)
def test_solutions_win_and_replies_alone_score_nothing(benchmark: MultiTurn, split: Split) -> None:
    for task in benchmark.tasks(split, 10):
        won = _last(benchmark.open(task), benchmark.gold(task))
        assert (won.terminated, won.success, won.score) == (True, True, 1.0), task
        n_turns = benchmark.gold(task).count("Done.")
        lost = _last(benchmark.open(task), ["I have done that."] * n_turns)
        assert (lost.terminated, lost.success, lost.score) == (True, False, 0.0), task


def test_a_turn_may_need_more_calls_than_twenty() -> None:
    entry = _entry("multi_turn_long_context_38")
    assert max(map(len, entry.solution)) > 20
    actions = [action for calls in entry.solution for action in (*map(str, calls), "Done.")]
    assert _last(Episode(entry), actions).success


def _changed(entry: Entry, draw: random.Random) -> list[list[Call]]:
    """Return a solution with one call lost, doubled, changed or made a turn too late."""
    turns = [list(calls) for calls in entry.solution]
    at = draw.choice([i for i, calls in enumerate(turns) if calls])
    call = turns[at].pop(draw.randrange(len(turns[at])))
    match draw.choice(["lost", "doubled", "changed", "late", "whole"]):
        case "doubled":
            turns[at] += [call, call]
        case "changed":
            texts = {key: f"{value}x" for key, value in call.arguments.items()}
            turns[at].append(Call(call.name, texts))
        case "late":
            turns[(at + 1) % len(turns)].append(call)
        case "whole":
            turns[at].append(call)
    return turns


def _verdict_of_the_package(entry: Entry, turns: list[list[Call]]) -> bool:
    """Let the package replay the calls; it keeps its systems in globals, which are removed."""
    from bfcl_eval.eval_checker.multi_turn_eval import multi_turn_checker, multi_turn_utils

    name = f"BFCL_v4_multi_turn_{entry.category}.json"
    row = next(row for row in package._rows(name) if row["id"] == entry.id)
    answers = package._rows(f"possible_answer/{name}")
    answer = next(row["ground_truth"] for row in answers if row["id"] == entry.id)
    steps = [
        [[f"{c.name}({', '.join(f'{k}={v!r}' for k, v in c.arguments.items())})"] for c in calls]
        for calls in turns
    ]
    before = set(vars(multi_turn_utils))
    said = multi_turn_checker.multi_turn_checker(steps, answer, row, entry.category, "test")
    for left in set(vars(multi_turn_utils)) - before:
        delattr(multi_turn_utils, left)
    return bool(said["valid"])


def test_the_verdict_is_the_one_of_the_packages_own_checker() -> None:
    draw = random.Random(0)
    verdicts = []
    for entry in draw.sample(_entries(), 60):
        turns = _changed(entry, draw)
        late = entry.withheld
        if any(late.get(c.name, 0) > at for at, calls in enumerate(turns) for c in calls):
            continue  # the package would let a model call what it was not offered
        actions = [action for calls in turns for action in (*map(str, calls), "Done.")]
        verdicts.append(_last(Episode(entry), actions).success)
        assert verdicts[-1] == _verdict_of_the_package(entry, turns), (entry.id, turns)
    assert 10 < sum(verdicts) < len(verdicts) - 10


def test_score_is_the_share_of_checked_turns_that_pass(benchmark: MultiTurn) -> None:
    entry = next(
        e for e in package.entries("base") if [len(calls) for calls in e.solution] == [1, 1, 1, 1]
    )
    calls = [str(call) for (call,) in entry.solution]
    actions = [calls[0], "Done.", calls[1], "Done.", "Done.", "Done."]
    seen = list(_play(Episode(entry), actions))
    assert [o.score for o in seen[:-1]] == [0.0] * (len(seen) - 1)
    assert seen[-1].score == seen[-1].reward == 0.5
    assert not seen[-1].success
    assert [o.text for o in seen[:-1] if o.info.get("keep")] == list(entry.messages)


def test_no_scenario_beginning_solution_or_first_request_is_in_two_splits(
    benchmark: MultiTurn,
) -> None:
    of = {entry.id: entry for entry in _entries()}
    seen: dict[object, str] = {}
    n_tasks = 0
    for split in SPLITS:
        for task in benchmark.tasks(split, ALL):
            n_tasks += 1
            entry = of[str(task.data["entry"])]
            solution = [str(call) for calls in entry.solution for call in calls]
            for key in (
                entry.scenario,
                json.dumps(entry.config, sort_keys=True),
                ("solution", *solution),
                ("request", entry.messages[0]),
            ):
                assert seen.setdefault(key, split) == split, (task, key)
    assert n_tasks == 799


def test_the_first_tasks_are_different_scenarios_of_all_domains(benchmark: MultiTurn) -> None:
    first = benchmark.tasks("validation", 4)
    assert [task.difficulty for task in first] == [1, 2, 3, 4] * 4
    assert len({task.seed for task in first}) == 16
    for level in range(4):
        assert {task.seed // 50 for task in first[level::4]} == {0, 1, 2, 3}


def test_what_cannot_be_solved_is_left_out() -> None:
    there = {entry.id for entry in _entries()}
    every = {f"multi_turn_{name}_{i}" for name in package.CATEGORIES for i in range(200)}
    assert every - there == {"multi_turn_miss_func_49"}


def test_a_withheld_function_is_offered_from_its_turn_on(benchmark: MultiTurn) -> None:
    entry = _entry("multi_turn_miss_func_0")
    assert entry.withheld == {"sort": 3}
    call = 'sort {"file_name": "final_report.pdf"}'
    with closing(Episode(entry)) as episode:
        episode.reset()
        for turn in range(4):
            offered = "sort" in [tool.name for tool in episode.tools]
            assert offered == (turn >= 3)
            assert ("There is no tool 'sort'" in episode.step(call).text) != offered
            said = episode.step("I cannot do that.").text
        assert said == entry.messages[4]
        episode.reset()
        assert "sort" not in [tool.name for tool in episode.tools]


def test_the_user_says_when_there_are_more_functions() -> None:
    for entry in package.entries("miss_func"):
        for turn in entry.withheld.values():
            assert entry.messages[turn].startswith("I have updated some more functions")


def test_schemas_are_valid_and_name_the_real_parameters() -> None:
    types = {"object", "number", "integer", "string", "boolean", "array"}

    def walk(schema: dict[str, object]) -> Iterator[dict[str, object]]:
        yield schema
        inner = schema.get("properties", {})
        assert isinstance(inner, dict)
        for one in (*inner.values(), *([schema["items"]] if "items" in schema else [])):
            yield from walk(one)

    seen = set()
    for entry in package.entries("base"):
        systems = Systems(entry)
        for tool in Episode(entry).tools:
            seen.add(tool.name)
            told = convert_to_openai_tool(tool)["function"]
            assert told["description"]
            real = inspect.signature(systems._methods[tool.name]).parameters
            assert set(told["parameters"]["properties"]) == set(real) == set(tool.args)
            needed = {name for name, one in real.items() if one.default is one.empty}
            assert set(told["parameters"]["required"]) == needed
            for schema in walk(told["parameters"]):
                assert schema["type"] in types
                assert schema.get("default") != "None"
    assert len(seen) == 128


def test_calls_through_tools_count_like_written_ones(benchmark: MultiTurn) -> None:
    for task in benchmark.tasks("validation", 2):
        with closing(benchmark.open(task)) as episode:
            episode.reset()
            for action in benchmark.gold(task):
                name, _, rest = action.partition(" ")
                named = [tool for tool in episode.tools if tool.name == name]
                if named:
                    assert isinstance(named[0].invoke(json.loads(rest)), str)
                else:
                    last = episode.step(action)
            assert last.success


def test_nothing_of_an_argument_is_evaluated(tmp_path: Path) -> None:
    entry = next(e for e in package.entries("base") if "GorillaFileSystem" in e.classes)
    mark = tmp_path / "mark"
    text = f"' + str(open({str(mark)!r}, 'w')) + '"
    with closing(Episode(entry)) as episode:
        episode.reset()
        said = episode.step("echo " + json.dumps({"content": text})).text
        assert json.loads(said) == {"terminal_output": text}
        tool = next(tool for tool in episode.tools if tool.name == "echo")
        assert json.loads(tool.invoke({"content": text})) == {"terminal_output": text}
        assert "no tool '__import__'" in episode.step('__import__ {"name": "os"}').text
        assert "no tool '_load_scenario'" in episode.step('_load_scenario {"scenario": {}}').text
        assert "not JSON compliant" in tool.invoke({"content": float("nan")})
        assert "not JSON serializable" in tool.invoke({"content": object()})
    assert not mark.exists()


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ('ls {"a": ', "A call is written: ls {arguments as JSON}"),
        ("ls(a=True)", "A call is written: ls {arguments as JSON}"),
        ('ls {"nonsense": 1}', "Error during execution: "),
        ("cd {}", "Error during execution: "),
        ('cd {"folder": 3}', "Error during execution: "),
        ('list_files {"a": true}', "There is no tool 'list_files'"),
        ("cd " + '{"folder": ' + "[" * 100_000, "A call is written: cd"),
        ('cd {"folder": ' + "9" * 5_000 + "}", "A call is written: cd"),
    ],
)
def test_a_wrong_call_is_told_and_ends_no_turn(action: str, said: str) -> None:
    entry = next(e for e in package.entries("base") if "GorillaFileSystem" in e.classes)
    with closing(Episode(entry)) as episode:
        episode.reset()
        seen = episode.step(action)
        assert seen.text.startswith(said)
        assert not seen.done
        assert episode.step("Sorry, list (files) {as you asked} is all.").text == entry.messages[1]


def test_too_many_calls_end_the_episode_however_they_are_made(benchmark: MultiTurn) -> None:
    task = benchmark.tasks("train", 1, levels=[1])[0]
    with closing(benchmark.open(task)) as episode:
        for through_tool in (True, False):
            episode.reset()
            tool = next(t for t in episode.tools if not t.args)
            for _ in range(20):
                said = tool.invoke({}) if through_tool else episode.step(tool.name).text
                assert "Too many" not in said
            if through_tool:
                assert "Too many calls" in tool.invoke({})
                assert "Too many calls" in tool.invoke({})
            last = episode.step("Done." if through_tool else f"{tool.name} {{}}")
            assert (last.terminated, last.success, last.score) == (True, False, 0.0)
            assert tool.invoke({}) == "The conversation is over."


def test_endless_computations_are_refused() -> None:
    entry = next(e for e in package.entries("base") if "MathAPI" in e.classes)
    systems = Systems(entry)
    for name, arguments in {
        "power": {"base": 9, "exponent": 10**10},
        "square_root": {"number": 2, "precision": 10**9},
        "logarithm": {"value": 3, "base": 2, "precision": 10**9},
        "round_number": {"number": 5, "decimal_places": -(10**9)},
    }.items():
        assert "must lie between" in systems.call(Call(name, arguments))


def test_an_episode_changes_nothing_that_others_share() -> None:
    posts = next(e for e in package.entries("base") if "TwitterAPI" in e.classes)
    login = {name: posts.config["TwitterAPI"][name] for name in ("username", "password")}  # type: ignore[index,call-overload]
    for _ in range(2):  # the package's default list of mentions would grow
        systems = Systems(posts)
        systems.call(Call("authenticate_twitter", login))
        post = json.loads(systems.call(Call("post_tweet", {"content": "one"})))
        assert post["mentions"] == []
        systems.call(Call("mention", {"tweet_id": post["id"], "mentioned_usernames": ["@x"]}))

    travel = next(e for e in package.entries("long_context") if "TravelAPI" in e.classes)
    first, second = (Systems(travel).instances["TravelAPI"] for _ in range(2))
    for card in first.credit_card_list.values():  # type: ignore[attr-defined]
        card["balance"] = -1  # most of them are the package's own
    assert all(card["balance"] != -1 for card in second.credit_card_list.values())  # type: ignore[attr-defined]


def test_a_folder_within_itself_breaks_no_episode(benchmark: MultiTurn) -> None:
    entry = next(e for e in package.entries("base") if e.classes == ("GorillaFileSystem",))
    loop = ['mkdir {"dir_name": "a"}', 'cp {"source": "a", "destination": "a"}', "find", "du"]
    last = _last(Episode(entry), [*loop, *["Done."] * len(entry.messages)])
    assert (last.terminated, last.success) == (True, False)


def test_episodes_run_side_by_side_in_threads(benchmark: MultiTurn) -> None:
    tasks = benchmark.tasks("test", 6)

    def play(task: Task) -> list[Observation]:
        return list(_play(benchmark.open(task), benchmark.gold(task)))

    alone = [play(task) for task in tasks]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(play, tasks * 3)) == alone * 3


def test_after_the_end_a_step_raises_and_a_tool_says_so(benchmark: MultiTurn) -> None:
    task = benchmark.tasks("train", 1, levels=[3])[0]
    episode = benchmark.open(task)
    tool = episode.tools[0]
    with pytest.raises(RuntimeError, match="reset"):
        episode.step("hello")
    assert tool.invoke({}) == "The conversation is over."
    list(_play(episode, benchmark.gold(task)))
    with pytest.raises(RuntimeError, match="reset"):
        episode.step("hello")
    assert tool.invoke({}) == "The conversation is over."
    episode.close()


def test_what_does_not_exist_is_named(benchmark: MultiTurn) -> None:
    with pytest.raises(BenchmarkError, match="no level 5; there are: 1-4"):
        benchmark.tasks("train", 1, levels=[5])
    with pytest.raises(BenchmarkError, match="no split 'dev'"):
        benchmark.tasks("dev", 1)  # type: ignore[arg-type]
    with pytest.raises(BenchmarkError, match="must not be negative"):
        benchmark.tasks("train", -1)


def test_a_missing_package_is_one_line_that_says_what_to_install(tmp_path: Path) -> None:
    for there in Path(bfcl_eval.__file__).parents[1].iterdir():
        if not there.name.startswith("bfcl"):
            (tmp_path / there.name).symlink_to(there)
    code = (
        "import agentevo.benchmarks as b\n"
        f"b.__path__[:] = {list(agentevo.benchmarks.__path__)!r}\n"
        "from agentevo.benchmarks.bfcl.benchmark import multi_turn\n"
        "multi_turn()\n"
    )
    assert agentevo.__file__ is not None
    root = Path(agentevo.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{tmp_path}"},
        capture_output=True,
        text=True,
    )
    assert done.stderr.splitlines()[-1].endswith(
        "the package bfcl-eval is not installed: pip install 'agentevo[bfcl]', "
        "then pip install --no-deps bfcl-eval==2026.3.23"
    )
