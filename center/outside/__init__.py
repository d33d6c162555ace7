"""What is known from outside: the platform's own online list, and what a person saw who opened drawn positions by hand.

Neither changes the computed rate; both stand beside it.
"""
