"""Bytes to columns: one file a protocol at the edge, one decoder behind them all."""
