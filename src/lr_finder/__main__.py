"""`python -m lr_finder` is `lr-find`."""

from lr_finder.cli import main

if __name__ == "__main__":
    main(prog_name="lr-find")
