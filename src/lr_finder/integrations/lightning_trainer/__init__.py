"""What both packages share as which Lightning is published; neither is imported here."""
