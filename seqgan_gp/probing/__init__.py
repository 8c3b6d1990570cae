"""Probes of a trained critic: what it accepts, what its layers know, where it looks, and the shape of its scores."""
