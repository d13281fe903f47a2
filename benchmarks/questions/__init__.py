"""Benchmarks of questions: a row asks, the agent answers once, tools may be called before it."""
