"""What a run shows on the hub: its model card, and the command push."""
