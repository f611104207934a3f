"""All SQL of the project: the database, its dialects and migrations, and one file of plain functions for each aggregate."""
