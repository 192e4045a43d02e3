"""Asking for the jobs of the datasets room: by hand, and when they are due.

Nothing here does the work, so that a process which only asks loads no library for it.
"""
