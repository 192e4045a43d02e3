"""A deep profile as a person reads it: sentences, and pictures as coordinates for a template's SVG."""

from datasets.profile_page.page import ProfilePage, profile_page

__all__ = [
    "ProfilePage",
    "profile_page",
]
