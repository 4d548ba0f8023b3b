package writer_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"parquay/writer"
)

// A link may be so slow that what the kernel holds of a body takes longer than a
// request may go without progress: it is progress all the same (F17).
func TestS3SlowLink(t *testing.T) {
	setenv(t)
	const (
		stall = time.Second
		rate  = 1 << 20 // bytes a second
		size  = 4 << 20
	)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for {
			if _, err := io.CopyN(io.Discard, r.Body, rate/50); err != nil {
				break
			}
			time.Sleep(time.Second / 50)
		}
		w.Header().Set("ETag", `"tag"`)
	})}
	go func() { _ = server.Serve(narrow{listener}) }()
	defer server.Close()
	b := open(t, "s3://bucket", writer.S3Options{Endpoint: "http://" + listener.Addr().String(), PathStyle: true, Conditional: true})
	writer.SetStall(b, stall)
	start := time.Now()
	if err := b.Put(t.Context(), "a", bytes.NewReader(make([]byte, size))); err != nil {
		t.Errorf("Put = %v after %v", err, time.Since(start))
	}
}

// narrow accepts connections that hold little of what comes.
type narrow struct{ net.Listener }

func (n narrow) Accept() (net.Conn, error) {
	c, err := n.Listener.Accept()
	if err == nil {
		err = c.(*net.TCPConn).SetReadBuffer(32 << 10)
	}
	return c, err
}
