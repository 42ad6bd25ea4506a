"""Tests of the product through nginx."""
