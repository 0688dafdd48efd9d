"""asv benchmarks, one file for each room.

What a class sets up is warm: kernels are compiled before anything is timed. What the first call
costs is measured apart, in fresh processes, by ``imports.py``.
"""
