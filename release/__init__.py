"""What a release consists of, made from a commit: `python -m release`, or `make release`."""
