package check

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"parquay/loadtest/e2e/ledger"
)

// Report is what a check found.
type Report struct {
	Files, Rows  int
	Acknowledged int      // events that had to be there
	Repeated     int      // rows of events that were sent again because no answer came
	Missing      int      // events that had to be there and are not; each is a disagreement
	Failed       int      // disagreements
	Failures     []string // the first of them, each with its address
}

// keptFailures is enough to see a pattern.
const keptFailures = 30

func (r *Report) fail(address, format string, args ...any) {
	r.Failed++
	if len(r.Failures) < keptFailures {
		r.Failures = append(r.Failures, address+": "+fmt.Sprintf(format, args...))
	}
}

// String is the report as a test prints it.
func (r *Report) String() string {
	s := fmt.Sprintf("%d files, %d rows, %d events acknowledged, %d rows of repeated bodies, %d failures",
		r.Files, r.Rows, r.Acknowledged, r.Repeated, r.Failed)
	return strings.Join(append([]string{s}, r.Failures...), "\n")
}

// checker compares the rows of many files with a ledger.
type checker struct {
	Report
	root     string
	accounts map[string]map[string]*ledger.Account // by tenant, then by key
	seen     map[*ledger.Account][]sighting
	made     map[string]string // ids made by the gateway, and where
}

// sighting is a row of an event.
type sighting struct {
	address  string
	received int64
}

// Bucket reads every file below root and compares it with the ledger of the tenant
// whose it is: every event that was acknowledged must be there, as often as it may
// be, whole, and under its tenant, table and hour; and nothing else may be there.
// ledgers are files by tenant.
func Bucket(root string, ledgers map[string]string) (*Report, error) {
	c := &checker{
		root: root, accounts: map[string]map[string]*ledger.Account{},
		seen: map[*ledger.Account][]sighting{}, made: map[string]string{},
	}
	for tenant, name := range ledgers {
		accounts, err := ledger.Read(name)
		if err != nil {
			return nil, err
		}
		c.accounts[tenant] = accounts
	}
	files, err := Files(root)
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		c.file(name)
	}
	for _, accounts := range c.accounts {
		for _, a := range accounts {
			c.account(a)
		}
	}
	return &c.Report, nil
}

// Files lists all objects below root, but for those still being written (.tmp).
func Files(root string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		switch {
		case os.IsNotExist(err) && path == root:
			return nil
		case err != nil:
			return err
		case e.IsDir() && path != root && strings.HasPrefix(e.Name(), "."):
			return filepath.SkipDir
		case e.IsDir():
			return nil
		}
		name, err := filepath.Rel(root, path)
		files = append(files, filepath.ToSlash(name))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", root, err)
	}
	return files, nil
}

// file checks one file, its name and metadata and every row.
func (c *checker) file(name string) {
	c.Files++
	k, err := parseKey(name)
	if err != nil {
		c.fail(name, "%v", err)
		return
	}
	if c.accounts[k.tenant] == nil {
		c.fail(name, "belongs to a tenant that has sent nothing")
	}
	path := filepath.Join(c.root, filepath.FromSlash(name))
	_, metadata, err := Describe(path)
	if err != nil {
		c.fail(name, "%v", err)
		return
	}
	for _, d := range k.disagreements(metadata) {
		c.fail(name, "%s", d)
	}
	var s span
	err = Rows(path, func(row Found) error {
		c.Rows++
		address := fmt.Sprintf("%s row %d", name, row.Number)
		filed, err := row.filed()
		if err != nil {
			c.fail(address, "%v", err)
			return nil
		}
		if !s.add(row.Group, filed) {
			c.fail(address, "its row group is not in order of time")
		}
		if hour := floorHour(filed); hour != k.hour {
			c.fail(address, "%s is in the hour %s", micros(filed), hourText(hour))
		}
		c.row(address, k, row)
		return nil
	})
	if err != nil {
		c.fail(name, "%v", err)
		return
	}
	for _, d := range s.disagreements(metadata) {
		c.fail(name, "%s", d)
	}
}

