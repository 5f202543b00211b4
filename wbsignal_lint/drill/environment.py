"""The environment in which a drilled command meets the wandb client: real client, nobody's account, no network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

__all__ = ["DUMMY_API_KEY", "FLUSH_INTERVAL", "client_environment"]

DUMMY_API_KEY = "0" * 40
"""Has the form of a key, so that ``wandb.login()`` in a script neither asks nor reads the user's own."""

FLUSH_INTERVAL = 0.01
"""How often wandb-core writes its buffer to the transaction log, in seconds.

By default it does so every 15 seconds, and a process that is killed earlier leaves an empty log although an online
client would have sent its records at once. With this setting (wandb 0.31.0 and later) the log can be followed, and
what it says is what a server would have been told; tests/truth/test_contract.py compares the two.
"""


def client_environment(caller: Mapping[str, str], directory: Path, server: str, mode: str) -> dict[str, str]:
    """Return the environment for a drilled command.

    Args:
        caller: the environment to start from. All its ``WANDB_*`` variables are dropped: they are the user's settings
            and key, and ``WANDB_SERVICE`` would make the command a guest of a client that is not its own.
        directory: where the client may write; it exists.
        server: the address of a server on this machine, for agents and for scripts that insist on being online.
        mode: ``offline`` or ``online``.
    """
    environment = {name: value for name, value in caller.items() if not name.startswith(("WANDB_", "_WANDB_"))}
    (directory / "netrc").touch(mode=0o600)
    return environment | {
        "WANDB_MODE": mode,
        "WANDB_BASE_URL": server,
        "WANDB_API_KEY": DUMMY_API_KEY,
        "WANDB_ERROR_REPORTING": "false",
        "WANDB_DIR": str(directory),
        "WANDB_CACHE_DIR": str(directory / "cache"),
        "WANDB_CONFIG_DIR": str(directory / "config"),
        "WANDB_DATA_DIR": str(directory / "data"),
        "WANDB_ARTIFACT_DIR": str(directory / "artifacts"),
        "WANDB_CREDENTIALS_FILE": str(directory / "credentials.json"),
        "WANDB_X_TRANSACTION_LOG_FLUSH_INTERVAL": str(FLUSH_INTERVAL),
        "NETRC": str(directory / "netrc"),
        # The loopback server is not to be looked for behind the user's proxy.
        "no_proxy": ",".join(filter(None, (environment.get("no_proxy"), "127.0.0.1"))),
        "NO_PROXY": ",".join(filter(None, (environment.get("NO_PROXY"), "127.0.0.1"))),
    }
