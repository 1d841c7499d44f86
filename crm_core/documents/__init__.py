"""What quotes and sales orders have in common: lines, amounts, numbers, prices."""
