"""A run's episodes, judged in words."""

from __future__ import annotations

import json

from .conftest import CLI


def test_what_went_wrong_is_grouped_with_its_episodes(cli: CLI, boxes: str) -> None:
    told = json.loads(cli("runs", "failures", boxes, "--arm", "m0+plain", "--json").stdout)
    episodes = json.loads(cli("runs", "episodes", boxes, "--purpose", "report", "--json").stdout)
    lost = {one["trajectory_id"] for one in episodes
            if one["key"]["arm"] == "m0+plain" and not one["success"]}  # fmt: skip
    assert {name for one in told for name in one["trajectories"]} == lost
    (first, *_) = told
    assert "lever" in first["name"] or "move" in first["name"]
    text = cli("runs", "failures", boxes, "--arm", "m0+plain").stdout
    assert first["trajectories"][0] in text
    assert "0 failures" in cli("runs", "failures", boxes).stdout, "what is in force wins"
    assert "known:" in cli("runs", "failures", boxes, "--purpose", "reprot").stderr


def test_a_panel_whose_words_cannot_be_read_gives_no_score(cli: CLI, boxes: str) -> None:
    episodes = json.loads(cli("runs", "episodes", boxes, "--json").stdout)
    name = episodes[0]["trajectory_id"]
    told = json.loads(cli("runs", "debate", boxes, name, "--json").stdout)
    assert told["mean"] is None
    assert len(told["statements"]) == 6
    assert "client" in told["error"]
    assert "nobody gave a score" in cli("runs", "debate", boxes, name).stdout
