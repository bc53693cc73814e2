"""The compiled data plane. Import from here; never from the modules beneath."""
