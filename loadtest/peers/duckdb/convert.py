"""Converts NDJSON to Parquet with DuckDB: convert.py SOURCE FOLDER THREADS.

As its pages "Parquet Tips" and "Tuning Workloads" advise: columns are declared, so that no pass looks for them; with
several threads each writes a file of its own, and rows may come in any order. Version 2 has the newer encodings, which are
smaller at the same cost. Row groups and the level of zstd are the default: level 1 is a tenth cheaper, and half larger.
"""

import os
import sys

import duckdb

source, folder, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
columns = {name: "VARCHAR" for name in (
    "id type message_id conversation_id channel direction sender recipient country provider"
    " template_id campaign_id error_code error_reason content_type currency").split()}
columns |= {"time": "TIMESTAMPTZ", "segments": "INTEGER", "price": "DECIMAL(18,6)", "attributes": "MAP(VARCHAR, VARCHAR)"}


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


connection = duckdb.connect()
connection.execute(f"SET threads = {threads}")
connection.execute("SET enable_progress_bar = false")
options = "FORMAT parquet, PARQUET_VERSION V2, COMPRESSION zstd"
target = os.path.join(folder, "events.parquet")
if threads > 1:
    connection.execute("SET preserve_insertion_order = false")
    options += ", PER_THREAD_OUTPUT"
    target = os.path.join(folder, "events")
# received_at is there because the gateways' rows have one.
connection.execute(
    f"COPY (SELECT *, now() AS received_at FROM read_json({quoted(source)}, format = 'newline_delimited', columns = {columns}))"
    f" TO {quoted(target)} ({options})")
