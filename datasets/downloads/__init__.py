"""Rows as files that are made while they are sent: CSV and Parquet. Pure: no Django."""

from datasets.downloads.csv_file import csv_chunks, csv_table, neutralised
from datasets.downloads.parquet_file import parquet_chunks

__all__ = ["csv_chunks", "csv_table", "neutralised", "parquet_chunks"]
