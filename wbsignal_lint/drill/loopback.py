"""A W&B server on the loopback interface, speaking just enough for one agent, one sweep and runs that are online.

It answers the GraphQL operations that ``wandb agent`` and ``wandb.init`` send (measured with wandb 0.31.0), hands out
the sweep's runs one after another, and remembers what it is told about each run, which is what decides its state on a
real server. Everything that it does not know is answered with nulls, which the client takes as "no such thing".
"""

from __future__ import annotations

import gzip
import json
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

__all__ = ["Loopback", "Sweep", "Told"]

ENTITY = "drill"
SWEEP_PATH = f"{ENTITY}/drill/sweep1"

_USER = {
    "id": "user",
    "username": ENTITY,
    "name": ENTITY,
    "email": "drill@localhost",
    "admin": False,
    "entity": ENTITY,
    "defaultEntity": {"id": "entity", "name": ENTITY},
    "flags": "{}",
    "teams": {"edges": [{"node": {"name": ENTITY, "isTeam": False}}]},
}


@dataclass(frozen=True)
class Sweep:
    """What the server hands out to an agent."""

    command: Sequence[str]
    """The sweep's ``command:``; ``${args}`` and the other macros are the agent's to replace."""
    runs: int = 2
    """How many runs there are; when they are used up and none is running, the agent is told to exit."""


@dataclass(frozen=True)
class Told:
    """One message about the state of a run, as the client sent it to the file stream."""

    run_id: str
    preempting: bool
    complete: bool
    exit_code: int | None


