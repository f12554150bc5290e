"""Lists of people to text: who may be, who may not, and why."""

from compliance.transfer.cleaning.running import start_cleaning, take_list
from compliance.transfer.cleaning.tables import Guess, columns_of_numbers, guess_columns, read_first_lines

__all__ = ["Guess", "columns_of_numbers", "guess_columns", "read_first_lines", "start_cleaning", "take_list"]
