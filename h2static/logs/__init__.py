"""What the server writes about its work: access log, error log, frame log, console."""
