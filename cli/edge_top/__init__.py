"""`sluice edge top`: what edges do, live."""
