"""Who the agent talks to: a user that a language model plays, or one that follows a script."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

from langchain_core.tools import BaseTool

from agentevo.benchmarks.tau2.calls import called
from agentevo.benchmarks.tau2.cases import Case

Message: TypeAlias = Mapping[str, str]
"""`role` (system, user or assistant) and `content`."""
User: TypeAlias = Callable[[Sequence[Message]], str]
"""Plays the user: gets the conversation as a chat model does, the agent's words under the role
`user` and its own under `assistant`, and returns its next message."""

STOP, TRANSFER, OUT_OF_SCOPE = "###STOP###", "###TRANSFER###", "###OUT-OF-SCOPE###"
DONE = "DONE"
_GREETING = "Hello! How can I help you today?"
_ASSENT = "Yes, that is fine. Please go on."
_MAX_CALLS = 10  # of a user's own tools before one message
_IS_DONE = re.compile(rf"(?:\b{DONE}|\A\s*(?i:{DONE}))[\s.!*]*\Z")
_PARTS = {
    "persona": "Who you are",
    "reason_for_call": "Why you write",
    "known_info": "What you know",
    "unknown_info": "What you do not know",
    "task_instructions": "How you behave",
}


class Customer(Protocol):
    """The other side of one conversation."""

    def open(self) -> str:
        """Return the first message."""

    def answer(self, said: str) -> tuple[str, bool]:
        """Return the answer to a message of the agent, and whether the conversation is over."""


class Scripted:
    """Tells the whole brief at once, and says yes to all that follows, until the agent is done."""

    def __init__(self, case: Case) -> None:
        """Take the case's ticket, where it has one, and its scenario."""
        ticket = f"Ticket: {case.ticket}\n\n" if case.ticket else ""
        self._brief = f'{ticket}The customer\'s brief ("you" is the customer):\n{brief(case)}'

    def open(self) -> str:
        """Return the brief."""
        return self._brief

    def answer(self, said: str) -> tuple[str, bool]:
        """Say yes; the conversation is over where the agent's last word is DONE."""
        return ("", True) if _IS_DONE.search(said) else (_ASSENT, False)


class Simulated:
    """A user whose words come from a callable, most often a language model."""

    def __init__(self, case: Case, user: User, tools: Sequence[BaseTool] = ()) -> None:
        """Prepare the conversation.

        Args:
            case: Says who the user is and what it wants.
            user: Plays the user.
            tools: What the user can do; it calls them by `name {arguments as JSON}`, and neither
                calls nor results are seen by the agent.
        """
        self._user = user
        self._tools = {tool.name: tool for tool in tools}
        self._messages = [_message("system", _role(case, tools))]

    def open(self) -> str:
        """Return what the user says to a greeting."""
        return _without_ends(self._reply(_GREETING))

    def answer(self, said: str) -> tuple[str, bool]:
        """Pass a message on; the conversation is over where the user's reply has an end token."""
        reply = self._reply(said)
        return _without_ends(reply), any(end in reply for end in (STOP, TRANSFER, OUT_OF_SCOPE))

    def _reply(self, said: str) -> str:
        self._messages.append(_message("user", said))
        for _ in range(_MAX_CALLS + 1):
            reply = self._user(tuple(self._messages))
            self._messages.append(_message("assistant", reply))
            result = called(self._tools, reply)
            if result is None:
                return reply
            self._messages.append(_message("user", f"Result, seen by you alone: {result}"))
        return "I have tried a lot, and I am stuck."


def brief(case: Case, *, persona: bool = False) -> str:
    """Return what tau2 tells a user, one paragraph a part."""
    rows = [
        f"{title}: {case.scenario[part]}"
        for part, title in _PARTS.items()
        if part in case.scenario and (persona or part != "persona")
    ]
    return "\n".join(rows)


def _role(case: Case, tools: Sequence[BaseTool]) -> str:
    lines = [
        "You play a customer who is chatting with a company's service agent. Whatever you are "
        "sent are that agent's words. Stay the customer that the brief below describes.",
        "- Write one short message at a time, in words of your own; never read the brief out.",
        "- Say what you want first, and tell the rest when you are asked for it.",
        "- What the brief does not tell you, you do not know. Make nothing up.",
        f"- When all that you want is settled, or you accept a refusal, write {STOP}",
        f"- When the agent says that it hands you over to a person, write {TRANSFER}",
        f"- When the brief gives you nothing to go on with, write {OUT_OF_SCOPE}",
    ]
    if tools:
        lines += [
            "You hold your phone, and can do the following with it, one thing at a time, when the "
            "agent asks you to or to answer its question. For that, write nothing but the name "
            "and the arguments as JSON, such as `name {}`; you are then sent the result. Never "
            "guess a result.",
            *(f"- {one.name}({', '.join(one.args)}): {one.description}" for one in tools),
        ]
    return "\n".join([*lines, "", "Your brief:", brief(case, persona=True)])


def _without_ends(text: str) -> str:
    for end in (STOP, TRANSFER, OUT_OF_SCOPE):
        text = text.replace(end, "")
    return text.strip()


def _message(role: str, content: str) -> Message:
    return {"role": role, "content": content}
