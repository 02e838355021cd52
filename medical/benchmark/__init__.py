"""Medical tasks measured on phantoms no training saw, beside what users pick otherwise."""
