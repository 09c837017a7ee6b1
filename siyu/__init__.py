"""What several parts of Siyu (私域) need: settings, business calendar, accounts, command line."""
