"""The longer proofs: what takes minutes, or a machine of its own."""
