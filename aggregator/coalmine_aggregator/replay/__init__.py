"""Replays: the real engine on a simulated fleet, or on recorded history, with a virtual clock."""
