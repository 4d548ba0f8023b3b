// Receipts: the address of a request's rows, from the journal to the bucket.

package server

import (
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
)

// Receipt says which frame of which window, of which process, holds the batches of
// a request. As text it is <incarnation>.<window>.<frame>.
type Receipt struct {
	Incarnation string // 32 hexadecimal digits
	Window      uint64 // counted from 1 in each process
	Frame       uint64 // counted from 1 in each process
}

func (r Receipt) String() string { return string(r.append(make([]byte, 0, 64))) }

func (r Receipt) append(b []byte) []byte {
	b = append(b, r.Incarnation...)
	b = strconv.AppendUint(append(b, '.'), r.Window, 10)
	return strconv.AppendUint(append(b, '.'), r.Frame, 10)
}

// ParseReceipt reads what String returns, and nothing else.
func ParseReceipt(text string) (Receipt, error) {
	incarnation, rest, _ := strings.Cut(text, ".")
	window, frame, _ := strings.Cut(rest, ".")
	r := Receipt{Incarnation: incarnation}
	var errs [3]error
	_, errs[0] = hex.DecodeString(incarnation)
	r.Window, errs[1] = strconv.ParseUint(window, 10, 64)
	r.Frame, errs[2] = strconv.ParseUint(frame, 10, 64)
	if errors.Join(errs[:]...) != nil || len(incarnation) != 32 || r.String() != text {
		return Receipt{}, errors.New("a receipt is <incarnation>.<window>.<frame>")
	}
	return r, nil
}
