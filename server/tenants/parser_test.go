package tenants

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// aHash is a well-formed SHA-256, which no error may repeat.
const aHash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

const wholeFile = `{"tenants": [
  {"name": "globex", "certificates": ["spiffe://globex/sender", "gw.globex.example"]},
  {"name": "acme",
   "keys": [{"id": "k1ab", "sha256": "` + aHash + `", "expires": "2027-01-01T00:00:00Z"}, {"id": "k2ab", "sha256": "` + aHash + `"}],
   "limits": {"events_per_second": 1000, "bytes_per_second": 1000000, "burst": "20s", "ring_bytes": "64MiB"},
   "tables": ["events", "clicks"]}
]}`

func TestParse(t *testing.T) {
	list, err := parse([]byte(wholeFile))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, tenant := range list {
		names = append(names, tenant.Name())
	}
	if d := cmp.Diff([]string{"acme", "globex"}, names); d != "" {
		t.Fatalf("names (-want +got):\n%s", d)
	}
	acme, globex := list[0], list[1]
	want := limits{events: 1000, bytes: 1_000_000, burst: 20 * time.Second, ringBytes: 64 << 20}
	if acme.limits != want || acme.Share() != 64<<20 {
		t.Errorf("limits %+v, want %+v", acme.limits, want)
	}
	keys := acme.Keys()
	if len(keys) != 2 || keys[0].ID != "k1ab" || !keys[0].Expires.Equal(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)) || !keys[1].Expires.IsZero() {
		t.Errorf("keys %+v", keys)
	}
	if fmt.Sprintf("%x", keys[0].hash) != aHash {
		t.Error("the hash is not the file's")
	}
	for table, want := range map[string]bool{"events": true, "clicks": true, "other": false, "": false} {
		if got := acme.MayPost(table); got != want {
			t.Errorf("acme may post to %q: %v", table, got)
		}
		if !globex.MayPost(table) {
			t.Errorf("globex may not post to %q", table)
		}
	}
	if globex.Share() != 0 || globex.limiter != nil || acme.limiter == nil {
		t.Error("limits that the file doesn't have, or has")
	}
}

// minimal is a file of one tenant with the given members.
func minimal(members string) string {
	return `{"tenants":[{"name":"acme","keys":[{"id":"k1ab","sha256":"` + aHash + `"}]` + members + `}]}`
}

