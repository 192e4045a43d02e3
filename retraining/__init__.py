"""Retraining: policies, challengers that must prove themselves, and the decisions about them."""
