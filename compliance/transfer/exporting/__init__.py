"""Lists out: the central list as CSV, XLSX or JSON, for a person, by a schedule, or from the command line."""

from compliance.transfer.exporting.at_once import WRITERS, export_opt_outs
from compliance.transfer.exporting.columns import FREE_TEXT, escape

__all__ = ["FREE_TEXT", "WRITERS", "escape", "export_opt_outs"]
