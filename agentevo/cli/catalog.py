"""`agentevo benchmarks`, `recipes` and `backbones`: what there is to choose from."""

from __future__ import annotations

import typer

from agentevo.cli import output
from agentevo.cli.values import LEVELS, parse_levels
from agentevo.evaluation.words import count

benchmarks = typer.Typer(help="Benchmarks: list, show, check.", no_args_is_help=True)
recipes = typer.Typer(help="Recipes: list, show.", no_args_is_help=True)
backbones = typer.Typer(help="Backbones: list.", no_args_is_help=True)

BENCHMARK = typer.Argument(metavar="NAME", help="A name, or file.py:name.")


@benchmarks.command("list")
def list_benchmarks(as_json: bool = output.AS_JSON) -> None:
    """List the benchmarks that can be played."""
    from agentevo.benchmarks import BenchmarkError, load, names

    rows = []
    for name in names():
        try:
            rows.append({"name": name, "description": load(name).description})
        except BenchmarkError as error:
            rows.append({"name": name, "description": f"({error})"})
    if as_json:
        output.print_json(rows)
    else:
        output.print_table(
            ["name", "what it is"], [[row["name"], row["description"]] for row in rows]
        )


@benchmarks.command("show")
def show_benchmark(name: str = BENCHMARK, as_json: bool = output.AS_JSON) -> None:
    """Show a benchmark: what it is, whose it is, its levels, and an example of a task."""
    from agentevo.benchmarks import BenchmarkError, load

    found = load(name)
    if not (tasks := found.tasks("train", 1)):
        raise BenchmarkError(f"{name} has no training task")
    task = tasks[0]
    facts = {
        "name": found.name,
        "description": found.description,
        "licence": found.licence,
        "source": found.source,
        "levels": list(found.levels),
        "max_steps": found.max_steps(task),
        "fingerprint": found.fingerprint(),
        "example": {"id": task.id, "instruction": task.instruction},
    }
    if as_json:
        output.print_json(facts)
        return
    levels = ", ".join(map(str, found.levels))
    texts = facts | {"levels": levels, "example": f"{task.id}: {task.instruction}"}
    output.print_table(["", ""], [[key, value] for key, value in texts.items()])


@benchmarks.command("check")
def check_benchmark(
    name: str = BENCHMARK,
    levels: str | None = LEVELS,
    n_per_level: int = typer.Option(1, min=1, help="Tasks of each level."),
    as_json: bool = output.AS_JSON,
) -> None:
    """Test a benchmark against what it promises, without a model; status 1 if it fails."""
    from agentevo.benchmarks import BenchmarkError, check, load

    found = load(name)
    chosen = parse_levels(levels)
    try:
        found.tasks("train", 1, levels=chosen)
    except BenchmarkError:  # such as of a level that is not there: the user's error
        raise
    except Exception:  # a fault of the benchmark, which is found again
        pass
    n_levels = len(found.levels if chosen is None else chosen)
    output.stderr().print(f"checking {n_levels} levels of {found.name} …", markup=False)
    findings = check(found, n_per_level, levels=chosen)
    faults = [one for one in findings if not one.ok]
    if as_json:
        output.print_json({"ok": not faults, "findings": findings})
    else:
        output.print_table(
            ["", "check", "of", "seen"],
            [["FAULT" if not one.ok else "ok" if one.judged else "-", one.check, one.subject,
              one.message] for one in findings],
        )  # fmt: skip
        n_open = sum(not one.judged for one in findings)
        told = f", {n_open} not judged" if n_open else ""
        print(f"{count(len(findings), 'check')}, {count(len(faults), 'fault')}{told}")
    if faults:
        raise typer.Exit(1)


@recipes.command("list")
def list_recipes(as_json: bool = output.AS_JSON) -> None:
    """List the recipes."""
    from agentevo.recipes import load, names

    found = [load(name) for name in names()]
    if as_json:
        output.print_json(found)
    else:
        output.print_table(["name", "what it does"], [[one.name, one.description] for one in found])


