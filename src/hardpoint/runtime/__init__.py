"""The only place that schedules: clocks, timers and the runtimes."""
