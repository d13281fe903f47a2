"""The three domains of tau2-bench: where their data and tools stand, and what sets them apart."""

from collections.abc import Mapping
from dataclasses import dataclass

# Names of tools that change neither a record nor a phone.
_LOOKS = ("get_", "find_", "list_", "search_", "check_", "calculate", "transfer_")


@dataclass(frozen=True)
class Kit:
    """The tools of one side of the conversation, and the database that they share."""

    tools: str
    """Where the wheel lists the tools."""
    state: str
    """Where the wheel has the class that holds the database."""
    instance: str
    """The name under which the tools look for it."""
    database: str
    """The file with its content."""


@dataclass(frozen=True)
class Domain:
    """One domain."""

    name: str
    agent: str
    """Who the agent is."""
    tasks: str
    """The file of the tasks."""
    kits: Mapping[str, Kit]
    """By side, `assistant` or `user`; a user without a kit can do nothing but talk."""
    policy: tuple[str, ...]
    """The files of the agent's policy."""
    solo_policy: tuple[str, ...]
    """The same where the agent acts in the user's place."""
    bands: tuple[int, int]
    """The most changes that a task of level 1 and of level 2 asks for."""
    refused: frozenset[str] = frozenset()
    """Ids of tasks whose gold changes the tools refuse, so that nothing changes; found by play."""
    sync: str = ""
    """What of the wheel brings both sides' databases into line, before anything is done."""

    @property
    def splits(self) -> str:
        """The file of the official splits."""
        return f"{self.name}/split_tasks.json"


def is_change(tool: str) -> bool:
    """Return whether a tool changes something, which its name tells."""
    return not tool.startswith(_LOOKS)


AIRLINE = Domain(
    name="airline",
    agent="the customer service agent of an airline",
    tasks="airline/tasks.json",
    kits={
        "assistant": Kit(
            tools="airline.tools:all_airline_tools",
            state="airline.AirlineAgentTools:AirlineAgentTools",
            instance="AirlineTools",
            database="airline/db.json.gz",
        )
    },
    policy=("airline/policy.txt",),
    solo_policy=("airline/policy.txt",),
    bands=(1, 2),
)

RETAIL = Domain(
    name="retail",
    agent="the customer service agent of an online shop",
    tasks="retail/tasks.json",
    kits={
        "assistant": Kit(
            tools="retail.tools:all_retail_tools",
            state="retail.RetailAgentTools:RetailAgentTools",
            instance="RetailTools",
            database="retail/db.json.gz",
        )
    },
    policy=("retail/policy.txt",),
    solo_policy=("retail/policy.txt",),
    bands=(1, 2),
    refused=frozenset({"105", "12"}),
)

TELECOM = Domain(
    name="telecom",
    agent="the customer service agent of a telephone company",
    tasks="telecom/tasks.json.gz",
    kits={
        "assistant": Kit(
            tools="telecom.tools:all_telecom_agent_tools",
            state="telecom.TelecomAgentTools:TelecomAgentTools",
            instance="TelecomAgentTools",
            database="telecom/db.toml",
        ),
        "user": Kit(
            tools="telecom.user_tools:all_telecom_user_tools",
            state="telecom.TelecomUserTools:TelecomUserTools",
            instance="TelecomUserTools",
            database="telecom/user_db.toml",
        ),
    },
    policy=("telecom/main_policy.txt", "telecom/tech_support_manual.txt"),
    solo_policy=("telecom/main_policy_solo.txt", "telecom/tech_support_workflow_solo.txt"),
    bands=(3, 5),
    sync="telecom.environment:get_environment",
)

DOMAINS: Mapping[str, Domain] = {one.name: one for one in (AIRLINE, RETAIL, TELECOM)}
