"""Numbers in, verdicts out; pure. Queries, files and clocks do not belong here."""
