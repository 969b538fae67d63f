"""What becomes of a rate in longer trainings, under schedules and with larger batches."""
