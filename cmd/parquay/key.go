// parquay key: make a tenant's key, and check the file that keys are in.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"parquay/server/tenants"
)

func keyNewCommand() command {
	return command{
		name:    "key new",
		args:    "TENANT [-expires WHEN]",
		summary: "make a key for a tenant",
		details: `
Prints a new key and, on the second line, what the file of tenants
(PARQUAY_TENANTS) needs to know of it: a tenant, ready to be pasted into
"tenants". For a tenant that is there already, paste the object in "keys" into
its own; it may have two, so that one can replace the other.

The key is printed this once and kept nowhere. The file has only the SHA-256 of
its secret.`,
		run: runKeyNew,
	}
}

func keyCheckCommand() command {
	return command{
		name:    "key check",
		args:    "FILE",
		summary: "check a file of tenants",
		details: `
Reads a file of tenants as serve does, and says what is wrong with it. If nothing
is, it counts tenants and keys, and names the keys that have expired or will
within 30 days.

Exit codes: 0 serve would take the file, 1 it would not.`,
		run: runKeyCheck,
	}
}

// tenantLine is a tenant of the file with one key.
type tenantLine struct {
	Name string    `json:"name"`
	Keys []keyLine `json:"keys"`
}

type keyLine struct {
	ID      string    `json:"id"`
	SHA256  string    `json:"sha256"`
	Expires time.Time `json:"expires,omitzero"`
}

func runKeyNew(_ context.Context, cmd command, args []string, c console) error {
	set := cmd.flags(c)
	when := set.String("expires", "", "when it stops working: a duration such as 90d or 12h, or a `date` such as 2027-01-31; unset is never")
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		args = append(args[1:len(args):len(args)], args[0]) // flags may stand on either side
	}
	if err := cmd.parse(set, args, 1, 1); err != nil {
		return err
	}
	name := set.Arg(0)
	if !tenants.ValidName(name) {
		return usageError{fmt.Errorf("%s: %q can't be a tenant's name: it matches ^[a-z0-9][a-z0-9_-]{0,62}$", cmd.name, name)}
	}
	expires, err := expiry(*when, time.Now())
	if err != nil {
		return usageError{fmt.Errorf("%s: -expires: %w", cmd.name, err)}
	}
	key, id, hash := tenants.NewKey()
	line, err := json.Marshal(tenantLine{name, []keyLine{{id, hash, expires}}})
	if err != nil {
		return fmt.Errorf("write the line for the file: %w", err)
	}
	_, err = fmt.Fprintf(c.out, "%s\n%s\n", key, line)
	return err
}

// expiry reads what -expires says: so many days, a duration, a date or a time.
func expiry(when string, now time.Time) (time.Time, error) {
	if when == "" {
		return time.Time{}, nil
	}
	var at time.Time
	if days, err := strconv.Atoi(strings.TrimSuffix(when, "d")); err == nil && strings.HasSuffix(when, "d") {
		at = now.AddDate(0, 0, days)
	} else if d, err := time.ParseDuration(when); err == nil {
		at = now.Add(d)
	} else if t, err := time.Parse(time.DateOnly, when); err == nil {
		at = t
	} else if t, err := time.Parse(time.RFC3339, when); err == nil {
		at = t
	} else {
		return at, fmt.Errorf("%q is neither a duration such as 90d or 12h, nor a date such as 2027-01-31", when)
	}
	at = at.UTC().Truncate(time.Second)
	switch {
	case !at.After(now):
		return at, errors.New("the key would never work")
	case at.Year() > 9999:
		return at, errors.New("the year has more than 4 digits")
	}
	return at, nil
}

// soon is how long before its end a key is worth a line.
const soon = 30 * 24 * time.Hour

func runKeyCheck(_ context.Context, cmd command, args []string, c console) error {
	set := cmd.flags(c)
	if err := cmd.parse(set, args, 1, 1); err != nil {
		return err
	}
	list, err := tenants.ReadFile(set.Arg(0))
	if err != nil {
		return err
	}
	return summarize(c.out, list, time.Now())
}

// summarize counts what a file has, and names the keys that need a successor.
func summarize(w io.Writer, list []*tenants.Tenant, now time.Time) error {
	var lines strings.Builder
	keys, expired, expiring := 0, 0, 0
	for _, t := range list {
		for _, k := range t.Keys() {
			keys++
			switch {
			case k.Expired(now):
				expired++
				fmt.Fprintf(&lines, "%s: key %s expired at %s\n", t.Name(), k.ID, k.Expires.Format(time.RFC3339))
			case k.Expired(now.Add(soon)):
				expiring++
				fmt.Fprintf(&lines, "%s: key %s expires at %s\n", t.Name(), k.ID, k.Expires.Format(time.RFC3339))
			}
		}
	}
	_, err := fmt.Fprintf(w, "tenants: %d\nkeys: %d, %d expired, %d expiring within 30 days\n%s", len(list), keys, expired, expiring, lines.String())
	return err
}
