"""Resolver strategies for the latest blessed model and the last accepted data."""
