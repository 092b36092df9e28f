"""What several processes on one SQLite file cost, and how fast one follows another."""
