"""Benches: each prints ratios, side by side in one run."""
