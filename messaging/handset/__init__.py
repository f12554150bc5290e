"""The handset simulator: a page that texts as a recipient and as the business, in demo businesses alone.

It has no rules of its own. A recipient's text comes in by the webhook door, a business's text goes through `sending`,
and what the page shows is read from the same rows as the admin's.
"""
