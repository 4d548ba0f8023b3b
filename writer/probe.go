package writer

// This file finds out whether a bucket keeps what the invariants need of it, by
// trying, before anything is entrusted to it.

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// ProbePrefix begins the key of every object that a [Probe] puts. No table has
// such a name, and readers of Parquet files pass over what begins with a dot.
const ProbePrefix = ".parquay/probe-"

// Finding is a property that a bucket lacks, or that could not be tried.
type Finding struct {
	Property string `json:"property"` // create, read, create once, delete or clock
	Fatal    bool   `json:"fatal"`    // events could be lost, or would never be stored
	Problem  string `json:"problem"`  // what the bucket does
	Advice   string `json:"advice"`   // what to do about it
}

func (f Finding) String() string { return f.Property + ": " + f.Problem + "; " + f.Advice }

const (
	// probes is how many creates of one key are tried at once.
	probes = 16
	// readAgain and reads are how long an object that was confirmed may be invisible
	// before it is taken for lost: some 3 seconds.
	readAgain = 100 * time.Millisecond
	reads     = 6
	// deleteWithin bounds the time to clean up, also after the probe was given up.
	deleteWithin = 2 * time.Second
	// maxSkew is a clock's error that is worth a word: at 15 minutes S3 refuses
	// signatures.
	maxSkew = 5 * time.Minute
)

// Probe tries a bucket with one small object of its own: it is created, by sixteen
// at once where creating is conditional; read; created again; and deleted. It
// returns what is not as it should be:
//
//   - fatal is a put that is confirmed and whose object is not there, or is another
//     one: a window would be deleted whose rows are nowhere (I4). So is a store that
//     rejects puts as they are made, and takes others;
//   - a warning is an object that is replaced by a later put of its key. That is
//     the same rows by I3, and nothing is lost or doubled by it; but a file may
//     change under its reader.
//
// An error means that the bucket could not be asked: nothing is known of it.
func Probe(ctx context.Context, b Bucket) ([]Finding, error) {
	p := &probe{bucket: b, key: ProbePrefix + strings.ToLower(rand.Text())}
	err := p.run(ctx)
	p.clean(ctx)
	if err != nil {
		return nil, fmt.Errorf("check %s: %w", b, err)
	}
	return p.found, nil
}

// probe is a probe under way.
type probe struct {
	bucket Bucket
	key    string
	found  []Finding
	stored string         // what the object holds
	skew   *time.Duration // by how much the store's clock is ahead, if it tells
}

func (p *probe) find(f Finding) { p.found = append(p.found, f) }

// fatal says whether there is no use in going on.
func (p *probe) fatal() bool {
	return slices.ContainsFunc(p.found, func(f Finding) bool { return f.Fatal })
}

func (p *probe) run(ctx context.Context) error {
	for _, step := range []func(context.Context) error{p.create, p.again} {
		if err := step(ctx); err != nil || p.fatal() {
			return err
		}
	}
	if p.skew != nil && p.skew.Abs() > maxSkew {
		p.find(Finding{
			Property: "clock",
			Problem:  fmt.Sprintf("this machine's clock is %v ahead of the store's", -p.skew.Round(time.Second)),
			Advice:   "synchronise this machine's clock: stores refuse requests at 15 minutes, and events without a time of their own get this one's",
		})
	}
	return nil
}

// attempt is one of several creates of one key.
type attempt struct {
	body string
	made bool
	skew *time.Duration // of the store's clock, if it tells
	err  error
}

// create makes the object and reads it.
func (p *probe) create(ctx context.Context) error {
	attempts := make([]attempt, 1)
	s, conditional := p.bucket.(*s3Bucket)
	if conditional = conditional && s.conditional; conditional {
		attempts = make([]attempt, probes)
	}
	var group errgroup.Group
	for i := range attempts {
		a := &attempts[i]
		a.body = fmt.Sprintf("Parquay checks this bucket and deletes this object: %d %s\n", i, rand.Text())
		group.Go(func() error {
			if conditional {
				a.made, a.skew, a.err = s.create(ctx, p.key, a.body)
			} else {
				a.err = p.bucket.Put(ctx, p.key, strings.NewReader(a.body))
				a.made = a.err == nil
			}
			return nil
		})
	}
	_ = group.Wait() // the attempts have their errors
	for _, a := range attempts {
		if a.skew != nil && (p.skew == nil || a.skew.Abs() < p.skew.Abs()) { // a slow answer makes it larger
			p.skew = a.skew
		}
	}
	made := slices.DeleteFunc(slices.Clone(attempts), func(a attempt) bool { return !a.made })
	switch {
	case len(made) == 0:
		return p.none(ctx, attempts)
	case len(made) > 1:
		p.replaces(fmt.Sprintf("of %d creates of one key at once %d were confirmed, and one may be", len(attempts), len(made)))
	}
	return p.read(ctx, made)
}

