-- Events of NDJSON into Parquet by hour, as a bounded job: its documentation has "batch" for input that ends, where it
-- needs no checkpoints. As a stream with a checkpoint every 10 s the same rows take as much CPU and become eight files.
SET 'execution.runtime-mode' = 'batch';
SET 'table.dml-sync' = 'true';
-- Rows are not copied between the steps of a chain.
SET 'pipeline.object-reuse' = 'true';
-- One task a core from the beginning; else their number is guessed from the size of the input, and is one here.
SET 'parallelism.default' = '${CORES}';
SET 'execution.batch.adaptive.auto-parallelism.enabled' = 'false';
SET 'table.local-time-zone' = 'UTC';

CREATE TABLE source (
  `id` STRING, `type` STRING, `time` TIMESTAMP_LTZ(3), `message_id` STRING, `conversation_id` STRING, `channel` STRING,
  `direction` STRING, `sender` STRING, `recipient` STRING, `country` STRING, `provider` STRING, `template_id` STRING,
  `campaign_id` STRING, `error_code` STRING, `error_reason` STRING, `content_type` STRING, `segments` INT,
  `price` DECIMAL(18, 6), `currency` STRING, `attributes` MAP<STRING, STRING>
) WITH ('connector' = 'filesystem', 'path' = '${SOURCE}', 'format' = 'json', 'json.timestamp-format.standard' = 'ISO-8601');

CREATE TABLE sink (
  `id` STRING, `type` STRING, `time` TIMESTAMP_LTZ(3), `message_id` STRING, `conversation_id` STRING, `channel` STRING,
  `direction` STRING, `sender` STRING, `recipient` STRING, `country` STRING, `provider` STRING, `template_id` STRING,
  `campaign_id` STRING, `error_code` STRING, `error_reason` STRING, `content_type` STRING, `segments` INT,
  `price` DECIMAL(18, 6), `currency` STRING, `attributes` MAP<STRING, STRING>, `received_at` TIMESTAMP_LTZ(3),
  `dt` STRING, `hour` STRING
) PARTITIONED BY (`dt`, `hour`) WITH ('connector' = 'filesystem', 'path' = '${TARGET}', 'format' = 'parquet', 'parquet.compression' = 'ZSTD');

INSERT INTO sink SELECT *, CURRENT_TIMESTAMP, DATE_FORMAT(`time`, 'yyyy-MM-dd'), DATE_FORMAT(`time`, 'HH') FROM source;
