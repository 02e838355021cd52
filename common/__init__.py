"""What is true for every signal: processes, solvers, networks, training, files, commands."""
