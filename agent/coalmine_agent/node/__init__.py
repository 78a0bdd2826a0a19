"""What the agent on a node answers to those who ask whether to send it traffic."""
