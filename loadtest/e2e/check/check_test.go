package check

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"parquay/loadtest/e2e/ledger"
)

// find returns the file and the position of an event's row.
func (b *bucket) find(key string) (name string, i int) {
	for name, rows := range b.rows {
		for i, row := range rows {
			if row.key(strings.SplitN(name, "/", 2)[0]) == key {
				return name, i
			}
		}
	}
	panic("no row has the key " + key)
}

// take removes an event's row and returns it.
func (b *bucket) take(key string) (name string, row Found) {
	name, i := b.find(key)
	row = b.rows[name][i]
	b.rows[name] = slices.Delete(b.rows[name], i, i+1)
	return name, row
}

func (b *bucket) rename(from, to string) {
	b.rows[to] = b.rows[from]
	delete(b.rows, from)
}

// first returns a key of list whose event has been filed under a table, by a time
// of its own.
func (b *bucket) first(table string, list []string) string {
	for _, key := range list {
		name, i := b.find(key)
		own := table == rejected || b.rows[name][i].Row[eventTime] != fmt.Sprint(b.rows[name][i].Received)
		if strings.HasPrefix(name, table+"/") && own {
			return key
		}
	}
	panic("no event in " + table)
}

// TestCheckerFails breaks a good bucket in every way that counts, and expects the
// checker to find it.
func TestCheckerFails(t *testing.T) {
	once, again, broken := choose()
	otherHour := "dt=2001-01-01/hour=01"
	for _, c := range []struct {
		name   string
		spoil  func(b *bucket, key string)
		table  string // whose row is spoilt; events by default
		resent bool   // an event whose first attempt got no answer
		want   string // "" is a bucket without fault
	}{
		{name: "untouched", spoil: func(*bucket, string) {}},
		{name: "lost", want: "is in no file", spoil: func(b *bucket, key string) { b.take(key) }},
		{name: "rejected lost", table: rejected, want: "is in no file", spoil: func(b *bucket, key string) { b.take(key) }},
		{name: "doubled", want: "is there 2 times, and may be there 1 times", spoil: func(b *bucket, key string) {
			name, i := b.find(key)
			row := b.rows[name][i]
			row.Received++
			b.rows[name] = append(b.rows[name], row)
		}},
		{name: "doubled in another file", want: "twice although it was received once", spoil: func(b *bucket, key string) {
			name, i := b.find(key)
			b.rows[strings.Replace(name, "7f3a9c", "aaaaaa", 1)] = []Found{b.rows[name][i]}
		}},
		{name: "rejected doubled", table: rejected, want: "is there 2 times", spoil: func(b *bucket, key string) {
			name, i := b.find(key)
			b.rows[name] = append(b.rows[name], b.rows[name][i])
		}},
		{name: "resent and there twice", resent: true, spoil: func(b *bucket, key string) {
			name, i := b.find(key)
			row := b.rows[name][i]
			row.Received++
			b.rows[name] = append(b.rows[name], row)
		}},
		{name: "resent and doubled by the gateway", resent: true, want: "twice although it was received once", spoil: func(b *bucket, key string) {
			name, i := b.find(key)
			b.rows[name] = append(b.rows[name], b.rows[name][i])
		}},
		{name: "altered string", want: `+ type="message.altered"`, spoil: func(b *bucket, key string) {
			b.alter(key, "type", "message.altered")
		}},
		{name: "lost column", want: `- type=`, spoil: func(b *bucket, key string) {
			name, i := b.find(key)
			delete(b.rows[name][i].Row, "type")
		}},
		{name: "altered id", want: `+ id="another"`, spoil: func(b *bucket, key string) { b.alter(key, "id", "another") }},
		{name: "altered price", want: `+ price="1.000001"`, spoil: func(b *bucket, key string) { b.alter(key, "price", "1.000001") }},
		{name: "altered attributes", want: `+ attributes=`, spoil: func(b *bucket, key string) {
			b.alter(key, "attributes", ledger.Strings([]string{"a", "b"}))
		}},
		{name: "invented field", want: `+ _extra=`, spoil: func(b *bucket, key string) { b.alter(key, extra, `{"new":1}`) }},
		{name: "altered reason", table: rejected, want: `+ code="other"`, spoil: func(b *bucket, key string) { b.alter(key, "code", "other") }},
		{name: "altered raw", table: rejected, want: `+ raw=`, spoil: func(b *bucket, key string) {
			b.alter(key, "raw", `{"message_id":"`+key+`"}`)
		}},
		{name: "no reason", table: rejected, want: "without a message", spoil: func(b *bucket, key string) { b.alter(key, "message", "") }},
		{name: "received before it was sent", want: "was received at", spoil: func(b *bucket, key string) {
			name, i := b.find(key)
			b.rows[name][i].Received -= 2e6
		}},
		{name: "never sent", want: "is of no event in the tenant's ledger", spoil: func(b *bucket, key string) {
			name, row := b.take(key)
			row.Row["message_id"] = "e2e-00000007-0-999999-0."
			b.rows[name] = append(b.rows[name], row)
		}},
		{name: "of a refused body", want: "may be there 0 times", spoil: func(b *bucket, _ string) { b.addRefused() }},
		{name: "another hour", want: "is in the hour", spoil: func(b *bucket, key string) {
			name, row := b.take(key)
			k, _ := parseKey(name)
			b.rows[strings.Replace(name, hourText(k.hour), otherHour, 1)] = []Found{row}
		}},
		{name: "time altered to fit another hour", want: "belongs into the hour", spoil: func(b *bucket, key string) {
			name, row := b.take(key)
			k, _ := parseKey(name)
			row.Row[eventTime] = "978310800000000"
			b.rows[strings.Replace(name, hourText(k.hour), otherHour, 1)] = []Found{row}
		}},
		{name: "another tenant", want: "belongs to a tenant that has sent nothing", spoil: func(b *bucket, key string) {
			name, row := b.take(key)
			b.rows[strings.Replace(name, "tenant=default", "tenant=other", 1)] = []Found{row}
		}},
		{name: "another table", want: "belongs into the table events", spoil: func(b *bucket, key string) {
			name, row := b.take(key)
			b.rows[strings.Replace(name, "events/", "others/", 1)] = []Found{row}
		}},
		{name: "file of no hour", want: "is not named", spoil: func(b *bucket, key string) {
			name, _ := b.find(key)
			b.rename(name, strings.Replace(name, "hour=", "hour=x", 1))
		}},
		{name: "file of another name", want: "is not named", spoil: func(b *bucket, key string) {
			name, _ := b.find(key)
			b.rename(name, name+".tmp")
		}},
		{name: "metadata of another window", want: "parquay.window", spoil: func(b *bucket, key string) { b.describe(key, "parquay.window", "43") }},
		{name: "metadata of another tenant", want: "parquay.tenant", spoil: func(b *bucket, key string) { b.describe(key, "parquay.tenant", "other") }},
		{name: "metadata of another hour", want: "parquay.hour", spoil: func(b *bucket, key string) {
			b.describe(key, "parquay.hour", "2001-01-01T01:00:00Z")
		}},
		{name: "wrong number of rows", want: "parquay.rows", spoil: func(b *bucket, key string) { b.describe(key, "parquay.rows", "1000") }},
		{name: "wrong first time", want: "parquay.min_time", spoil: func(b *bucket, key string) { b.describe(key, "parquay.min_time", "") }},
		{name: "not sorted", want: "not in order", spoil: func(b *bucket, key string) {
			name, _ := b.find(key)
			b.describe(key, "order", "as it is")
			slices.SortFunc(b.rows[name], func(x, y Found) int { return strings.Compare(y.Row[eventTime], x.Row[eventTime]) })
		}},
		{name: "an id made twice", want: "was made twice", spoil: func(b *bucket, _ string) { b.repeatMadeID() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBucket(t, once, again, broken)
			list := keys(once)
			if c.resent {
				list = keys(again)
			}
			table := c.table
			if table == "" {
				table = "events"
			}
			c.spoil(b, b.first(table, list))
			root := t.TempDir()
			b.write(t, root)
			report, err := Bucket(root, map[string]string{"default": b.ledgerFile})
			if err != nil {
				t.Fatal(err)
			}
			if c.want == "" && report.Failed > 0 {
				t.Errorf("a bucket without fault fails: %s", report)
			}
			if !strings.Contains(report.String(), c.want) {
				t.Errorf("no failure says %q: %s", c.want, report)
			}
		})
	}
}

func (b *bucket) alter(key, column, value string) {
	name, i := b.find(key)
	b.rows[name][i].Row = maps.Clone(b.rows[name][i].Row)
	b.rows[name][i].Row[column] = value
}

func (b *bucket) describe(key, name, value string) {
	file, _ := b.find(key)
	if b.meta[file] == nil {
		b.meta[file] = map[string]string{}
	}
	b.meta[file][name] = value
}

// addRefused files the rows of a body that was answered with 400.
func (b *bucket) addRefused() {
	accounts, err := ledger.Read(b.ledgerFile)
	if err != nil {
		panic(err)
	}
	for _, a := range accounts {
		if a.Copies == 0 {
			body := ledger.NewBody(a.Name, a.Made)
			b.add(&body)
			return
		}
	}
}

// repeatMadeID gives two events the same id of the gateway's.
func (b *bucket) repeatMadeID() {
	first := ""
	for _, rows := range b.rows {
		for _, row := range rows {
			if !uuid7.MatchString(row.Row["id"]) {
				continue
			}
			if first == "" {
				first = row.Row["id"]
			}
			row.Row["id"] = first
		}
	}
}
