"""A key that stands in for PayPal's own; it opens nothing but the fake."""

STAND_IN_KEY = (
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDPuiYFtZnwbkdqdxEnltZZ9JOFRhTfznPLKa7oof856r"
    "ftqedsB5Nzni3m4Ht2A9qaCL8eAwfhqHKp5JtgvOO9Ip6uu1v2EQDSJ8vWoClKt0mkPSGMhRT/o3glRUvFoAzqr6lQYvkB"
    "SPMSqLXzAflUv6wvo96tbh/86r+0O9gqD0WZrOsUyNw6u6jOwr9+l2WiAs3I2/zXhsVYqYTKDlG1Etr6ICkFmvXiErh2pd"
    "kBByF5VIqc83kL6hT538uhGSpmevbDyA4AEJJyC68NCvetB9N1IpgMkpxegACw2ZaBXUcwAKibEJ2bZXUkUB0zV2IDJ2rT"
    "kR7okXPDgFEdc7NjAgMBAAECggEACzvQYZT+vwi1C6tmaJiDfWLjdXIi9TAs2pWlqVwADvREFRy6m1YqNwxHWYnV82hlnS"
    "3llAHASTJQXSKz9RPR/GulCY2v/UsnGwu0PiZJhV+1zPrSAno8oU8y/fpU4i+eczSjuJQETk77zOGwe/SlNLGW5g6mdK+U"
    "wvCOWc4LXx7SR+cDTpAkQXtjD2acpiDHA/DDWXhfiU4A3gGUbekcNakcycU21RGOa+1CQTHSBnngrG05R3rMjg937/2yNr"
    "sEsguK2hIbMttVVDd/+NFxDnQjaPXGBnP9h7O3JOT6NJlgvZjHfHgRD8U7yBf0mfmxlcqyqPQhN1qzMHd2JoWhFQKBgQD6"
    "p5WhvooNN4H7NlynD2xBAqL58s2WbVVVPZFuF8dBgoG2J/jze2UaSA9tiFOY3zJAsR2MA2ZBFwk8WpRR7zzDdE3wEOKkAP"
    "2mJeJQioZ1cqCVf66KVPeNiQpMOwoR7IMJKFNcOxB4Gi+sXF5I1P7jpHQzxOpcMROkHfnQ1GD6NwKBgQDUKDUH2opyrhD1"
    "7SA1P9BsEVXWrzpUCwyr+RCeC/AcsrTLMLQvcKLwn0XRFHplMIN5ezYpOcd7k0SZDK343QbIgH2YfVoGL/XP+qxDSrBi4y"
    "VREaV8J5ZXDSHnUK/cfliuzx5MXn3vakqbdNA0LSisDqvc7PVohmd9DM4rlVRKNQKBgCdd7LVTjLEYt7RxzEl8tZ7cQCaL"
    "iNiIYW+a1N16pJPYYHDwhDwRdEaVbL7iO2b2Hxlj9+UGn6e3a37sJwFbVqrH+Hms3Tuu4CeZKZtGtml50FjKjeoyABNdo5"
    "1nZGR+RfJJQBZrPGHwku46L6C2uzWbnZiH49sI5jHPd23h/T0vAoGAHRlqtKoQBUzEvMaKfWNEVh5GlMyyBmcBlPDzi4n9"
    "pCIK1DfY7wzW/IQMEnJpm0l9LwNsWVk4eEWpyghIMHM4g/XDxE+lMmYPpDgwuoYbDWU0cBsohI/1efkuJkkV5ftadJeqAz"
    "WOtnDwzMPH7vAmvPrCLeo+eti8hxVjjezMg+UCgYEAgy8TF+gaaFzK+BDYNpbArcg4ZgWi4mon9cAGtm0FsNt/MgBSMRRc"
    "cZ5CSJCQyNKUivn+tTlr7OcCwjv0nE6Ysgt+See1HY8ZeBHffcHE292VEJ2KwOoodIiDlfhq3mOWbNReQsa79BoJDlDiVX"
    "6VuMHEinBC1fdk0byakcqHtpI="
)
"""RSA of 2048 bits, PKCS #8 in base64. It is in everybody's hands: never name it in a live source.
"""