// holds says whether an object holds the bytes of one of the attempts.
func holds(content string, attempts []attempt) bool {
	return slices.ContainsFunc(attempts, func(a attempt) bool { return a.body == content })
}

// none says why no attempt has made the object.
func (p *probe) none(ctx context.Context, attempts []attempt) error {
	failed := slices.IndexFunc(attempts, func(a attempt) bool { return a.err != nil })
	if failed < 0 {
		return p.refused(ctx, attempts)
	}
	a := attempts[failed]
	if s, ok := p.bucket.(*s3Bucket); ok && refusesHeader(answer(a.err)) {
		if setting := s.blame(ctx, p.key, a.body); setting != "" {
			p.find(Finding{
				Property: "create", Fatal: true,
				Problem: fmt.Sprintf("the store rejects a put that it takes otherwise (%v)", a.err),
				Advice:  "set " + setting,
			})
			return nil
		}
	}
	return a.err
}

// refused says why all attempts were told that the object is there. That is no fault if
// it is: something in between may have repeated the one that made it.
func (p *probe) refused(ctx context.Context, attempts []attempt) error {
	content, _, err := p.get(ctx)
	switch {
	case err == nil && holds(content, attempts):
		p.stored = content
		return nil
	case err != nil && !errors.Is(err, ErrNotFound) && KindOf(err) != KindDenied:
		return err
	}
	p.find(Finding{
		Property: "create", Fatal: true,
		Problem: "a key that is absent is said to be there (412)",
		Advice:  "use another store, or set PARQUAY_S3_CONDITIONAL=false if it takes puts without the condition",
	})
	return nil
}

// read gets the object and holds it against the attempts that were confirmed.
func (p *probe) read(ctx context.Context, made []attempt) error {
	content, tries, err := p.get(ctx)
	switch {
	case errors.Is(err, ErrNotFound):
		p.find(Finding{
			Property: "read", Fatal: true,
			Problem: "a put was confirmed, and the object is not there",
			Advice:  "use another store: files would be taken for stored and be lost",
		})
	case KindOf(err) == KindDenied:
		p.find(Finding{
			Property: "read",
			Problem:  fmt.Sprintf("objects may not be read, so that what was put can't be looked at (%v)", err),
			Advice:   "allow s3:GetObject, which parquay verify needs as well",
		})
	case err != nil:
		return err
	case !holds(content, made):
		p.find(Finding{
			Property: "read", Fatal: true,
			Problem: fmt.Sprintf("a put was confirmed, and the object holds other bytes (%.60q)", content),
			Advice:  "use another store, or look at what lies between: files would be damaged",
		})
	case tries > 1:
		p.find(Finding{
			Property: "read",
			Problem:  "an object is not visible at once after its put was confirmed",
			Advice:   "expect queries and parquay verify to miss the newest files: the store is not strongly consistent",
		})
	}
	p.stored = content
	return nil
}

// get reads the object. An absent one is looked for again, for some seconds.
func (p *probe) get(ctx context.Context) (content string, tries int, err error) {
	for delay := readAgain; ; delay *= 2 {
		tries++
		content, err = p.getOnce(ctx)
		if !errors.Is(err, ErrNotFound) || tries == reads || ctx.Err() != nil {
			return content, tries, err
		}
		wait(ctx, delay)
	}
}

func (p *probe) getOnce(ctx context.Context) (string, error) {
	r, err := p.bucket.Get(ctx, p.key)
	if err != nil {
		return "", err
	}
	defer r.Close() // read only
	content, err := io.ReadAll(io.LimitReader(r, 1<<10))
	return string(content), err
}

// again puts other bytes under the key, which must change nothing.
func (p *probe) again(ctx context.Context) error {
	const other = "Parquay has found this object to be replaced\n"
	if err := p.bucket.Put(ctx, p.key, strings.NewReader(other)); err != nil {
		return err
	}
	if p.stored == "" {
		return nil // it can't be read
	}
	content, err := p.getOnce(ctx)
	if err == nil && content != p.stored {
		p.replaces("a second put of a key replaced the object of the first")
	}
	return err
}

// replaces notes, once, that an object may be replaced.
func (p *probe) replaces(problem string) {
	if slices.ContainsFunc(p.found, func(f Finding) bool { return f.Property == "create once" }) {
		return
	}
	p.find(Finding{
		Property: "create once", Problem: problem,
		Advice: "set PARQUAY_S3_CONDITIONAL=false, and expect a query to fail now and then whose file is replaced, by the same rows, while it is read",
	})
}

// clean deletes the object. Of a put whose outcome is unknown it may leave one.
func (p *probe) clean(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deleteWithin)
	defer cancel()
	if err := p.bucket.Delete(ctx, p.key); err != nil {
		p.find(Finding{
			Property: "delete",
			Problem:  fmt.Sprintf("the object of this check could not be deleted (%v)", err),
			Advice:   "allow s3:DeleteObject below .parquay/, or have a lifecycle rule expire what is there: each start leaves 100 bytes",
		})
	}
}