func TestParseLeavesOutWhatMayBe(t *testing.T) {
	for _, text := range []string{
		minimal(``),
		minimal(`,"limits":{}`),
		minimal(`,"limits":{"events_per_second":1}`),
		minimal(`,"limits":{"ring_bytes":"1"}`),
		`{"tenants":[{"name":"0-_","certificates":["x"],"keys":[]}]}`,
		`{"tenants":[{"name":"` + strings.Repeat("a", 63) + `","certificates":["x"]}]}`,
	} {
		if _, err := parse([]byte(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	key := `{"id":"k1ab","sha256":"` + aHash + `"}`
	for _, test := range []struct{ name, text, want string }{
		{"nothing", ``, "it is empty"},
		{"spaces", " \n", "it is empty"},
		{"no tenants", `{}`, "it has no tenants"},
		{"empty list", `{"tenants":[]}`, "it has no tenants"},
		{"null", `null`, "line 1, column 1: a file of tenants is an object"},
		{"a list", `[]`, "a file of tenants is an object"},
		{"tenants an object", `{"tenants":{}}`, "tenants is an array"},
		{"tenants null", `{"tenants":null}`, "tenants is an array"},
		{"a tenant null", `{"tenants":[null]}`, "null is not a value here"},
		{"a tenant a number", `{"tenants":[1]}`, "wrong type"},
		{"half of it", wholeFile[:len(wholeFile)/2], "it ends in the middle"},
		{"all but the end", wholeFile[:len(wholeFile)-1], "it ends in the middle"},
		{"twice", wholeFile + wholeFile, "line 7, column 3: something stands after the end"},
		{"trailing byte", wholeFile + "\n,", "line 8, column 1: something stands after the end"},
		{"unknown at the top", `{"tenants":[],"version":1}`, `unknown member "version"`},
		{"other case at the top", `{"Tenants":[]}`, `unknown member "Tenants"`},
		{"unknown in a tenant", minimal(`,"quota":1`), `unknown member "quota"`},
		{"other case in a tenant", minimal(`,"Limits":{}`), `unknown member "Limits"`},
		{"unknown in limits", minimal(`,"limits":{"events":1}`), `unknown member "events"`},
		{"unknown in a key", `{"tenants":[{"name":"a","keys":[{"secret":"x"}]}]}`, `unknown member "secret"`},
		{"duplicate at the top", `{"tenants":[],"tenants":[]}`, `duplicate member "tenants"`},
		{"duplicate in a tenant", minimal(`,"name":"b"`), `duplicate member "name"`},
		{"duplicate in limits", minimal(`,"limits":{"burst":"1s","burst":"1s"}`), `duplicate member "burst"`},
		{"null limits", minimal(`,"limits":null`), `the member "limits": null is not a value here`},
		{"null expires", `{"tenants":[{"name":"a","keys":[{"id":"k1ab","sha256":"` + aHash + `","expires":null}]}]}`, `"expires": null`},
		{"not UTF-8", minimal(",\"tables\":[\"\xff\"]"), "invalid UTF-8"},
		{"a comment", "// tenants\n{}", "line 1, column 1: invalid character"},
		{"name missing", `{"tenants":[{"keys":[` + key + `]}]}`, "line 1, column 13: the name does not match"},
		{"name with capitals", `{"tenants":[{"name":"Acme","keys":[` + key + `]}]}`, "the name does not match"},
		{"name as a path", `{"tenants":[{"name":"../b","keys":[` + key + `]}]}`, "the name does not match"},
		{"name with a leading dash", `{"tenants":[{"name":"-a","keys":[` + key + `]}]}`, "the name does not match"},
		{"name too long", `{"tenants":[{"name":"` + strings.Repeat("a", 64) + `","keys":[` + key + `]}]}`, "the name does not match"},
		{"name taken", `{"tenants":[{"name":"a","certificates":["x"]},{"name":"a","certificates":["y"]}]}`, "tenant a: the name is taken"},
		{"no credential", `{"tenants":[{"name":"a"}]}`, "tenant a: there is neither a key nor a certificate"},
		{"three keys", `{"tenants":[{"name":"a","keys":[` + key + `,` + strings.Replace(key, "k1", "k2", 1) + `,` + strings.Replace(key, "k1", "k3", 1) + `]}]}`, "keys: 3 of them; at most 2"},
		{"id taken within", `{"tenants":[{"name":"a","keys":[` + key + `,` + key + `]}]}`, "tenant a: keys[1]: the id is another key's too"},
		{"id taken across", `{"tenants":[{"name":"a","keys":[` + key + `]},{"name":"b","keys":[` + key + `]}]}`, "tenant b: keys[0]: the id is another key's too"},
		{"id short", strings.Replace(minimal(``), "k1ab", "abc", 1), "keys[0]: the id is not"},
		{"id long", strings.Replace(minimal(``), "k1ab", strings.Repeat("a", 33), 1), "keys[0]: the id is not"},
		{"id with an underscore", strings.Replace(minimal(``), "k1ab", "k1_ab", 1), "keys[0]: the id is not"},
		{"hash short", strings.Replace(minimal(``), aHash, aHash[:62], 1), "keys[0]: sha256 is not 64"},
		{"hash long", strings.Replace(minimal(``), aHash, aHash+"00", 1), "keys[0]: sha256 is not 64"},
		{"hash odd", strings.Replace(minimal(``), aHash, aHash[:63], 1), "keys[0]: sha256 is not 64"},
		{"hash not hexadecimal", strings.Replace(minimal(``), aHash, aHash[:63]+"g", 1), "keys[0]: sha256 is not 64"},
		{"hash missing", `{"tenants":[{"name":"a","keys":[{"id":"k1ab"}]}]}`, "keys[0]: sha256 is not 64"},
		{"expires a date", strings.Replace(minimal(``), `"}`, `","expires":"2027-01-01"}`, 1), "keys[0]: expires is not a time"},
		{"expires in year 1", strings.Replace(minimal(``), `"}`, `","expires":"0001-01-01T00:00:00Z"}`, 1), "keys[0]: expires is not a time"},
		{"no events", minimal(`,"limits":{"events_per_second":0}`), "limits: events_per_second is not 1 to"},
		{"negative bytes", minimal(`,"limits":{"bytes_per_second":-1}`), "limits: bytes_per_second is not 1 to"},
		{"too many bytes", minimal(`,"limits":{"bytes_per_second":100000000001}`), "limits: bytes_per_second is not 1 to"},
		{"events as text", minimal(`,"limits":{"events_per_second":"1"}`), `the member "events_per_second" has the wrong type`},
		{"half an event", minimal(`,"limits":{"events_per_second":0.5}`), `the member "events_per_second" has the wrong type`},
		{"burst a number", minimal(`,"limits":{"bytes_per_second":1,"burst":10}`), `the member "burst" has the wrong type`},
		{"burst without a unit", minimal(`,"limits":{"bytes_per_second":1,"burst":"10"}`), "limits: burst is not"},
		{"burst of half a second", minimal(`,"limits":{"bytes_per_second":1,"burst":"1.5s"}`), "limits: burst is not"},
		{"burst zero", minimal(`,"limits":{"bytes_per_second":1,"burst":"0s"}`), "limits: burst is not"},
		{"burst too long", minimal(`,"limits":{"bytes_per_second":1,"burst":"61m"}`), "limits: burst is not"},
		{"burst alone", minimal(`,"limits":{"burst":"1s"}`), "limits: burst is of no use"},
		{"ring zero", minimal(`,"limits":{"ring_bytes":"0"}`), "limits: ring_bytes is not"},
		{"ring a number", minimal(`,"limits":{"ring_bytes":64}`), `the member "ring_bytes" has the wrong type`},
		{"ring of no unit known", minimal(`,"limits":{"ring_bytes":"64MB/s"}`), "limits: ring_bytes is not"},
		{"no tables", minimal(`,"tables":[]`), "tables: none; leave the member out"},
		{"a table's name", minimal(`,"tables":["events","Ev"]`), "tables[1]: is not the name of a table"},
		{"a table twice", minimal(`,"tables":["events","events"]`), "tables[1]: is there twice"},
		{"many tables", minimal(`,"tables":["a"` + strings.Repeat(`,"a"`, 256) + `]`), "tables: 257 of them; at most 256"},
		{"many certificates", minimal(`,"certificates":["a"` + strings.Repeat(`,"a"`, 16) + `]`), "certificates: 17 of them; at most 16"},
		{"empty certificate", minimal(`,"certificates":[""]`), "certificates[0]: is not a name"},
		{"certificate with a line feed", minimal(`,"certificates":["a\nb"]`), "certificates[0]: is not a name"},
		{"certificate twice", minimal(`,"certificates":["a","a"]`), "certificates[1]: is there twice"},
		{"certificate of another", `{"tenants":[{"name":"a","certificates":["x"]},{"name":"b","certificates":["x"]}]}`, "tenant b: certificates[0]: is an earlier tenant's"},
	} {
		t.Run(test.name, func(t *testing.T) {
			list, err := parse([]byte(test.text))
			if err == nil {
				t.Fatalf("taken: %d tenants", len(list))
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %q, want %q in it", err, test.want)
			}
			checkHarmless(t, err)
		})
	}
}

// checkHarmless fails if an error gives a hash away.
func checkHarmless(t *testing.T, err error) {
	t.Helper()
	if text := err.Error(); !utf8.ValidString(text) || strings.Contains(text, aHash) {
		t.Errorf("error %q is not UTF-8, or has a hash", text)
	}
}

// Whatever can be found at once is told at once, each with its place.
func TestParseTellsAll(t *testing.T) {
	_, err := parse([]byte(`{"tenants": [
  {"name": "Acme", "keys": [{"id": "x", "sha256": "y", "expires": "z"}],
   "limits": {"events_per_second": 0, "burst": "no", "ring_bytes": "much"}, "tables": ["T"]},
  {"name": "b", "quota": 1},
  {"name": "c"}
]}`))
	if err == nil {
		t.Fatal("taken")
	}
	want := []string{
		"read the tenants: line 2, column 3: the name does not match ^[a-z0-9][a-z0-9_-]{0,62}$",
		"line 2, column 3: limits: events_per_second is not 1 to 100000000000; leave it out for no limit",
		"line 2, column 3: limits: burst is not a whole number of seconds such as 10s or 1m, up to 1h",
		"line 2, column 3: limits: ring_bytes is not a size such as 64MiB",
		"line 2, column 3: keys[0]: the id is not 4 to 32 characters of a-z and 0-9",
		"line 2, column 3: keys[0]: sha256 is not 64 hexadecimal digits",
		"line 2, column 3: keys[0]: expires is not a time such as 2027-01-31T00:00:00Z",
		"line 2, column 3: tables[0]: is not the name of a table, ^[a-z][a-z0-9_]{0,62}$",
		`line 4, column 17: unknown member "quota"`,
		"line 5, column 3: tenant c: there is neither a key nor a certificate: nobody could post",
	}
	if d := cmp.Diff(want, strings.Split(err.Error(), "\n")); d != "" {
		t.Errorf("problems (-want +got):\n%s", d)
	}
}

func TestParseBoundsProblems(t *testing.T) {
	text := `{"tenants":[` + strings.Repeat(`{},`, 999) + `{}]}`
	_, err := parse([]byte(text))
	if err == nil || strings.Count(err.Error(), "\n") != maxProblems || !strings.HasSuffix(err.Error(), "problems more") {
		t.Errorf("error %v", err)
	}
}

func TestParseBounds(t *testing.T) {
	const tooMany = "more than 100000 tenants"
	list := strings.Repeat("0,", maxTenants)
	if _, err := parse([]byte(`{"tenants":[` + list + `0]}`)); err == nil || !strings.Contains(err.Error(), tooMany) {
		t.Errorf("one too many: %v", err)
	}
	if _, err := parse([]byte(`{"tenants":[` + list[:len(list)-1] + `]}`)); err == nil || strings.Contains(err.Error(), tooMany) {
		t.Errorf("as many as allowed: %v", err)
	}
	long := append([]byte(wholeFile), make([]byte, maxFile)...)
	if _, err := parse(long); err == nil || !strings.Contains(err.Error(), "more than 16777216 bytes") {
		t.Errorf("too long: %v", err)
	}
}
