"""Tests of what a launch file does."""
