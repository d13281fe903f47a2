"""What can go wrong in a ledger that its user can put right."""


class LedgerError(Exception):
    """The user must change something; the message says what, in one line."""
