package writer

// This file signs requests to S3: AWS Signature Version 4, in the header, for requests
// of one chunk and without a query.

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

const (
	signingAlgorithm = "AWS4-HMAC-SHA256"
	signingService   = "s3"
	signingEnd       = "aws4_request"
	signingDay       = "20060102"
	signingTime      = "20060102T150405Z"

	unsignedPayload = "UNSIGNED-PAYLOAD"

	dateHeader    = "X-Amz-Date"
	payloadHeader = "X-Amz-Content-Sha256"
	tokenHeader   = "X-Amz-Security-Token"
)

// signing is a request that is to be signed.
type signing struct {
	path        string // escaped
	payload     string // its hash, or that it has none
	region      string
	credentials aws.Credentials
	at          time.Time // UTC

	names, values [8]string
	n             int
}

// add adds a header. They are added in the order of their names, and none has a name
// after that of [payloadHeader].
func (s *signing) add(name, value string) {
	s.names[s.n], s.values[s.n] = name, value
	s.n++
}

// header returns the headers that were added, those of the signature, and it.
func (s *signing) header(keys *signingKeys) http.Header {
	date := s.at.Format(signingTime)
	s.add(payloadHeader, s.payload)
	s.add(dateHeader, date)
	if s.credentials.SessionToken != "" {
		s.add(tokenHeader, s.credentials.SessionToken)
	}
	var scratch [2048]byte
	request := append(append(scratch[:0], "PUT\n"...), s.path...)
	request = append(request, "\n\n"...) // no query
	for i := range s.n {
		request = append(appendLower(request, s.names[i]), ':')
		request = append(append(request, s.values[i]...), '\n')
	}
	request = append(request, '\n')
	names := len(request)
	for i := range s.n {
		if i > 0 {
			request = append(request, ';')
		}
		request = appendLower(request, s.names[i])
	}
	signed := string(request[names:])
	request = append(append(request, '\n'), s.payload...)

	scope := date[:len(signingDay)] + "/" + s.region + "/" + signingService + "/" + signingEnd
	sum := sha256.Sum256(request)
	text := append(scratch[:0], signingAlgorithm+"\n"+date+"\n"+scope+"\n"...)
	text = hex.AppendEncode(text, sum[:])
	signature := sumKeyed(keys.of(&s.credentials, date[:len(signingDay)], s.region), string(text))

	header := make(http.Header, s.n+3)
	values := make([]string, s.n+1)
	for i := range s.n {
		values[i] = s.values[i]
		header[s.names[i]] = values[i : i+1 : i+1]
	}
	values[s.n] = signingAlgorithm + " Credential=" + s.credentials.AccessKeyID + "/" + scope +
		", SignedHeaders=" + signed + ", Signature=" + hex.EncodeToString(signature)
	header["Authorization"] = values[s.n:]
	return header
}

// signingKeys keeps the key of the day.
type signingKeys struct{ last atomic.Pointer[signingKey] }

type signingKey struct {
	id, secret, day, region string
	key                     []byte
}

func (k *signingKeys) of(c *aws.Credentials, day, region string) []byte {
	last := k.last.Load()
	if last == nil || last.id != c.AccessKeyID || last.secret != c.SecretAccessKey || last.day != day || last.region != region {
		key := []byte("AWS4" + c.SecretAccessKey)
		for _, part := range []string{day, region, signingService, signingEnd} {
			key = sumKeyed(key, part)
		}
		last = &signingKey{c.AccessKeyID, c.SecretAccessKey, day, region, key}
		k.last.Store(last)
	}
	return last.key
}

func sumKeyed(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// sumPayload is what is signed of a body.
func sumPayload(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// appendLower appends a header's name in lower case.
func appendLower(b []byte, name string) []byte {
	for i := range len(name) {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return b
}

// escapePath escapes an object's name as S3 does to check a signature: all but letters,
// digits, and the characters -._~/ of ASCII.
func escapePath(name string) string {
	const digits = "0123456789ABCDEF"
	b := make([]byte, 0, len(name)+16)
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9',
			c == '-', c == '.', c == '_', c == '~', c == '/':
			b = append(b, c)
		default:
			b = append(b, '%', digits[c>>4], digits[c&15])
		}
	}
	return string(b)
}
