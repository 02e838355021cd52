"""Enhancement measured on real speech that no training heard, beside what users pick otherwise."""
