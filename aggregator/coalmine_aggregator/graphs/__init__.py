"""Graphs as pictures that stand for themselves. Pure."""
