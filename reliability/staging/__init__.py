"""The staging room: a small reservation service, its load, and recordings of both.

It exists so that the sample reports rest on real software and a real Prometheus. The
core never imports it; it needs the extra `reliability[staging]`.
"""
