"""Tests of what a project pins."""
