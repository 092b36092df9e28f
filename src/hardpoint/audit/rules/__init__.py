"""The rules, a module for each subject. `registry` puts them together."""
