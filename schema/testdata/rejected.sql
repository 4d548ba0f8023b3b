CREATE EXTERNAL TABLE IF NOT EXISTS `analytics`.`refused` (
  `table` string COMMENT 'The table that the event was sent to.',
  `code` string COMMENT 'The reason, one of a closed set.',
  `field` string COMMENT 'The field at fault, where there is one.',
  `message` string COMMENT 'The reason in words.',
  `raw` string COMMENT 'The event as it was sent; base64: and its standard base64 where that is not valid UTF-8.',
  `received_at` timestamp COMMENT 'When the gateway received the event.'
)
PARTITIONED BY (tenant string, dt string, hour string)
STORED AS PARQUET
LOCATION 's3://bucket/rejected/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.tenant.type' = 'enum',
  'projection.tenant.values' = 'acme,globex',
  'projection.dt.type' = 'date',
  'projection.dt.format' = 'yyyy-MM-dd',
  'projection.dt.range' = '2026-11-01,NOW+1DAY',
  'projection.hour.type' = 'integer',
  'projection.hour.range' = '0,23',
  'projection.hour.digits' = '2',
  'storage.location.template' = 's3://bucket/rejected/tenant=${tenant}/dt=${dt}/hour=${hour}'
);
