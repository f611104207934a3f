"""The quality of retrieval over real public documents: a corpus, questions with page truth, and what measures them."""
