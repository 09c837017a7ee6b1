"""Suites: functions that return rules. Running them lives in `expectations.checks`."""
