"""What protection costs per call, beside hand-written floors and beside other libraries.

    python -m bench.overhead              # everything, about two minutes
    python -m bench.overhead --quick      # our rows and their floors, about twenty seconds

The protected function is trivial and never suspends, so ratios are worst cases. A floor is the
least code that does the job by hand, fused into one function and without a library around it.
"""
