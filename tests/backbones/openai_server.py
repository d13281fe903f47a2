"""A server that speaks a little of OpenAI's and vLLM's API, and misbehaves when it is told to."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route


class Server:
    """Answers `Thought: …, Action: push button`; on the loopback, in a thread."""

    def __init__(self) -> None:
        self.faults: list[Any] = []
        """What the next requests get: a status, `{"body": text}`, `garbage`, `cut`, `hang`,
        `wrong adapter`, or `break`: a stream that breaks off after its first words."""
        self.asked: list[dict[str, Any]] = []
        self.models: dict[str, str] = {"base": ""}
        """Names, and the folder of each adapter."""
        self.events: list[str] = []
        self.n_at_once = self.most_at_once = 0
        self.pause_s = 0.0
        self.tools = "refused"
        """What it does with tools: `called`, `ignored`, or `refused` with status 400."""
        self.arguments = '{"item": "kettle"}'
        """Of the calls that it makes."""
        self.served = Counter[str]()
        app = Starlette(
            routes=[
                Route("/v1/models", self.list_models),
                Route("/v1/chat/completions", self.complete, methods=["POST"]),
                Route("/v1/load_lora_adapter", self.load, methods=["POST"]),
                Route("/v1/unload_lora_adapter", self.unload, methods=["POST"]),
            ]
        )
        config = uvicorn.Config(app, port=0, log_level="error", lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        self.port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"

    def stop(self) -> None:
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(10)

    async def list_models(self, request: Request) -> Response:
        data = [
            {"id": name, "object": "model", "created": 0, "owned_by": "x", "max_model_len": 4096,
             "root": folder or name, "parent": "base" if folder else None}
            for name, folder in self.models.items()
        ]  # fmt: skip
        return JSONResponse({"object": "list", "data": data})

    async def load(self, request: Request) -> Response:
        body = await request.json()
        if "missing" in body["lora_path"]:
            return JSONResponse({"error": {"message": "no adapter_config.json"}}, 404)
        self.models[body["lora_name"]] = body["lora_path"]
        self.events.append(f"load {body['lora_name']}")
        return PlainTextResponse("Success")

    async def unload(self, request: Request) -> Response:
        body = await request.json()
        self.models.pop(body["lora_name"])
        self.events.append(f"unload {body['lora_name']}")
        return PlainTextResponse("Success")

    async def complete(self, request: Request) -> Response:
        body = await request.json()
        self.asked.append(body)
        self.n_at_once += 1
        self.most_at_once = max(self.most_at_once, self.n_at_once)
        try:
            await asyncio.sleep(self.pause_s)
            return await self._answer(body)
        finally:
            self.n_at_once -= 1

    async def _answer(self, body: dict[str, Any]) -> Response:
        fault = self.faults.pop(0) if self.faults else None
        model = body["model"]
        if isinstance(fault, int):
            headers = {"retry-after": "0"} if fault == 429 else {}
            return JSONResponse({"error": {"message": f"no: {fault}"}}, fault, headers)
        if isinstance(fault, dict):
            kind = "text/event-stream" if fault["body"].startswith("data:") else "application/json"
            return Response(fault["body"], media_type=kind)
        if fault == "garbage":
            return PlainTextResponse("<html>busy</html>")
        if fault == "cut":
            return Response('{"id": "x", "choi', media_type="application/json")
        if fault == "hang":
            await asyncio.sleep(5)
        if model not in self.models:
            return JSONResponse({"error": {"message": f"no model {model}"}}, 404)
        if fault == "wrong adapter":
            model = "base"
        if "tools" in body and self.tools == "refused":
            return JSONResponse({"error": {"message": "tools are not taken here"}}, 400)
        self.served[model] += 1
        words = sum(len(str(one["content"]).split()) for one in body["messages"])
        usage = {"prompt_tokens": words, "completion_tokens": 7, "total_tokens": words + 7}
        if body.get("stream"):
            message = self._message(body, model)
            pieces = self._pieces(model, message, usage, breaks=fault == "break")
            return StreamingResponse(pieces, media_type="text/event-stream")
        return JSONResponse(
            {
                "id": "x", "object": "chat.completion", "created": 0, "model": model,
                "choices": [
                    {"index": 0, "finish_reason": "stop", "message": self._message(body, model)}
                ],
                "usage": usage,
            }
        )  # fmt: skip

    async def _pieces(
        self, model: str, message: dict[str, Any], usage: dict[str, int], *, breaks: bool
    ) -> AsyncIterator[str]:
        """Yield a message word by word, its calls at once, then what it cost."""

        def piece(delta: dict[str, Any], why: str | None = None, **more: Any) -> str:
            choices = [] if more else [{"index": 0, "delta": delta, "finish_reason": why}]
            told = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": model}
            return f"data: {json.dumps(told | {'choices': choices} | more)}\n\n"

        words = (message["content"] or "").split(" ")
        for i, word in enumerate(words):
            yield piece({"role": "assistant", "content": word if i == 0 else f" {word}"})
            if breaks:
                return
        if calls := message.get("tool_calls"):
            yield piece({"tool_calls": [{"index": i, **one} for i, one in enumerate(calls)]})
        yield piece({}, "stop")
        yield piece({}, usage=usage)
        yield "data: [DONE]\n\n"

    def _message(self, body: dict[str, Any], model: str) -> dict[str, Any]:
        """Call the tools that there are, all of them, and answer with what they returned."""
        results = [str(one["content"]) for one in body["messages"] if one["role"] == "tool"]
        if "tools" not in body or self.tools == "ignored":
            said = f"Thought: I am {model}.\nAction: push button"
        elif results:
            said = f"Thought: the tools say so\nAction: {' and '.join(results)}"
        else:
            calls = [
                {"id": f"c{i}", "type": "function", "function": {
                    "name": one["function"]["name"], "arguments": self.arguments}}
                for i, one in enumerate(body["tools"])
            ]  # fmt: skip
            return {"role": "assistant", "content": None, "tool_calls": calls}
        return {"role": "assistant", "content": said}
