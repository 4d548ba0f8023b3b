// A user's own events, in place of the built-in ones.

package scenario

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"os"
	"strings"
	"time"
)

// Sample is lines of NDJSON that are sent again and again, each time with another id
// and time. All of them must be valid for the table.
type Sample struct {
	Path  string `json:"path"`
	lines []line
}

// line is an event without its id and time.
type line struct {
	rest    []byte // `"type":"message.sent",…}`
	members []member
}

type member struct {
	name  string
	value json.RawMessage
}

// A sample is held in memory, and by each line's sum.
const (
	maxSampleLines = 1_000_000
	maxSampleLine  = 1 << 20
	maxSampleBytes = 256 << 20
)

// ReadSample reads a file of NDJSON.
func ReadSample(path string) (*Sample, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the sample: %w", err)
	}
	defer f.Close()
	s := &Sample{Path: path}
	if err := s.read(f); err != nil {
		return nil, fmt.Errorf("read the sample %s: %w", path, err)
	}
	return s, nil
}

func (s *Sample) read(from io.Reader) error {
	in := bufio.NewScanner(from)
	in.Buffer(nil, maxSampleLine)
	size := 0
	for number := 1; in.Scan(); number++ {
		text := bytes.TrimSpace(in.Bytes())
		if len(text) == 0 {
			continue
		}
		if size += len(text); size > maxSampleBytes || len(s.lines) == maxSampleLines {
			return fmt.Errorf("it has more than %d lines or %d bytes", maxSampleLines, maxSampleBytes)
		}
		l, err := parseLine(text)
		if err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
		s.lines = append(s.lines, l)
	}
	if err := in.Err(); err != nil {
		return err
	}
	if len(s.lines) == 0 {
		return errors.New("it has no events")
	}
	return nil
}

// parseLine takes an event apart.
func parseLine(text []byte) (l line, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		return l, fmt.Errorf("it is no JSON object (%v)", err)
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return l, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return l, err
		}
		if name == "id" || name == "time" {
			continue
		}
		l.members = append(l.members, member{name.(string), value})
		key, err := json.Marshal(name)
		if err != nil {
			return l, err
		}
		l.rest = append(append(append(append(l.rest, ','), key...), ':'), value...)
	}
	if _, err := d.Token(); err != nil {
		return l, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return l, errors.New("something follows the object")
	}
	l.rest = append(l.rest, '}')
	return l, nil
}

// line is which line an event is made of.
func (s *Sample) line(p *Plan, worker int, sequence int64) int {
	r := randomOf(p.Seed, uint64(worker), uint64(sequence), 's')
	return int(r.below(uint64(len(s.lines))))
}

func (s *Sample) append(to []byte, p *Plan, worker int, sequence int64, tenant int, at int64, c *clock) []byte {
	var id [IDLength]byte
	var t [timeLength]byte
	p.identify(worker, sequence, tenant, at).put(&id, p.Run)
	c.put(&t, at)
	to = append(to, `{"id":"`...)
	to = append(to, id[:]...)
	to = append(to, `","time":"`...)
	to = append(to, t[:]...)
	to = append(to, '"')
	return append(to, s.lines[s.line(p, worker, sequence)].rest...)
}

// Kind is what a column of a file holds.
type Kind struct {
	Type  Type
	Scale int // of a decimal
}

// Type is a kind of column, of those that a table may have.
type Type int

// The types of columns.
const (
	Text Type = iota
	Integer
	Float
	Boolean
	Time // in microseconds
	Decimal
	Map  // of texts
	List // of texts
)

// Kinds are the columns of a file by name, without those that a gateway adds.
type Kinds map[string]Kind

// Extra is the column for fields that no other column is for.
const Extra = "_extra"

// sums are the sums of all lines' rows, without id and time.
func (s *Sample) sums(sums Sums, kinds Kinds) ([]uint64, error) {
	list := make([]uint64, len(s.lines))
	for i, l := range s.lines {
		var extra []byte
		for _, m := range l.members {
			kind, known := kinds[m.name]
			if !known {
				key, err := json.Marshal(m.name)
				if err != nil {
					return nil, err
				}
				extra = append(append(append(append(extra, ','), key...), ':'), m.value...)
				continue
			}
			if string(m.value) == "null" {
				continue
			}
			n, err := kind.sum(sums, m.name, m.value)
			if err != nil {
				return nil, fmt.Errorf("line %d, field %s: %w", i+1, m.name, err)
			}
			list[i] += n
		}
		if extra == nil {
			continue
		}
		extra[0] = '{'
		text, err := Canonical(append(extra, '}'))
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		list[i] += sums.Bytes(sums.Column(Extra), text)
	}
	return list, nil
}

// Canonical writes a JSON text with sorted keys and without spaces; numbers stay as
// they are.
func Canonical(text []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, fmt.Errorf("it is no JSON: %w", err)
	}
	return json.Marshal(value)
}

// sum is the number of a field's value in a column of this kind.
func (k Kind) sum(s Sums, name string, value json.RawMessage) (uint64, error) {
	column := s.Column(name)
	switch k.Type {
	case Map:
		return sumMap(s, column, s.Column(ValuesOf(name)), value)
	case List:
		var texts []string
		err := json.Unmarshal(value, &texts)
		sum := uint64(0)
		for _, text := range texts {
			sum = s.Join(sum, s.Bytes(column, []byte(text)))
		}
		return sum, err
	case Text:
		var text string
		err := json.Unmarshal(value, &text)
		return s.Bytes(column, []byte(text)), err
	case Boolean:
		var b bool
		err := json.Unmarshal(value, &b)
		if b {
			return s.Integer(column, 1), err
		}
		return s.Integer(column, 0), err
	case Float:
		var f float64
		err := json.Unmarshal(value, &f)
		return s.Integer(column, int64(math.Float64bits(f))), err
	case Time:
		at, err := microseconds(value)
		return s.Integer(column, at), err
	default:
		n, err := k.units(strings.Trim(string(value), `"`))
		return s.Integer(column, n), err
	}
}

// sumMap sums the names and the values of an object in their order.
func sumMap(s Sums, names, values uint64, value json.RawMessage) (uint64, error) {
	d := json.NewDecoder(bytes.NewReader(value))
	if _, err := d.Token(); err != nil {
		return 0, err
	}
	var sumNames, sumValues uint64
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return 0, err
		}
		var text string
		if err := d.Decode(&text); err != nil {
			return 0, err
		}
		sumNames = s.Join(sumNames, s.Bytes(names, []byte(name.(string))))
		sumValues = s.Join(sumValues, s.Bytes(values, []byte(text)))
	}
	return sumNames + sumValues, nil
}

// units is a number in units of 10^-Scale, which is exact.
func (k Kind) units(text string) (int64, error) {
	n, ok := new(big.Rat).SetString(text)
	if !ok {
		return 0, fmt.Errorf("%s is no number", text)
	}
	n.Mul(n, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(k.Scale)), nil)))
	if !n.IsInt() || !n.Num().IsInt64() {
		return 0, fmt.Errorf("%s does not fit its column", text)
	}
	return n.Num().Int64(), nil
}

// microseconds is a time, in RFC 3339 or milliseconds.
func microseconds(value json.RawMessage) (int64, error) {
	var text string
	if json.Unmarshal(value, &text) != nil {
		n, err := Kind{}.units(string(value))
		return n * 1000, err
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	return at.UnixMicro(), err
}
