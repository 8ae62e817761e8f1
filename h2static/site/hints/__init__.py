"""What a page needs next: push rules, page scans, and how they are delivered."""
