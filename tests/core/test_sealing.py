"""Secrets that are kept."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from core.sealing import SecretsUnreadable, reseal, seal, unseal


def test_what_is_sealed_comes_back_and_shows_nothing() -> None:
    sealed = seal({"password": "opensesame"})
    assert "opensesame" not in sealed
    assert unseal(sealed) == {"password": "opensesame"}
    assert unseal(seal({})) == {}


def test_keys_can_be_changed_without_losing_anything(settings: Settings) -> None:
    sealed = seal({"password": "opensesame"})
    settings.SECRETS_KEYS = ["new key"]
    resealed = reseal(sealed)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another one"
    assert unseal(sealed) == unseal(resealed) == {"password": "opensesame"}
    settings.SECRET_KEY_FALLBACKS = []
    assert unseal(resealed) == {"password": "opensesame"}
    with pytest.raises(SecretsUnreadable):
        unseal(sealed)
