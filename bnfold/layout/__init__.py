"""Operators that only move or name data, and what can be done without them."""
