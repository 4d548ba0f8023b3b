package writer

// This file is what a probe asks of S3 beyond what a Bucket does: whether it was
// this put that made the object, what time it is there, and what is not liked.

import (
	"context"
	"net/http"
	"strings"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
)

// create puts an object if its key is absent, and says whether it has, and by how
// much the store's clock is ahead of ours.
func (b *s3Bucket) create(ctx context.Context, key, body string) (made bool, skew *time.Duration, err error) {
	began := time.Now()
	out, err := b.putLong(ctx, key, strings.NewReader(body), true, b.checksum)
	if status, _ := answer(err); status == http.StatusPreconditionFailed {
		return false, nil, nil
	}
	if err != nil {
		return false, nil, err
	}
	if at, ok := awsmiddleware.GetServerTime(out.ResultMetadata); ok {
		ahead := at.Sub(began.Add(time.Since(began) / 2))
		skew = &ahead
	}
	return true, skew, nil
}

// blame returns the settings with which a store takes a put that it has rejected;
// none if it does not.
func (b *s3Bucket) blame(ctx context.Context, key, body string) string {
	const unconditional, unsummed = "PARQUAY_S3_CONDITIONAL=false", "PARQUAY_S3_CHECKSUM=none"
	for _, form := range []struct {
		conditional bool
		checksum    string
		setting     string
	}{
		{false, b.checksum, unconditional},
		{b.conditional, "none", unsummed},
		{false, "none", unconditional + " and " + unsummed},
	} {
		if form.conditional == b.conditional && form.checksum == b.checksum {
			continue // as it was
		}
		if err := b.send(ctx, key, strings.NewReader(body), form.conditional, form.checksum); err == nil {
			return form.setting
		}
	}
	return ""
}