class Loopback:
    """A server that runs in a thread, from entering the context to leaving it."""

    def __init__(self, sweep: Sweep | None = None) -> None:
        self.sweep = sweep
        self.told: list[Told] = []
        """Every message that says anything about a run's state, in order."""
        self.handed_out: list[str] = []
        """The ids of the sweep's runs that an agent was given, in order."""
        self.operations: list[str] = []
        """The names of the GraphQL operations asked for, in order."""
        self.sweep_state = "RUNNING"
        """The sweep's state, as ``wandb sweep --stop``, ``--cancel``, ``--pause`` and ``--resume`` set it."""
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"loopback": self}))
        self._http.daemon_threads = True
        self._http.handle_error = lambda *_: None  # type: ignore[method-assign]  # killed clients break connections
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        """The server's address, for ``WANDB_BASE_URL``."""
        return f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Loopback:
        """Begin to answer."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop answering and free the port."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def told_about(self, run_id: str) -> tuple[bool, int | None]:
        """Return what a server knows of a run in the end: whether it was marked, and the exit code or ``None``."""
        mine = [told for told in self.told if told.run_id == run_id]
        codes = [told.exit_code for told in mine if told.complete]
        return any(told.preempting for told in mine), codes[-1] if codes else None

    def answer(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        """Return the ``data`` of a GraphQL answer."""
        name = re.search(r"\b(?:query|mutation)\s+(\w+)", query)
        with self._lock:
            self.operations.append(name[1] if name else "")
        if "sweep(sweepName" in query:
            return {"project": {"sweep": self._sweep(str(variables.get("sweep") or "sweep1"))}}
        if "upsertSweep" in query:
            self.sweep_state = str(variables.get("state") or self.sweep_state)
            return {"upsertSweep": {"sweep": {"name": "sweep1"}}}
        if "createAgent" in query:
            return {"createAgent": {"agent": {"id": "agent"}}}
        if "agentHeartbeat" in query:
            running = json.loads(variables.get("runState") or "{}")
            commands = self._commands(any(running.values()))
            return {"agentHeartbeat": {"agent": {"id": variables.get("id")}, "commands": json.dumps(commands)}}
        if "upsertBucket" in query:
            return {"upsertBucket": {"bucket": _bucket(variables), "inserted": True}}
        if "createRunFiles" in query:
            files = [{"name": file, "uploadUrl": f"{self.url}/storage"} for file in variables.get("files") or ()]
            return {"createRunFiles": {"runID": "bucket", "uploadHeaders": [], "files": files}}
        if "serverInfo" in query or "viewer" in query:
            info: dict[str, Any] = {
                "cliVersionInfo": {"max_cli_version": "99.0.0"},
                "latestLocalVersionInfo": None,
                "features": [],
            }
            return {"viewer": _USER, "serverInfo": info}
        return {"project": None, "model": None, "entity": None}

    def hear(self, run_id: str, message: dict[str, Any]) -> None:
        """Remember what a file stream message says about the state of its run, if it says anything."""
        if message.keys() & {"preempting", "complete", "exitcode"}:
            told = Told(run_id, bool(message.get("preempting")), bool(message.get("complete")), message.get("exitcode"))
            with self._lock:
                self.told.append(told)

    def _commands(self, running: bool) -> list[dict[str, Any]]:
        """Return what an agent is to do next.

        As ``wandb sweep --help`` says: a cancelled sweep kills all running runs, a finished one lets them finish, and
        neither has further ones; a paused one has none for the time being.
        """
        if self.sweep_state == "CANCELED":
            return [{"type": "exit"}]
        if self.sweep is None or running or self.sweep_state == "PAUSED":
            return []
        with self._lock:
            number = len(self.handed_out) + 1
            if number > self.sweep.runs or self.sweep_state == "FINISHED":
                return [{"type": "exit"}]
            run_id = f"run{number}"
            self.handed_out.append(run_id)
        return [{"type": "run", "run_id": run_id, "program": "train.py", "args": {"lr": {"value": 0.1 * number}}}]

    def _sweep(self, name: str) -> dict[str, Any]:
        # JSON is YAML, so that no word of the command needs quoting by hand.
        config: dict[str, Any] = {"program": "train.py", "method": "grid", "parameters": {"lr": {"values": [0.1, 0.2]}}}
        if self.sweep is not None:
            config["command"] = list(self.sweep.command)
        nothing = ("description", "heartbeatAt", "updatedAt", "bestLoss", "controller", "scheduler")
        return {
            "id": "sweep",
            "name": name,
            "method": "grid",
            "state": self.sweep_state,
            "config": json.dumps(config),
            "createdAt": "2025-01-01T00:00:00",
            "earlyStopJobRunning": False,
            "runs": {"edges": []},
            **dict.fromkeys(nothing),
        }


def _bucket(variables: dict[str, Any]) -> dict[str, Any]:
    name = variables.get("name") or "run"
    entity = {"id": "entity", "name": variables.get("entity") or ENTITY}
    return {
        "id": "bucket",
        "name": name,
        "displayName": name,
        "description": None,
        "config": variables.get("config"),
        "sweepName": variables.get("sweep"),
        "historyLineCount": 0,
        "project": {"id": "project", "name": variables.get("project") or "drill", "entity": entity},
    }


class _Handler(BaseHTTPRequestHandler):
    """Answers one connection; `Loopback` makes a subclass that knows its server."""

    protocol_version = "HTTP/1.1"
    loopback: Loopback

    def log_message(self, *_: object) -> None:
        """Say nothing: the terminal belongs to the drill."""

    def do_GET(self) -> None:
        self._send({})

    def do_PUT(self) -> None:
        self._body()
        self._send({})

    def do_POST(self) -> None:
        body = self._body()
        # /files/ENTITY/PROJECT/RUN/file_stream
        stream = re.fullmatch(r"/files/[^/]+/[^/]+/([^/]+)/file_stream", self.path)
        if stream:
            self.loopback.hear(unquote(stream[1]), json.loads(body or b"{}"))
            self._send({"exitcode": None, "limits": {}})
        elif self.path.startswith("/graphql"):
            request = json.loads(body)
            self._send({"data": self.loopback.answer(request.get("query") or "", request.get("variables") or {})})
        else:
            self._send({})

    def _body(self) -> bytes:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _send(self, answer: dict[str, Any]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
