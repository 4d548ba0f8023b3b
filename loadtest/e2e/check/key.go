package check

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// key is a file's name, taken apart. It is the checker's own reading of what the
// documentation says, so that a common mistake can't hide.
type key struct {
	table, tenant, incarnation string
	hour                       int64 // since 1970
	window, cut                string
}

var keyPattern = regexp.MustCompile(`^([a-z][a-z0-9_-]*)/tenant=([a-z0-9][a-z0-9_-]*)/dt=(\d{4}-\d\d-\d\d)/hour=(\d\d)/([a-z0-9]+)-(\d{12})-(\d{4})\.parquet$`)

func parseKey(name string) (key, error) {
	m := keyPattern.FindStringSubmatch(name)
	if m == nil {
		return key{}, fmt.Errorf("is not named <table>/tenant=<tenant>/dt=<date>/hour=<hour>/<incarnation>-<window>-<cut>.parquet")
	}
	hour, err := time.Parse("2006-01-02 15", m[3]+" "+m[4])
	if err != nil {
		return key{}, fmt.Errorf("is under no hour: %w", err)
	}
	return key{table: m[1], tenant: m[2], hour: hour.Unix() / 3600, incarnation: m[5], window: m[6], cut: m[7]}, nil
}

// disagreements says where a file's metadata is not what its name says.
func (k key) disagreements(metadata map[string]string) []string {
	number := func(padded string) string {
		n, _ := strconv.ParseUint(padded, 10, 64) // digits, by the pattern
		return strconv.FormatUint(n, 10)
	}
	var list []string
	for _, want := range []struct{ name, value string }{
		{"parquay.table", k.table},
		{"parquay.tenant", k.tenant},
		{"parquay.incarnation", k.incarnation},
		{"parquay.window", number(k.window)},
		{"parquay.cut", number(k.cut)},
		{"parquay.hour", time.Unix(k.hour*3600, 0).UTC().Format(time.RFC3339)},
	} {
		if got := metadata[want.name]; got != want.value {
			list = append(list, fmt.Sprintf("%s is %q, and by its name %q", want.name, got, want.value))
		}
	}
	return list
}
