"""What the bridge decides, and nothing else: pure functions over frozen values.

Standard library only; no input or output, no clock, no randomness, no logging. The time is always an argument.
"""
