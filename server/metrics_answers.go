// What the server counts of each answer: its route, its status, its time and size.

package server

import (
	"maps"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parquay/server/problems"
)

// answerMetrics count answers. Every answer needs three series, and to look each of
// them up by its labels would cost more than to count it: they are found together.
type answerMetrics struct {
	count *prometheus.CounterVec   // route, status
	took  *prometheus.HistogramVec // route, class
	sent  *prometheus.CounterVec   // route

	known atomic.Pointer[map[answerKey]*answerSeries] // replaced under mu, with one more
	mu    sync.Mutex
}

// answerKey has a bounded number of values: a route is a pattern of a router, and
// net/http lets no handler send a status beyond 999.
type answerKey struct {
	route  string
	status int // 0 for a connection that was closed without an answer
}

type answerSeries struct {
	count prometheus.Counter
	took  prometheus.Observer
	sent  prometheus.Counter
}

func newAnswerMetrics() *answerMetrics {
	m := &answerMetrics{
		count: counterVec("parquay_http_requests_total",
			"Requests answered, by the route's pattern and the answer's status.", "route", "status"),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "parquay_http_request_duration_seconds",
			Help: "Time from a request's header to the end of its answer, but for what a client wished to wait (Prefer: wait), by the route's pattern and the first digit of the status.",
			// 0.25 ms, less than any sync takes, to 65 s, doubling.
			Buckets: prometheus.ExponentialBuckets(0.00025, 2, 19),
		}, []string{"route", "class"}),
		sent: counterVec("parquay_http_response_body_bytes_total",
			"Bytes of answers' bodies, by the route's pattern.", "route"),
	}
	m.known.Store(&map[answerKey]*answerSeries{})
	return m
}

func (m *answerMetrics) register(reg prometheus.Registerer) {
	reg.MustRegister(m.count, m.took, m.sent)
}

// observe counts one answer.
func (m *answerMetrics) observe(route string, status int, took time.Duration, sent int64) {
	s := m.series(answerKey{route, status})
	s.count.Inc()
	s.took.Observe(took.Seconds())
	s.sent.Add(float64(sent))
}

func (m *answerMetrics) series(k answerKey) *answerSeries {
	if s := (*m.known.Load())[k]; s != nil {
		return s
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	status, class := statusLabels(k.status)
	s := &answerSeries{
		count: m.count.WithLabelValues(k.route, status),
		took:  m.took.WithLabelValues(k.route, class),
		sent:  m.sent.WithLabelValues(k.route),
	}
	more := maps.Clone(*m.known.Load())
	more[k] = s
	m.known.Store(&more)
	return s
}

// statusLabels are a status and its class, of those that HTTP and the server know.
func statusLabels(status int) (label, class string) {
	switch {
	case status == 0:
		return "none", "none"
	case status != problems.StatusClientGone && http.StatusText(status) == "":
		return "other", "other"
	}
	return strconv.Itoa(status), strconv.Itoa(status/100) + "xx"
}
