"""What the pages of `docs/` show: curves, measurements, figures, tables and the output of tutorials."""
