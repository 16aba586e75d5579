"""The embedded sample: captures and a drill log that `reliability staging` recorded.

Data only; the documents of the two phases alone are written by hand.
"""
