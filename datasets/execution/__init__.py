"""The long work of the datasets room: ingesting files, writing and measuring versions.

Each job is in a module of its own, which only the process that carries it out loads; :mod:`.asking` asks for them.
"""
