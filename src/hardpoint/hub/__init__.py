"""The composition root: settings in, a working whole out."""
