CREATE EXTERNAL TABLE IF NOT EXISTS `events` (
  `id` string COMMENT 'Identifies the event: whoever repeats an event repeats its id. The gateway makes a UUIDv7 where it is absent.',
  `type` string COMMENT 'What happened, as a dotted lower-case name: message.enqueued, message.sent, message.delivered, message.read, message.failed, message.received, message.clicked, and any other.',
  `time` timestamp COMMENT 'When it happened: RFC 3339, or milliseconds since 1970-01-01T00:00:00Z. The time of receipt where it is absent.',
  `message_id` string COMMENT 'The message that it happened to.',
  `conversation_id` string COMMENT 'The conversation, thread or session that the message belongs to.',
  `channel` string COMMENT 'How the message travels: whatsapp, sms, rcs, email, voice, push, and any other.',
  `direction` string COMMENT 'inbound for a message to the business, outbound for one from it.',
  `sender` string COMMENT 'The address that sent the message, such as a phone number.',
  `recipient` string COMMENT 'The address that the message is for.',
  `country` string COMMENT 'The other party\'s country: ISO 3166-1 alpha-2.',
  `provider` string COMMENT 'Who carries the message.',
  `template_id` string COMMENT 'The template that the message was made from.',
  `campaign_id` string COMMENT 'The campaign that the message is part of.',
  `error_code` string COMMENT 'Why the message failed, in the provider\'s own codes.',
  `error_reason` string COMMENT 'Why the message failed, in words.',
  `content_type` string COMMENT 'What the message is: text, image, template, or a media type.',
  `segments` int COMMENT 'How many parts the message is billed as.',
  `price` decimal(18,6) COMMENT 'What the message costs, in units of the currency: exact, as a string or a number.',
  `currency` string COMMENT 'The price\'s currency: ISO 4217.',
  `attributes` map<string,string> COMMENT 'Whatever else the sender wants to find again: names and values.',
  `received_at` timestamp COMMENT 'When the gateway received the event.',
  `_extra` string COMMENT 'The fields that the schema does not name, as a JSON object.'
)
PARTITIONED BY (tenant string, dt string, hour string)
STORED AS PARQUET
LOCATION 's3://bucket/prefix/events/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.tenant.type' = 'injected',
  'projection.dt.type' = 'date',
  'projection.dt.format' = 'yyyy-MM-dd',
  'projection.dt.range' = '2024-01-01,NOW+1DAY',
  'projection.hour.type' = 'integer',
  'projection.hour.range' = '0,23',
  'projection.hour.digits' = '2',
  'storage.location.template' = 's3://bucket/prefix/events/tenant=${tenant}/dt=${dt}/hour=${hour}'
);
