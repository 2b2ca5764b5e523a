"""What callers of the platform use: no part of it, and of it they know nothing but the wire's messages."""
