"""Secrets that must be kept and used again: encrypted in the database, readable by this site only.

The key comes from ``settings.SECRETS_KEYS``, or else from ``SECRET_KEY``. The first key of the list seals;
all of them, ``SECRET_KEY`` and its fallbacks open, so that a key can be changed without losing anything.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping

import orjson
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from core.errors import Unavailable

_PURPOSE = b"mlops-site: sealed secrets"


class SecretsUnreadable(Unavailable):
    """The secrets were sealed with a key that the site no longer has."""

    code = "secrets_unreadable"
    title = "The stored secrets cannot be opened with the present keys"


def seal(secrets: Mapping[str, str]) -> str:
    """Return secrets as a text that says nothing without the key; nothing gives an empty text."""
    return _box().encrypt(orjson.dumps(dict(secrets))).decode() if secrets else ""


def unseal(sealed: str) -> dict[str, str]:
    """Return what :func:`seal` was given.

    Raises
    ------
    SecretsUnreadable
        None of the keys fits.
    """
    if not sealed:
        return {}
    try:
        opened: dict[str, str] = orjson.loads(_box().decrypt(sealed.encode()))
    except InvalidToken as error:
        raise SecretsUnreadable(
            "Enter the secrets again: the key of the site was changed."
        ) from error
    return opened


def reseal(sealed: str) -> str:
    """Return the same secrets, sealed with the first of the present keys.

    Raises
    ------
    SecretsUnreadable
        None of the keys fits.
    """
    return seal(unseal(sealed))


def _box() -> MultiFernet:
    keys = [*settings.SECRETS_KEYS, settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(_derived(key)) for key in keys])


def _derived(key: str) -> bytes:
    derivation = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE)
    return base64.urlsafe_b64encode(derivation.derive(key.encode()))
