"""Everything that knows a vendor, one folder for each; they do not know each other."""
