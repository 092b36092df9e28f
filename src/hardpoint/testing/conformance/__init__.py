"""What every driver of a port must do: suites to inherit from, the same for every provider."""
