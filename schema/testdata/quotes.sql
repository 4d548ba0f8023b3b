CREATE EXTERNAL TABLE IF NOT EXISTS `odd``name` (
  `l` array<string> COMMENT 'It\'s a \\ path, in "lines" of `text`.',
  `n` double,
  `b` boolean,
  `i` bigint,
  `received_at` timestamp COMMENT 'When the gateway received the event.',
  `_extra` string COMMENT 'The fields that the schema does not name, as a JSON object.'
)
PARTITIONED BY (tenant string, dt string, hour string)
STORED AS PARQUET
LOCATION 's3://o\'brien/t/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.tenant.type' = 'injected',
  'projection.dt.type' = 'date',
  'projection.dt.format' = 'yyyy-MM-dd',
  'projection.dt.range' = '2024-01-01,NOW+1DAY',
  'projection.hour.type' = 'integer',
  'projection.hour.range' = '0,23',
  'projection.hour.digits' = '2',
  'storage.location.template' = 's3://o\'brien/t/tenant=${tenant}/dt=${dt}/hour=${hour}'
);
