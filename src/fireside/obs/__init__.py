"""What the server says of itself: the log. Thin; decides nothing and knows no feature."""
