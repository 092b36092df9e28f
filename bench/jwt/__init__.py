"""What verifying costs."""
