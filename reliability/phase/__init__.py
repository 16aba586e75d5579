"""The phase at work: measure it, raise its floor, record it, write its document.

Commands and what only they need; verdicts belong to `reliability.judge`, pages to `reliability.report`.
"""
