package e2e

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestDistinctCredentials shows the gateway a million credentials of nobody's, from a
// million addresses and in every form. All are refused in the same words, none leaves
// memory or a series behind, and a valid one passes all the while (I6).
func TestDistinctCredentials(t *testing.T) {
	t.Parallel()
	s := newSite(t, append(attackedEnv, "PARQUAY_TRUSTED_PROXIES=127.0.0.0/8")...)
	acme := newTenant("acme")
	s.provision(acme)
	s.start()
	wrong := newKey().key
	secret := strings.Split(wrong, "_")[2]
	known := strings.Split(acme.key(), "_")[1]
	kinds := []struct {
		name   string
		fields func(to []byte, i int) []byte
	}{
		{"unknown keys", func(to []byte, i int) []byte {
			return fmt.Appendf(to, "Authorization: Bearer pqy_%08dabcd_%s\r\n", i, secret)
		}},
		{"wrong secrets", func(to []byte, i int) []byte {
			return fmt.Appendf(to, "X-API-Key: pqy_%s_%s%d\r\n", known, secret[:46], 234567)
		}},
		{"passwords", func(to []byte, i int) []byte {
			return fmt.Appendf(to, "Authorization: Basic %s\r\n", base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "tenant-%d:%d", i, i)))
		}},
		{"no keys at all", func(to []byte, i int) []byte { return fmt.Appendf(to, "Authorization: Negotiate %d\r\n", i) }},
	}
	begin := s.gateway.Peak()
	for n, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			s.sameSeries(t, 4, fewer()/len(kinds), func(many int) {
				answers := s.flood(many, func(to []byte, i int) []byte {
					// Networks, since an attacker with IPv6 has as many addresses as it likes.
					to = append(to, postHead...)
					to = fmt.Appendf(to, "X-Forwarded-For: 2001:db8:%x:%x::1\r\n", n<<8|i>>16, i&0xffff)
					to = k.fields(to, i)
					return append(to, "Content-Length: 0\r\n\r\n"...)
				})
				if answers[http.StatusUnauthorized]+answers[http.StatusTooManyRequests] != many {
					t.Errorf("answers by status: %v", answers)
				}
			})
		})
	}
	s.grownBy(begin, requestsGrow)
	client := &http.Client{Timeout: flushWithin}
	defer client.CloseIdleConnections()
	if a := s.postAs(t, client, acme.key(), "/v1/events", `{"type":"a.b"}`); a.status != http.StatusAccepted {
		t.Errorf("a valid key was answered %d %s", a.status, a.kind)
	}
}

// TestUnauthorizedBodies sends large and slow bodies with no valid credential: they
// are refused before a byte of them is read or reserved, so that a tenant beside them
// is never told that memory is taken.
func TestUnauthorizedBodies(t *testing.T) {
	t.Parallel()
	s := newSite(t, attackedEnv...)
	acme := newTenant("acme")
	s.provision(acme)
	s.start()
	const crowd = 500
	for i := range crowd {
		c := s.connect(t)
		defer c.Close()
		fields := "Content-Length: 10000000\r\n"
		if i%2 == 0 {
			fields += "Authorization: Bearer " + newKey().key + "\r\n"
		}
		if _, err := c.Write([]byte(postHead + fields + "\r\n[")); err != nil {
			t.Fatal(err)
		}
	}
	client := &http.Client{Timeout: flushWithin}
	defer client.CloseIdleConnections()
	for range 200 {
		if a := s.postAs(t, client, acme.key(), "/v1/events", `{"type":"a.b"}`); a.status != http.StatusAccepted {
			t.Fatalf("a tenant's request was answered %d %s", a.status, a.kind)
		}
	}
	s.withinMemory()
}

// TestDistinctIdempotencyKeys sends a million distinct Idempotency-Keys, far more than
// are remembered. A tenant that uses up its share is told so, and when to come back;
// another tenant's keys still work (I6, I8).
func TestDistinctIdempotencyKeys(t *testing.T) {
	t.Parallel()
	s := newSite(t, append(attackedEnv, "PARQUAY_ACK=memory", "PARQUAY_IDEMPOTENCY_KEYS=20000", "PARQUAY_IDEMPOTENCY_WINDOW=1h")...)
	s.ack = "memory"
	greedy, modest := newTenant("greedy"), newTenant("modest")
	s.provision(greedy, modest)
	s.start()
	const remembered, share = 20_000, 4 // of all keys, a tenant may have a quarter
	sent, answers := 0, map[int]int{}
	s.sameSeries(t, remembered/share+connections, fewer(), func(many int) {
		for status, n := range s.flood(many, func(to []byte, i int) []byte {
			return fmt.Appendf(to, "%sX-API-Key: %s\r\nIdempotency-Key: key-%d\r\nContent-Length: 14\r\n\r\n{\"type\":\"a.b\"}", postHead, greedy.key(), sent+i)
		}) {
			answers[status] += n
		}
		sent += many
	})
	t.Logf("answers by status: %v", answers)
	accepted := answers[http.StatusAccepted]
	if accepted != remembered/share || accepted+answers[http.StatusTooManyRequests] != sent {
		t.Errorf("answers by status: %v, want %d accepted", answers, remembered/share)
	}
	client := &http.Client{Timeout: flushWithin}
	defer client.CloseIdleConnections()
	for _, replayed := range []string{"", "true"} {
		a := s.postAs(t, client, modest.key(), "/v1/events", `{"type":"a.b"}`, "Idempotency-Key", "mine")
		if a.status != http.StatusAccepted || a.header.Get("Idempotency-Replayed") != replayed {
			t.Errorf("another tenant was answered %d %s, replayed %q", a.status, a.kind, a.header.Get("Idempotency-Replayed"))
		}
	}
	s.withinMemory()
	s.stop(stopWithin)
	if rows := s.rowsOf("events", "greedy"); rows != int64(accepted) {
		t.Errorf("%d rows, %d events were accepted", rows, accepted)
	}
}
