"""What accepting a webhook costs."""
