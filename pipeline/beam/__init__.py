"""Beam engines: the local one, Flink and Spark, their job servers, and patches of Beam itself."""
