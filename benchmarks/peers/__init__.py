"""Other SCIM servers on SQLite, each with the least code that its library asks for. They run in environments of their own."""
