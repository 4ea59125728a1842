"""Conditions that exercises check."""
