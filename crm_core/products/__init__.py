"""Products, price books and prices."""
