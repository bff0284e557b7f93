"""Payments: money that providers took becomes credit, once, and goes when they give it back."""
