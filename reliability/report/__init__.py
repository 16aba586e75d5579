"""Make something to look at: run notebooks, render blocks and pages, speak two languages."""
