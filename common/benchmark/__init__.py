"""Methods measured on rows of cases: what is run, the loop that goes on, the table, the command."""
