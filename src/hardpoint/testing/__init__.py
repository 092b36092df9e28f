"""What tests of applications and of hardpoint itself use."""

from hardpoint.testing.clock import ManualClock
from hardpoint.testing.time import manual_time, no_delays

__all__ = ["ManualClock", "manual_time", "no_delays"]
