"""The public page on which anybody opts a number out of a business's texts, without a log-in (US-04, CA-01, AU-01)."""
