"""Start with one's own service: write settings, check them, record a capture, begin a notebook.

Stands above the core, which never imports it. Judging and pages belong to the core.
"""
