"""Converts NDJSON to Parquet with DuckDB on one thread, and prints what it cost."""

import json
import os
import resource
import sys

import duckdb

source, target = sys.argv[1:]
columns = {name: "VARCHAR" for name in (
    "id type message_id conversation_id channel direction sender recipient country provider"
    " template_id campaign_id error_code error_reason content_type currency").split()}
columns |= {"time": "TIMESTAMPTZ", "segments": "INTEGER", "price": "DECIMAL(18,6)", "attributes": "MAP(VARCHAR, VARCHAR)"}

connection = duckdb.connect()
connection.execute("SET threads = 1")
connection.execute("SET enable_progress_bar = false")  # it goes to standard output
before = resource.getrusage(resource.RUSAGE_SELF)
connection.execute(
    "COPY (SELECT *, now() AS received_at FROM read_json(?, format = 'newline_delimited', columns = %s))"
    " TO '%s' (FORMAT parquet, COMPRESSION zstd)" % (columns, target.replace("'", "''")), [source])
after = resource.getrusage(resource.RUSAGE_SELF)
rows = connection.execute("SELECT count(*) FROM read_parquet(?)", [target]).fetchone()[0]
print(json.dumps({
    "version": duckdb.__version__,
    "rows": rows,
    "seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    "bytes": os.path.getsize(target),
}))
