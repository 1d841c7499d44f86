"""Tests of the whole repository, one folder per package under test."""
