package writer

import (
	"bytes"
	"io"
	"net/http"
	"testing"
)

// FuzzS3Answer reads answers of anybody: none is a success but one of a store that says
// so, and none is left half read unless it is very long.
func FuzzS3Answer(f *testing.F) {
	f.Add(200, "tag", []byte(""))
	f.Add(200, "", []byte("<html>"))
	f.Add(200, "tag", []byte("<Error><Code>InternalError</Code></Error>"))
	f.Add(412, "tag", []byte(`<?xml version="1.0"?><Error><Code>PreconditionFailed</Code><RequestId>1</RequestId></Error>`))
	f.Add(503, "", []byte("<Error><Code>Slow"))
	f.Fuzz(func(t *testing.T, status int, tag string, text []byte) {
		body := bytes.NewReader(text)
		response := &http.Response{
			StatusCode: status, Header: http.Header{"Etag": {tag}}, ContentLength: int64(len(text)), Body: io.NopCloser(body),
		}
		err := readAnswer(response)
		if success := status >= 200 && status < 300 && tag != ""; err == nil && !success {
			t.Errorf("%d with tag %q and %q is a success", status, tag, text)
		} else if err != nil && success && len(text) == 0 {
			t.Errorf("%d with tag %q: %v", status, tag, err)
		}
		if got, _ := answer(err); status >= 300 && got != status {
			t.Errorf("%d is the error %v of status %d", status, err, got)
		}
		if len(text) <= longestAnswer && body.Len() > 0 {
			t.Errorf("%d bytes of %d are not read", body.Len(), len(text))
		}
	})
}
