"""What the server on this machine tells an agent, by the state of its sweep."""

from __future__ import annotations

import json

import pytest

from wbsignal_lint.drill.loopback import Loopback, Sweep


@pytest.mark.parametrize(
    ("state", "when_idle", "when_running"),
    [("RUNNING", ["run"], []), ("PAUSED", [], []), ("FINISHED", ["exit"], []), ("CANCELED", ["exit"], ["exit"])],
)
def test_what_an_agent_is_told(state: str, when_idle: list[str], when_running: list[str]) -> None:
    with Loopback(Sweep(["true"])) as server:
        server.answer("mutation UpsertSweep { upsertSweep(input: {}) }", {"id": "sweep", "state": state})

        told = []
        for running in ({}, {"run1": True}):
            variables = {"id": "agent", "runState": json.dumps(running)}
            answer = server.answer("mutation Heartbeat { agentHeartbeat(input: {}) }", variables)
            told.append([one["type"] for one in json.loads(answer["agentHeartbeat"]["commands"])])

    assert told == [when_idle, when_running]
