"""What tests of applications and of hardpoint itself use."""

from hardpoint.testing.clock import ManualClock

__all__ = ["ManualClock"]
