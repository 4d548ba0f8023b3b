package writer

// This file is what requests to S3 are signed with. Where that comes from is the AWS
// chain's affair; here is what happens when it can't be had, or is refused.

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// staleCodes are S3's errors about credentials that were good once: others have
// probably been issued.
var staleCodes = []string{"ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "TokenRefreshRequired"}

// renewEvery spares whoever issues credentials: all puts fail at once when they are
// stale.
const renewEvery = time.Second

// signer has the chain's credentials, which it keeps until they expire.
type signer struct {
	chain aws.CredentialsProvider

	mu struct {
		sync.Mutex
		renewed time.Time
	}
}

// Retrieve returns the credentials of the moment.
func (s *signer) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c, err := s.chain.Retrieve(ctx)
	if err != nil && ctx.Err() == nil {
		err = &unsignedError{err}
	}
	return c, err
}

// refused has new credentials asked for if an error says that the store does not take
// these any more, whenever they were to expire: a session may be revoked, and a clock
// may be slow.
func (s *signer) refused(err error) {
	cache, ok := s.chain.(*aws.CredentialsCache)
	if _, code := answer(err); !ok || !slices.Contains(staleCodes, code) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); now.Sub(s.mu.renewed) >= renewEvery {
		s.mu.renewed = now
		cache.Invalidate()
	}
}

// unsignedError is returned when there are no credentials. It does not wrap its cause:
// that may be an answer of HTTP's, and not of the store's.
type unsignedError struct{ cause error }

func (e *unsignedError) Error() string { return fmt.Sprintf("no credentials: %v", e.cause) }
