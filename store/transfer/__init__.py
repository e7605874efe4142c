"""Files in and out: archives of runs, import from other databases, redaction of secrets."""
