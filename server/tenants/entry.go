// One tenant of the file, and the rules it keeps.

package tenants

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"parquay/server/bytesize"
)

// The bounds on a tenant.
const (
	maxKeys         = 2   // the one in use, and the one that replaces it
	maxCertificates = 16  // names of machines
	maxTables       = 256 // as many as there can be
	maxCertificate  = 255 // bytes of a name: what a DNS name may have

	// maxRate times maxBurst seconds is the longest number that a Structured Field
	// holds, 15 digits, and more than any machine takes.
	maxRate      = 100_000_000_000
	maxBurst     = time.Hour
	defaultBurst = 10 * time.Second
)

// entry is a tenant as the file has it. What is text in it is read by tenant, so
// that all of its problems are found.
type entry struct {
	Name         string      `json:"name"`
	Keys         []keyEntry  `json:"keys"`
	Limits       limitsEntry `json:"limits"`
	Tables       *[]string   `json:"tables"`
	Certificates []string    `json:"certificates"`
}

type keyEntry struct {
	ID      string  `json:"id"`
	SHA256  string  `json:"sha256"`
	Expires *string `json:"expires"`
}

type limitsEntry struct {
	Events    *int64  `json:"events_per_second"`
	Bytes     *int64  `json:"bytes_per_second"`
	Burst     *string `json:"burst"`
	RingBytes *string `json:"ring_bytes"`
}

// tenant checks the entry, also against those before it, and makes a Tenant of it.
func (e *entry) tenant(p *parser) (*Tenant, []error) {
	c := checks{}
	c.rule(ValidName(e.Name), "the name does not match ^[a-z0-9][a-z0-9_-]{0,62}$")
	c.rule(!p.names[e.Name], "the name is taken by an earlier tenant")
	p.names[e.Name] = true
	t := &Tenant{name: e.Name, limits: e.Limits.read(&c)}
	c.rule(len(e.Keys) <= maxKeys, "keys: %d of them; at most %d are allowed", len(e.Keys), maxKeys)
	c.rule(len(e.Keys)+len(e.Certificates) > 0, "there is neither a key nor a certificate: nobody could post")
	for i, k := range e.Keys[:min(len(e.Keys), maxKeys)] {
		t.keys = append(t.keys, k.read(&c, fmt.Sprintf("keys[%d]", i), p.ids))
	}
	if e.Tables != nil {
		t.tables = *e.Tables
		c.rule(len(t.tables) > 0, "tables: none; leave the member out to allow all of them")
		c.names("tables", t.tables, maxTables, validTable)
	}
	c.names("certificates", e.Certificates, maxCertificates, validCertificate)
	t.certificates = e.Certificates[:min(len(e.Certificates), maxCertificates)]
	for i, name := range t.certificates {
		taken := p.certificates[name] && !slices.Contains(t.certificates[:i], name) // the latter is told by names
		c.rule(!taken, "certificates[%d]: is an earlier tenant's", i)
		p.certificates[name] = true
	}
	t.policy = t.limits.policyField()
	t.limiter = newLimiter(t.limits, time.Now())
	return t, c.problems
}

func (k *keyEntry) read(c *checks, at string, ids map[string]bool) Key {
	key := Key{ID: k.ID}
	c.rule(validID(k.ID), "%s: the id is not 4 to 32 characters of a-z and 0-9", at)
	c.rule(!ids[k.ID], "%s: the id is another key's too", at)
	ids[k.ID] = true
	n, err := hex.Decode(key.hash[:], []byte(k.SHA256[:min(len(k.SHA256), 2*hashSize)]))
	c.rule(err == nil && n == hashSize && len(k.SHA256) == 2*hashSize, "%s: sha256 is not %d hexadecimal digits", at, 2*hashSize)
	if k.Expires != nil {
		key.Expires, err = time.Parse(time.RFC3339, *k.Expires)
		c.rule(err == nil && !key.Expires.IsZero(), "%s: expires is not a time such as 2027-01-31T00:00:00Z", at)
	}
	return key
}

func (l *limitsEntry) read(c *checks) limits {
	rate := func(name string, n *int64) int64 {
		if n == nil {
			return 0
		}
		c.rule(*n >= 1 && *n <= maxRate, "limits: %s is not 1 to %d; leave it out for no limit", name, int64(maxRate))
		return *n
	}
	read := limits{events: rate("events_per_second", l.Events), bytes: rate("bytes_per_second", l.Bytes), burst: defaultBurst}
	if l.Burst != nil {
		var err error
		read.burst, err = time.ParseDuration(*l.Burst)
		ok := err == nil && read.burst >= time.Second && read.burst <= maxBurst && read.burst%time.Second == 0
		c.rule(ok, "limits: burst is not a whole number of seconds such as 10s or 1m, up to 1h")
		c.rule(l.Events != nil || l.Bytes != nil, "limits: burst is of no use without events_per_second or bytes_per_second")
	}
	if l.RingBytes != nil {
		var size bytesize.Size
		err := size.UnmarshalText([]byte(*l.RingBytes))
		c.rule(err == nil && size > 0, "limits: ring_bytes is not a size such as 64MiB")
		read.ringBytes = int64(size)
	}
	return read
}

// checks collects what is wrong with an entry.
type checks struct{ problems []error }

func (c *checks) rule(ok bool, format string, args ...any) {
	if !ok {
		c.problems = append(c.problems, fmt.Errorf(format, args...))
	}
}

// names checks a list of names: not too many, each valid and none twice.
func (c *checks) names(member string, list []string, most int, valid func(string) error) {
	c.rule(len(list) <= most, "%s: %d of them; at most %d are allowed", member, len(list), most)
	for i, name := range list[:min(len(list), most)] {
		if err := valid(name); err != nil {
			c.rule(false, "%s[%d]: %w", member, i, err)
		} else {
			c.rule(!slices.Contains(list[:i], name), "%s[%d]: is there twice", member, i)
		}
	}
}

// ValidName reports whether a tenant can have that name. It becomes part of paths
// and of labels.
func ValidName(name string) bool {
	return wellFormed(name, "abcdefghijklmnopqrstuvwxyz0123456789", "_-")
}

func validTable(name string) error {
	if !wellFormed(name, "abcdefghijklmnopqrstuvwxyz", "0123456789_") {
		return errors.New("is not the name of a table, ^[a-z][a-z0-9_]{0,62}$")
	}
	return nil
}

func validCertificate(name string) error {
	printable := strings.IndexFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' }) < 0
	if name == "" || len(name) > maxCertificate || !printable || strings.TrimSpace(name) != name {
		return fmt.Errorf("is not a name of 1 to %d bytes", maxCertificate)
	}
	return nil
}

// wellFormed reports whether a text is 1 to 63 characters of first and further,
// the first of them one of first.
func wellFormed(text, first, further string) bool {
	return text != "" && len(text) <= 63 && strings.Contains(first, text[:1]) && strings.Trim(text, first+further) == ""
}
