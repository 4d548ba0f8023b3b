// Sizes in settings.

package main

import "parquay/server/bytesize"

// ByteSize is a number of bytes, as people write it: 512MiB.
type ByteSize = bytesize.Size
