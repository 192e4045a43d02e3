"""The retraining job: a challenger is made of the newest labelled rows and meets the champion."""

from __future__ import annotations
