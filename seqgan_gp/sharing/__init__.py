"""A run on the hub: its model card, and the command push."""
