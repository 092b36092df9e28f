"""The vault: what it costs, and nine ordinary moments in which a grant can be lost.

python -m bench.vault                  # both, on stdout
python -m bench.vault --check          # exit with 1 when a target is missed
python -m bench.vault --write FILE     # the nine cases as a Markdown page
"""
