"""`fireside admin`: people, groups, the policy and the audit log, of a running server or of a stopped one's database."""
