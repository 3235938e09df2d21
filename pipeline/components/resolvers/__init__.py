"""Resolver strategies: the latest blessed model and the last accepted data."""
