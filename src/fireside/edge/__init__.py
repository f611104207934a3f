"""The one port: translates between the wire and the capabilities below. Decides nothing."""