// row compares a row with the event that it must be.
func (c *checker) row(address string, k key, found Found) {
	id := found.key(k.table)
	a := c.accounts[k.tenant][id]
	if a == nil {
		c.fail(address, "is of no event in the tenant's ledger (key %q):\n%s", id, strings.Join(found.Lines(), "\n"))
		return
	}
	if a.Table != k.table {
		c.fail(address, "event %s belongs into the table %s", id, a.Table)
		return
	}
	if a.Hour != ledger.Received && a.Hour != k.hour {
		c.fail(address, "event %s belongs into the hour %s", id, hourText(a.Hour))
	}
	received := time.UnixMicro(found.Received)
	if received.Before(a.First.Add(-clockSlack)) || (!a.Acked.IsZero() && received.After(a.Acked.Add(clockSlack))) {
		c.fail(address, "event %s was received at %v, but sent at %v and acknowledged at %v", id, received.UTC(), a.First.UTC(), a.Acked.UTC())
	}
	c.content(address, a, found)
	for _, other := range c.seen[a] {
		if other.received == found.Received {
			c.fail(address, "event %s is there twice although it was received once: also %s", id, other.address)
		}
	}
	c.seen[a] = append(c.seen[a], sighting{address, found.Received})
}

// clockSlack allows for a clock that is corrected while a test runs.
const clockSlack = time.Second

// uuid7 is what the gateway gives an event without an id.
var uuid7 = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// content compares the columns. Those that the gateway makes up are checked by
// their form and then given the text that the ledger has for them.
func (c *checker) content(address string, a *ledger.Account, found Found) {
	row := found.Row
	if id := row["id"]; uuid7.MatchString(id) {
		if other := c.made[id]; other != "" {
			c.fail(address, "the id %s was made twice: also %s", id, other)
		}
		c.made[id] = address
		row["id"] = ledger.MadeID
	}
	if a.Table != rejected && a.Hour == ledger.Received && row[eventTime] == strconv.FormatInt(found.Received, 10) {
		row[eventTime] = ledger.MadeTime
	}
	if a.Table == rejected {
		if row["message"] == "" {
			c.fail(address, "event %s is rejected without a message", a.Key)
		}
		delete(row, "message") // its words may change
	}
	if row.Hash() != a.Hash {
		want, text := a.Explain()
		c.fail(address, "event %s is not what was sent:\n%s\n(-sent +found); sent was:\n%q", a.Key, want.Diff(row), text)
	}
}

// rejected is the table of events that a schema refused.
const rejected = "rejected"

// key finds the key of the event that a row is of.
func (f Found) key(table string) string {
	if table == rejected {
		return ledger.RawKey(f.Row["raw"])
	}
	return f.Row["message_id"]
}

// filed is the time by which a row is filed.
func (f Found) filed() (int64, error) {
	if text, ok := f.Row[eventTime]; ok {
		return strconv.ParseInt(text, 10, 64)
	}
	if f.Received == 0 {
		return 0, fmt.Errorf("has no received_at")
	}
	return f.Received, nil
}

// account counts an event's rows.
func (c *checker) account(a *ledger.Account) {
	rows := len(c.seen[a])
	if !a.Acked.IsZero() {
		c.Acknowledged++
		if rows == 0 {
			c.Missing++
			c.fail("event "+a.Key, "was acknowledged at %v and is in no file", a.Acked.UTC())
		}
	}
	if rows > 1 {
		c.Repeated += rows - 1
	}
	if rows > a.Copies {
		var where []string
		for _, s := range c.seen[a] {
			where = append(where, s.address)
		}
		c.fail("event "+a.Key, "is there %d times, and may be there %d times: %s", rows, a.Copies, strings.Join(where, ", "))
	}
}

// span follows the times of a file's rows.
type span struct {
	rows, group       int
	least, most, last int64
}

// add takes the next row, and says whether it is not before the one before it.
func (s *span) add(group int, filed int64) bool {
	inOrder := s.rows == 0 || group != s.group || filed >= s.last
	if s.rows == 0 {
		s.least, s.most = filed, filed
	}
	s.least, s.most = min(s.least, filed), max(s.most, filed)
	s.rows, s.group, s.last = s.rows+1, group, filed
	return inOrder
}

func (s *span) disagreements(metadata map[string]string) []string {
	var list []string
	for _, want := range []struct{ name, value string }{
		{"parquay.rows", strconv.Itoa(s.rows)},
		{"parquay.min_time", micros(s.least)},
		{"parquay.max_time", micros(s.most)},
	} {
		if got := metadata[want.name]; got != want.value {
			list = append(list, fmt.Sprintf("%s is %q, and by its rows %q", want.name, got, want.value))
		}
	}
	return list
}

func micros(t int64) string { return time.UnixMicro(t).UTC().Format("2006-01-02T15:04:05.000000Z") }

func floorHour(t int64) int64 { return time.UnixMicro(t).UTC().Truncate(time.Hour).Unix() / 3600 }

func hourText(hour int64) string {
	return time.Unix(hour*3600, 0).UTC().Format("dt=2006-01-02/hour=15")
}
