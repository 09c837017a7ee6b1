"""Tests of siyu.warehouse and the dbt project."""
