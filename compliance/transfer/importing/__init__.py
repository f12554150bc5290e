"""Lists in: opt-outs from a file."""

from compliance.transfer.importing.at_once import BATCH, ImportReport, import_opt_outs

__all__ = ["BATCH", "ImportReport", "import_opt_outs"]
