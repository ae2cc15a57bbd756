"""What the embedded model's films are worth, on scenes with people, combinations and voices it has never met.

Run it from the repository's folder with `python -m benchmarks.previz_quality`; see `__main__` for its options.
"""
