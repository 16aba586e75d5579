"""The embedded sample: captures and a drill log that `reliability staging` recorded.

Data only; nothing here is written by hand but `samples.toml`.
"""
