"""Bytes at rest, behind a seam: on a disk or in an S3-compatible store. Knows no files, names or accounts."""
