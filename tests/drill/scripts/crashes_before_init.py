"""Crashes on its configuration."""

raise ValueError("learning rate must be positive")
