// Package rows reads the Parquet files that anybody has made of generated events, with
// arrow-go, a reader that none of those who are compared here writes with. Each event's
// id tells its place in the plan, so that a lost, a doubled and a foreign row are told
// apart.
package rows
