// Where a file says that its rows belong.

package prove

import (
	"errors"
	"regexp"
	"time"
)

// address is a file's name, taken apart.
type address struct {
	table, tenant string
	hour          int64 // since 1970
}

var addressPattern = regexp.MustCompile(`^([a-z][a-z0-9_]*)/tenant=([a-z0-9][a-z0-9_-]*)/dt=(\d{4}-\d\d-\d\d)/hour=(\d\d)/[^/]+\.parquet$`)

var errAddress = errors.New("it is not named <table>/tenant=<tenant>/dt=<date>/hour=<hour>/<name>.parquet")

func parseAddress(key string) (address, error) {
	m := addressPattern.FindStringSubmatch(key)
	if m == nil {
		return address{}, errAddress
	}
	hour, err := time.Parse("2006-01-02 15", m[3]+" "+m[4])
	if err != nil {
		return address{}, errAddress
	}
	return address{m[1], m[2], hour.Unix() / 3600}, nil
}

// microsPerHour is how many microseconds an hour has.
const microsPerHour = int64(time.Hour / time.Microsecond)

// hourOf is the hour of a time in microseconds.
func hourOf(micros int64) int64 {
	hour := micros / microsPerHour
	if micros%microsPerHour < 0 {
		hour--
	}
	return hour
}

func hourText(hour int64) string {
	return time.Unix(hour*3600, 0).UTC().Format("dt=2006-01-02/hour=15")
}
