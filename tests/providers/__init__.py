"""What every provider's file must hold, and what each holds on its own."""
