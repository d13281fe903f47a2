"""The pages and what they do: plain functions of a request. The words are the templates'."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote

import jinja2
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from agentevo.config import ConfigError
from agentevo.evaluation import figures, summary
from agentevo.evaluation.adapters import facts, in_order
from agentevo.evaluation.adapters import verdicts_on as verdicts_on_adapter
from agentevo.evaluation.lessons import is_active, merged_into, verdicts_on
from agentevo.evaluation.report import curve_plots
from agentevo.evaluation.tool_notes import has_tools, tool_notes
from agentevo.evaluation.words import count, gate_words
from agentevo.folders import RunError, user
from agentevo.inspector import reading
from agentevo.inspector.reading import Library, Part
from agentevo.inspector.security import Guard, may_write
from agentevo.ledger import LedgerError
from agentevo.memory import (
    Kind,
    Lesson,
    MemoryUseError,
    Provenance,
    difference,
    events,
    history,
    latest,
    scan,
    unfolded,
)
from agentevo.run import Run

HERE = Path(__file__).parent
MAX_BODY = 100_000  # bytes of a form
USER_ERRORS = (RunError, LedgerError, MemoryUseError, ConfigError)


def create_app(token: str) -> Starlette:
    """Return the application.

    Args:
        token: whoever has it may write; it comes with the first address as `?token=`.
    """
    app = Starlette(
        routes=[
            Route("/", runs),
            Route("/runs/{run}", run),
            Route("/runs/{run}/episodes", episodes),
            Route("/runs/{run}/episodes/{episode:path}", episode),
            Route("/runs/{run}/memory", memory),
            Route("/runs/{run}/memory", add, methods=["POST"]),
            Route("/runs/{run}/memory/{lesson}", lesson),
            Route("/runs/{run}/memory/{lesson}/{action}", change, methods=["POST"]),
            Route("/runs/{run}/review", review),
            Route("/runs/{run}/versions", versions),
            Route("/runs/{run}/versions/{version:int}", put_in_force, methods=["POST"]),
            Route("/runs/{run}/adapters", adapters),
            Route("/runs/{run}/tools", tools),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ],
        middleware=[Middleware(Guard)],
        exception_handlers={HTTPException: failed} | dict.fromkeys(USER_ERRORS, failed),
    )
    app.state.token, app.state.library = token, Library()
    app.state.templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    app.state.templates.filters |= {
        "percent": summary.percent,
        "points": summary.points,
        "counted": count,
        "gate_words": gate_words,
        "in_order": in_order,
        "path": lambda text: quote(str(text), safe=""),
        "relative": lambda url: f"{url.path}?{url.query}",
        "moment": lambda text: str(text)[:19].replace("T", " "),
    }
    return app


def page_of(
    request: Request, name: str, code: int = 200, /, *, of: Run | None = None, **values: Any
) -> Response:
    """Return a page made of a template; `of` is the run that it shows."""
    templates: jinja2.Environment = request.app.state.templates
    said = request.query_params.get("said", "")[:500]
    common = {"may_write": may_write(request), "request": request, "said": said, "live": False}
    if of is not None:
        live = reading.status_of(of) == "running"
        common |= {"run": of.id, "live": live, "may_write": may_write(request) and not live}
    text = templates.get_template(name).render(**{**common, **values})
    return HTMLResponse(text, code)


def failed(request: Request, error: Exception) -> Response:
    """Return a page that says what is wrong, in one line."""
    if isinstance(error, HTTPException):
        return page_of(request, "error.html", error.status_code, line=error.detail)
    code = 404 if isinstance(error, reading.NotThereError) else 409
    return page_of(request, "error.html", code, line=" ".join(str(error).split()))


def _library(request: Request) -> Library:
    found: Library = request.app.state.library
    return found


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 10 else default


# Reading


def runs(request: Request) -> Response:
    """All runs, newest first."""
    rows = reading.runs()
    live = any(row["status"] == "running" for row in rows)
    return page_of(request, "runs.html", rows=rows, live=live)


def run(request: Request) -> Response:
    """One run: where it stands, its curve, generations, verdicts and arms."""
    with _library(request).run(request.path_params["run"]) as of:
        arms, curve = figures.arms_figures(of), figures.learning_curve(of)
        known = _library(request).known(of)
        statuses = [one.status for one in known.lessons.values()]
        return page_of(
            request,
            "run.html",
            of=of,
            status=reading.status_of(of),
            in_force=of.incumbent(),
            summary=summary.summarise(of, arms, curve),
            settings=of.config.model_dump(mode="json"),
            arms=arms,
            curve=curve,
            plots=curve_plots(curve),
            verdicts=of.ledger.verdicts(of.id),
            lessons={one: statuses.count(one) for one in dict.fromkeys(statuses)},
            costs=figures.costs(of),
            folder=of.folder,
        )


def episodes(request: Request) -> Response:
    """The episodes of a run, filtered and in parts."""
    asked = {name: request.query_params.get(name, "") for name in ("purpose", "ending", "arm")}
    generation = _number(request, "generation", -1)
    with _library(request).run(request.path_params["run"]) as of:
        all_of = of.ledger.summaries(of.id)
        found = [
            one
            for one in all_of
            if asked["purpose"] in ("", one.key.purpose)
            and asked["ending"] in ("", one.ending)
            and asked["arm"] in ("", one.key.arm)
            and generation in (-1, one.key.generation)
        ]
        return page_of(
            request,
            "episodes.html",
            of=of,
            part=Part.of(found, _number(request, "page", 1)),
            asked=asked | {"generation": "" if generation < 0 else str(generation)},
            choices={
                "purpose": sorted({one.key.purpose for one in all_of}),
                "generation": sorted({one.key.generation for one in all_of}),
                "ending": sorted({one.ending for one in all_of}),
                "arm": sorted({one.key.arm for one in all_of if one.key.arm}),
            },
        )


def episode(request: Request) -> Response:
    """One episode, step by step, with what stood in the prompt."""
    with _library(request).run(request.path_params["run"]) as of:
        one = reading.episode_of(of, request.path_params["episode"])
        lessons = _library(request).known(of).lessons
        return page_of(request, "episode.html", of=of, one=one, lessons=lessons)


def memory(request: Request) -> Response:
    """The lessons of a run: searched, filtered, sorted, in parts."""
    asked = {name: request.query_params.get(name, "") for name in ("status", "words", "order")}
    if asked["order"] not in reading.ORDERS:
        asked["order"] = reading.ORDERS[0]
    with _library(request).run(request.path_params["run"]) as of:
        known = _library(request).known(of)
        statuses = [one.status for one in known.lessons.values()]
        found = reading.chosen(known, **asked)
        return page_of(
            request,
            "memory.html",
            of=of,
            part=Part.of(found, _number(request, "page", 1)),
            asked=asked,
            worth=known.worth,
            statuses={one: statuses.count(one) for one in dict.fromkeys(statuses)},
            orders=reading.ORDERS,
        )


def lesson(request: Request) -> Response:
    """One lesson: its words, worth, sources, uses and history."""
    with _library(request).run(request.path_params["run"]) as of:
        known = _library(request).known(of)
        name = request.path_params["lesson"]
        if name not in known.lessons:
            raise HTTPException(404, f"run {of.id} has no lesson {name!r}")
        one, told = known.lessons[name], history(of.ledger.engine, of.scope, name)
        force = of.incumbent().memory_version
        return page_of(
            request,
            "lesson.html",
            of=of,
            one=one,
            worth=known.worth,
            uses=Part.of(list(reversed(known.uses.get(name, []))), _number(request, "page", 1)),
            history=told,
            replaced=merged_into(known.lessons, told),
            findings=scan(one.text),
            verdicts=verdicts_on(of, told),
            is_in_force=is_active(told, force),
        )


def review(request: Request) -> Response:
    """The lessons that wait for a person."""
    with _library(request).run(request.path_params["run"]) as of:
        known = _library(request).known(of)
        waiting = [
            one for one in known.lessons.values() if one.status in ("pending", "quarantined")
        ]
        part = Part.of(waiting, _number(request, "page", 1))
        notes = {
            one.id: (scan(one.text), history(of.ledger.engine, of.scope, one.id)[-1])
            for one in part.rows
        }
        return page_of(
            request, "review.html", of=of, part=part, notes=notes,
        )  # fmt: skip


def versions(request: Request) -> Response:
    """Two versions of the memory side by side, and all events."""
    with _library(request).run(request.path_params["run"]) as of:
        engine, scope = of.ledger.engine, of.scope
        last = latest(engine, scope) if _library(request).known(of).lessons else 0
        force = of.incumbent().memory_version
        new = min(_number(request, "new", force), last)
        old = min(_number(request, "old", max(0, new - 1)), last)
        found = difference(engine, scope, old, new) if last else None
        part = Part.of(range(last, 0, -1), _number(request, "page", 1))  # newest first
        first = min(part.rows, default=1)
        all_of = (
            events(engine, scope, up_to=max(part.rows), changed_after=first - 1) if last else ()
        )
        told = [pair for pair in unfolded(all_of) if pair[0].version >= first]
        return page_of(
            request, "versions.html", of=of, old=old, new=new, last=last, in_force=force,
            found=found, part=part, told=told[::-1],
        )  # fmt: skip


def adapters(request: Request) -> Response:
    """The adapters of a run with their lineage."""
    with _library(request).run(request.path_params["run"]) as of:
        return page_of(
            request, "adapters.html", of=of,
            adapters=[
                facts(of, one) | {"judged": verdicts_on_adapter(of, one)}
                for one in of.ledger.adapters(of.id)
            ],
        )  # fmt: skip


# Writing


async def _form(request: Request) -> dict[str, str]:
    """Return the fields of a form.

    Raises:
        HTTPException: it is too long, or no text.
    """
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise HTTPException(413, "that is too long")
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True)
    except UnicodeDecodeError:
        raise HTTPException(400, "that is no form") from None
    return {name: values[-1].strip() for name, values in fields.items()}


async def change(request: Request) -> Response:
    """Change a lesson by hand, and go back to where that was asked for."""
    from starlette.concurrency import run_in_threadpool

    form = await _form(request)
    return await run_in_threadpool(_change, request, form)


def _change(request: Request, form: dict[str, str]) -> Response:
    name, id_, action = (request.path_params[key] for key in ("run", "lesson", "action"))
    why = form.get("why") or "by hand"
    with _writable(name) as of, of.editing() as memory:
        if action == "edit":
            memory.revise(
                id_, situation=form.get("situation"), advice=form.get("advice"), who=user(), why=why
            )
        elif action in ("pin", "unpin"):
            memory.pin(id_, action == "pin", who=user(), why=why)
        elif action in ("retire", "restore", "release", "quarantine"):
            getattr(memory, action)(id_, who=user(), why=why)
        else:
            raise HTTPException(404, f"nothing is done by {action!r}")
        said = f"{id_}: {action}, version {memory.version}"
    back = "review" if form.get("back") == "review" else f"memory/{quote(id_)}"
    return RedirectResponse(f"/runs/{quote(name)}/{back}?said={quote(said)}", 303)


def put_in_force(request: Request) -> Response:
    """Put a version of the memory in force."""
    name, version = (request.path_params[key] for key in ("run", "version"))
    with _writable(name) as of:
        of.roll_back(replace(of.incumbent(), memory_version=version))
    said = f"version {version} is in force"
    return RedirectResponse(f"/runs/{quote(name)}/versions?said={quote(said)}", 303)


def tools(request: Request) -> Response:
    """How the tools of a run fared."""
    with _library(request).run(request.path_params["run"]) as of:
        notes = tool_notes(of.ledger.episodes(of.id)) if has_tools(of) else []
        return page_of(request, "tools.html", of=of, notes=notes)


async def add(request: Request) -> Response:
    """Add a lesson by hand."""
    from starlette.concurrency import run_in_threadpool

    form = await _form(request)
    return await run_in_threadpool(_add, request, form)


def _add(request: Request, form: dict[str, str]) -> Response:
    from typing import get_args

    name = request.path_params["run"]
    kind: Any = form.get("kind", "rule")
    if kind not in get_args(Kind):
        raise HTTPException(400, f"there is no kind {kind!r}")
    with _writable(name) as of, of.editing() as memory:
        new = Lesson(
            form.get("situation", ""), form.get("advice", ""), memory.scope,
            (Provenance(user()),), kind=kind,
        )  # fmt: skip
        (written,) = memory.insert([new], who=user(), why=form.get("why") or "by hand")
        said = f"{written.lesson.id} is {written.lesson.status}, version {memory.version}"
    return RedirectResponse(
        f"/runs/{quote(name)}/memory/{written.lesson.id}?said={quote(said)}", 303
    )


def _writable(name: str) -> Any:
    """Open a run to change its memory by hand; it is closed afterwards.

    Raises:
        NotThereError: there is none of that name.
        LedgerError: it is going on, or open elsewhere.
    """
    return closing(Run.open(reading.folder_of(name), write=True, to_play=False))
