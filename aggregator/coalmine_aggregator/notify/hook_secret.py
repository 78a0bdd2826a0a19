"""The secret of a provider's webhook: several, with white space between, while one is rotated. Pure."""

from __future__ import annotations

from coalmine_runtime.settings import Secret, SettingError

SHORTEST = 16


def hook_secrets(secret: Secret) -> tuple[str, ...]:
    """Each of them."""
    return tuple(secret.reveal().split())


def check_hook_secret(secret: Secret | None) -> None:
    """Raises `SettingError` for one that can be guessed."""
    if secret is None:
        return
    words = hook_secrets(secret)
    if not words or any(len(word) < SHORTEST or not word.isascii() for word in words):
        raise SettingError("hook_secret", f"expected {SHORTEST} ASCII characters or more")
