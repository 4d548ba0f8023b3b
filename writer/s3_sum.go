package writer

// This file sums bodies up, for the checksum that a store verifies them with.

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/crc32"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// addSum sets the checksum that the store verifies the body with.
func addSum(input *s3.PutObjectInput, body Body, checksum string) error {
	h, _ := newSum(checksum)
	if h == nil {
		return nil
	}
	if _, err := copyTo(h, bodyReader(body)); err != nil {
		return fmt.Errorf("sum body: %w", err)
	}
	field := &input.ChecksumCRC32
	if checksum == "crc32c" {
		field = &input.ChecksumCRC32C
	}
	*field = aws.String(encodeSum(h))
	return nil
}

// newSum returns what sums a body up, and the header for the sum; nil if there is none.
func newSum(checksum string) (h hash.Hash32, header string) {
	switch checksum {
	case "crc32":
		return crc32.NewIEEE(), "X-Amz-Checksum-Crc32"
	case "crc32c":
		return crc32.New(sumTable), "X-Amz-Checksum-Crc32c"
	}
	return nil, ""
}

func encodeSum(h hash.Hash32) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, h.Sum32()))
}
