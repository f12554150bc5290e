"""Lists in and out: opt-outs from a file, and the central list as a file; in the background where they are long."""

from compliance.transfer.exporting import FREE_TEXT, WRITERS, escape, export_opt_outs
from compliance.transfer.importing import BATCH, ImportReport, import_opt_outs

__all__ = ["BATCH", "FREE_TEXT", "WRITERS", "ImportReport", "escape", "export_opt_outs", "import_opt_outs"]
