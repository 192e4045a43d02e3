"""SQL of users: what may be said, and the process in which it is carried out.

Pure: no Django, and nothing heavy at import, so that the process starts quickly.
"""
