"""The text of documents: a file for each format, and the child process that they run in. Not what is done with the text."""
