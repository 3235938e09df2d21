"""Pusher with an executor that publishes consecutive versions."""
