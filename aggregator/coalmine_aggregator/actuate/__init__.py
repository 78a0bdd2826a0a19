"""What is wanted of service discovery, brought to it: a folder for each kind."""