@recipes.command("show")
def show_recipe(
    name: str = typer.Argument(metavar="NAME", help="A name, or a TOML file."),
    budget: str = typer.Option("small", help="The scale to show it at."),
    as_json: bool = output.AS_JSON,
) -> None:
    """Show a recipe: what it sets itself, and every setting that a run with it has."""
    from agentevo.api import settle
    from agentevo.config import BUDGETS, known_keys
    from agentevo.recipes import flat, load

    recipe = load(name)
    merged = settle({"recipe": name, "budget": budget})
    if as_json:
        output.print_json(
            {"recipe": recipe, "budget": budget, "merged": merged.model_dump(mode="json")}
        )
        return
    print(f"{recipe.name}: {recipe.description}\nread from {recipe.source}")
    set_by = dict.fromkeys(flat(BUDGETS[merged.budget]), "budget")
    set_by |= dict.fromkeys(flat(recipe.settings), "recipe")
    meaning = known_keys()
    rows = [
        [key, _toml(value), set_by.get(key, ""), meaning[key]]
        for key, value in flat(merged.model_dump(mode="json")).items()
    ]
    output.print_table(["setting!", "value", "set by", "what it is"], rows)


@recipes.command("explain")
def explain_recipe(
    name: str | None = typer.Argument(
        None, metavar="[NAME]", help="A name, or a TOML file.", show_default="the whole tree"
    ),
    as_json: bool = output.AS_JSON,
) -> None:
    """Explain a recipe along the survey's tree: what fills each leaf, and who described it.

    Without a name: every leaf, what can fill it, and the recipes that do.
    """
    from agentevo.api import settle
    from agentevo.recipes import explained, load

    if name is None:
        _whole_tree(as_json)
        return
    recipe, filled = load(name), explained(settle({"recipe": name}).model_dump(mode="json"))
    if as_json:
        output.print_json({"recipe": recipe, "slots": filled})
        return
    print(f"{recipe.name}: {recipe.description}")
    for label, text in (("paper", recipe.paper), ("departs", recipe.departs)):
        if text:
            print(f"{label}: {text}")
    rows = []
    for slot in filled:
        own = [[one.what, one.told, one.paper] for one in slot.mechanisms] or [["-", "", ""]]
        rows += [[slot.leaf if i == 0 else "", *row] for i, row in enumerate(own)]
    output.print_table(["leaf of the survey's tree", "what fills it", "setting", "paper"], rows)


def _whole_tree(as_json: bool) -> None:
    """Print every leaf with its mechanisms, and the recipes that use each."""
    from agentevo.recipes import LEAVES, MECHANISMS, users

    used = users()
    if as_json:
        output.print_json(
            [{"leaf": leaf, "phase": LEAVES[leaf],
              "mechanisms": [{"mechanism": one, "recipes": used[one]}
                             for one in MECHANISMS if one.leaf == leaf]}
             for leaf in LEAVES]
        )  # fmt: skip
        return
    rows = []
    for leaf in LEAVES:
        own = [one for one in MECHANISMS if one.leaf == leaf]
        rows += [[leaf if i == 0 else "", one.what, one.told, one.code, ", ".join(used[one])]
                 for i, one in enumerate(own)]  # fmt: skip
    output.print_table(["leaf", "what can fill it", "setting", "code", "recipes"], rows)


def _toml(value: object) -> str:
    """Return a value as TOML has it; None is what a file would leave out."""
    import json

    return "(none)" if value is None else json.dumps(value)


@backbones.command("list")
def list_backbones(as_json: bool = output.AS_JSON) -> None:
    """List the kinds of backbones."""
    from agentevo.backbones import names

    if as_json:
        output.print_json([{"name": name, "description": text} for name, text in names().items()])
    else:
        output.print_table(["name", "what it is"], list(names().items()))
