"""The version of the package, which its metadata and the command line take from here."""

__version__ = "0.2.0.dev0"
