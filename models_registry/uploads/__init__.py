"""Models that were made elsewhere: looked at, tried in a process of their own, bound to a signature.

Pure: no Django, and nothing heavy at import, so that the process in which a file is tried starts quickly.
"""
