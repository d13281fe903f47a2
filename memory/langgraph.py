"""The memory for LangGraph users: two tools for an agent, and a `BaseStore`.

Not imported by `agentevo.memory` itself, which needs neither LangChain nor LangGraph.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from langchain_core.tools import BaseTool, StructuredTool
from langgraph.store.base import (
    BaseStore,
    GetOp,
    Item,
    ListNamespacesOp,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
)

from agentevo.memory.embedding import Embedder
from agentevo.memory.errors import LessonError, MemoryUseError
from agentevo.memory.lesson import Lesson, Provenance
from agentevo.memory.readers import history, scopes
from agentevo.memory.recall import RecallSettings
from agentevo.memory.store import Memory

_SEPARATOR = "/"

logger = logging.getLogger(__name__)


def memory_tools(
    memory: Memory, settings: RecallSettings | None = None, *, who: str = "agent"
) -> list[BaseTool]:
    """Return two tools with which an agent remembers and recalls.

    Args:
        memory: open for writing.
        settings: how recall chooses; None means the defaults.
        who: who is said to have written what it remembers.
    """

    def remember(situation: str, advice: str) -> str:
        """Keep a lesson for later: in which situation it applies, and what to do or know then."""
        try:
            lesson = Lesson(situation, advice, memory.scope, (Provenance(who),))
        except LessonError as error:
            return f"not kept: {error}"
        (written,) = memory.insert([lesson], who=who, wait=False)
        found = written.lesson
        if found.status == "quarantined":
            return f"kept as {found.id}, to be looked at by a person before it is recalled"
        return f"kept as {found.id}"

    def recall(situation: str) -> str:
        """Return lessons that were kept for situations like this one."""
        return memory.recall(situation, settings).text or "nothing was kept for this"

    return [StructuredTool.from_function(remember), StructuredTool.from_function(recall)]


class LessonStore(BaseStore):
    """Lessons as LangGraph's long-term store: a namespace is a scope, a key a lesson's id.

    A value has `situation` and `advice`, may have `kind`, and nothing else. Every key is a lesson
    for itself. What is put in quarantine is not got until a person releases it; the log says why.
    Deleting retires: the history stays. Safe among threads.
    """

    def __init__(
        self,
        engine: sa.Engine,
        where: str | Path,
        embedder: Embedder,
        opened: Iterable[Memory] = (),
    ) -> None:
        """Take what every `Memory` needs; scopes are opened as they are asked for.

        Args:
            engine: the database of the log.
            where: a folder for embedded Chroma, or a Chroma server's URL.
            embedder: for situations.
            opened: memories that are open already, for their scopes; they are not closed.
        """
        self._engine, self._where, self._embedder = engine, where, embedder
        self._given = {one.scope: one for one in opened}
        self._open: dict[str, Memory] = {}
        self._lock = threading.RLock()

    def close(self) -> None:
        """Close every scope that the store opened."""
        with self._lock:
            while self._open:
                self._open.popitem()[1].close()

    def memory(self, namespace: tuple[str, ...]) -> Memory:
        """Return the memory of a namespace."""
        if any(_SEPARATOR in part for part in namespace):
            raise MemoryUseError(f"a namespace's parts hold no {_SEPARATOR!r}: {namespace}")
        scope = _SEPARATOR.join(namespace)
        with self._lock:
            if scope in self._given:
                return self._given[scope]
            if scope not in self._open:
                self._open[scope] = Memory(self._engine, self._where, scope, self._embedder)
            return self._open[scope]

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Do operations in their order, and return what each gives."""
        with self._lock:
            return [self._do(op) for op in ops]

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Do operations in a thread of their own."""
        return await asyncio.to_thread(self.batch, list(ops))

    def _do(self, op: Op) -> Result:
        if isinstance(op, GetOp):
            found = {one.id: one for one in self.memory(op.namespace).lessons}.get(op.key)
            active = found is not None and found.status == "active"
            return self._item(op.namespace, found) if found is not None and active else None
        if isinstance(op, PutOp):
            self._put(op)
            return None
        if isinstance(op, SearchOp):
            return self._search(op)
        if isinstance(op, ListNamespacesOp):
            return self._namespaces(op)
        raise MemoryUseError(f"no such operation: {type(op).__name__}")

    def _put(self, op: PutOp) -> None:
        memory, value = self.memory(op.namespace), op.value
        known = {one.id: one for one in memory.lessons}.get(op.key)
        if value is None:
            if known is not None and known.status == "active":
                memory.retire(op.key, who="store", why="deleted")
            return
        if not isinstance(value, dict):
            raise MemoryUseError(f"a lesson's value is a dict, not a {type(value).__name__}")
        if missing := [name for name in ("situation", "advice") if name not in value]:
            has = ", ".join(value) or "nothing"
            raise MemoryUseError(f"a lesson's value needs {missing[0]!r}; it has: {has}")
        if foreign := sorted(set(value) - {"situation", "advice", "kind"}):
            raise MemoryUseError(f"a lesson's value has no {foreign[0]!r}: it would be lost")
        lesson = Lesson(
            value["situation"], value["advice"], memory.scope, (Provenance("store"),),
            id=op.key, kind=value.get("kind", known.kind if known else "rule"),
        )  # fmt: skip
        if known is None:
            memory.insert([lesson], who="store", apart=True, wait=False)
        elif (known.situation, known.advice) != (lesson.situation, lesson.advice):
            memory.revise(
                op.key, situation=lesson.situation, advice=lesson.advice, who="store", why="put"
            )
        now = memory.get(op.key)
        if now.status == "retired":
            memory.restore(op.key, who="store", why="put again")
        elif now.status == "quarantined":
            logger.warning("lesson %s of %r is in quarantine: %s", op.key, memory.scope, now.text)

    def _search(self, op: SearchOp) -> list[SearchItem]:
        found: list[tuple[tuple[str, ...], Lesson, float | None]] = []
        n = op.offset + op.limit
        for scope in scopes(self._engine):
            namespace = tuple(scope.split(_SEPARATOR))
            if namespace[: len(op.namespace_prefix)] != op.namespace_prefix:
                continue
            memory = self.memory(namespace)
            active = [one for one in memory.lessons if one.status == "active"]
            near: Sequence[tuple[Lesson, float | None]] = [(one, None) for one in active]
            if op.query:
                near = memory.search(op.query, len(active) if op.filter else n)
            found += [
                (namespace, one, cosine)
                for one, cosine in near
                if _agrees(_value(one), op.filter or {})
            ]
        found.sort(key=lambda one: -(one[2] or 0.0))
        return [
            SearchItem(
                namespace=namespace, key=one.id, value=item.value, score=cosine,
                created_at=item.created_at, updated_at=item.updated_at,
            )
            for namespace, one, cosine in found[op.offset : n]
            for item in (self._item(namespace, one),)
        ]  # fmt: skip

    def _namespaces(self, op: ListNamespacesOp) -> list[tuple[str, ...]]:
        found = [tuple(scope.split(_SEPARATOR)) for scope in scopes(self._engine)]
        for condition in op.match_conditions or ():
            n, is_prefix = len(condition.path), condition.match_type == "prefix"
            found = [
                one
                for one in found
                if len(one) >= n
                and all(
                    said in ("*", part)
                    for said, part in zip(
                        condition.path, one[:n] if is_prefix else one[len(one) - n :], strict=True
                    )
                )
            ]
        if op.max_depth is not None:
            found = list(dict.fromkeys(one[: op.max_depth] for one in found))
        return found[op.offset : op.offset + op.limit]

    def _item(self, namespace: tuple[str, ...], lesson: Lesson) -> Item:
        told = history(self._engine, lesson.scope, lesson.id)
        times: list[datetime] = [event.at for event in told]
        return Item(
            namespace=namespace, key=lesson.id, value=_value(lesson), created_at=times[0],
            updated_at=times[-1],
        )  # fmt: skip


def _value(lesson: Lesson) -> dict[str, Any]:
    return {"situation": lesson.situation, "advice": lesson.advice, "kind": lesson.kind}


_OPERATORS: dict[str, Any] = {
    "$eq": lambda a, b: a == b,
    "$ne": lambda a, b: a != b,
    "$gt": lambda a, b: a > b,
    "$gte": lambda a, b: a >= b,
    "$lt": lambda a, b: a < b,
    "$lte": lambda a, b: a <= b,
}


def _agrees(value: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Whether a value has all that a filter asks for.

    Raises:
        MemoryUseError: the filter has an operator that does not exist.
    """
    for name, condition in wanted.items():
        asked = condition if isinstance(condition, dict) else {"$eq": condition}
        for operator, other in asked.items():
            if operator not in _OPERATORS:
                raise MemoryUseError(f"no filter {operator!r}; there are: {', '.join(_OPERATORS)}")
            if name not in value or not _OPERATORS[operator](value[name], other):
                return False
    return True
