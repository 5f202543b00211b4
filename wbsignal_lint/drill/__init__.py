"""Drilling a command: run it under the real wandb client, send it the real signal, read what the client recorded."""

from __future__ import annotations
