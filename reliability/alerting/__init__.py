"""Alerts for what the resilience components report to Prometheus. The core never imports this room."""
