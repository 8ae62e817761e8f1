"""Every path on which the server refuses: each has its line in the error log."""
