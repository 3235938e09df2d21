"""What `taxiway size` and `taxiway export` do, without the command line."""
