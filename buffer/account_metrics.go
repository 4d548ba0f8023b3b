// The accounts as metrics.

package buffer

import "github.com/prometheus/client_golang/prometheus"

// maxTenantLabels bounds the tenants that have series of their own: those that
// this process has met first. All further ones are one, otherTenants.
const maxTenantLabels = 1_000

// accountCollector is a prometheus.Collector.
type accountCollector struct{ b *Buffer }

var (
	tenantEvents = prometheus.NewDesc("parquay_tenant_events_total",
		"Events by tenant and what became of them. received = accepted + rejected + failed, but for those waiting for the journal; accepted + rejected + recovered = stored, but for the pending ones. Late ones are among the accepted.",
		[]string{"tenant", "outcome"}, nil)
	tenantPending = prometheus.NewDesc("parquay_tenant_pending_events",
		"Events in the journal that are not in the bucket, by tenant.", []string{"tenant"}, nil)
	tenantHeld = prometheus.NewDesc("parquay_tenant_held_bytes",
		"Bytes of the tenant's share of the memory that are taken.", []string{"tenant"}, nil)
)

// Describe sends what Collect may send.
func (c *accountCollector) Describe(out chan<- *prometheus.Desc) {
	out <- tenantEvents
	out <- tenantPending
	out <- tenantHeld
}

// Collect sends each account, the later ones as one.
func (c *accountCollector) Collect(out chan<- prometheus.Metric) {
	list := c.b.accountsByAge()
	if len(list) > maxTenantLabels {
		other := Account{Tenant: otherTenants}
		for _, a := range list[maxTenantLabels:] {
			other.add(a)
		}
		list = list[:maxTenantLabels]
		defer c.send(out, other)
	}
	for _, a := range list {
		c.send(out, a)
	}
}

func (c *accountCollector) send(out chan<- prometheus.Metric, a Account) {
	for _, n := range []struct {
		outcome string
		events  int64
	}{
		{"received", a.Received},
		{"accepted", a.Accepted},
		{"rejected", a.Rejected},
		{"failed", a.Failed},
		{"late", a.Late},
		{"recovered", a.Recovered},
		{"stored", a.Stored},
	} {
		out <- prometheus.MustNewConstMetric(tenantEvents, prometheus.CounterValue, float64(n.events), a.Tenant, n.outcome)
	}
	out <- prometheus.MustNewConstMetric(tenantPending, prometheus.GaugeValue, float64(a.Pending), a.Tenant)
	out <- prometheus.MustNewConstMetric(tenantHeld, prometheus.GaugeValue, float64(a.Held), a.Tenant)
}

// add adds another account.
func (a *Account) add(other Account) {
	a.Received += other.Received
	a.Committing += other.Committing
	a.Accepted += other.Accepted
	a.Rejected += other.Rejected
	a.Failed += other.Failed
	a.Late += other.Late
	a.Recovered += other.Recovered
	a.Pending += other.Pending
	a.Stored += other.Stored
	a.Held += other.Held
}
