"""Benches: what the judges decide over many simulated canaries, beside what others would decide.

Not collected by pytest; each module says how to run it. Measured tables come from here.
"""
