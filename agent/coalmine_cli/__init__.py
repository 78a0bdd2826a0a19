"""The one command, `coalmine`."""
