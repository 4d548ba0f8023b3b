// A mutation, and how it is applied.

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// mutation is one way to break a rule, and the tests that must notice.
type mutation struct {
	name  string // what the mutant does, as one would say it in a review
	rule  string // that it breaks, one of rules
	file  string // that is changed, from the repository's root
	edits []edit
	in    string // the package whose tests must fail, from the repository's root
	run   string // which of them, as go test's -run
	race  bool   // they notice only under the race detector
}

// edit replaces a text that MUST occur exactly once in the file.
type edit struct{ old, new string }

// replace is the edit of most mutations.
func replace(old, new string) []edit { return []edit{{old, new}} }

// drop leaves something out.
func drop(old string) []edit { return replace(old, "") }

// rules are what a mutation may break: those of the fault matrix's row F24, their
// kin, and the invariants of docs/ARCHITECTURE.md.
var rules = []string{
	ackBeforeSync, noDirectorySync, retryAfterError, randomName, deleteBeforePut, dropWhenFull, // F24
	oldFile, countsNotRead, cleanupAfterUnknown, pushBeforeSync, frameAfterEnd,
	tornOrDamaged, oneProcess, names, schemaOfTheWindow,
	i1, i2, i3, i4, i5, i6, i7, i8,
}

const (
	ackBeforeSync       = "ack before sync"
	noDirectorySync     = "directory not synced"
	retryAfterError     = "sync retried"
	randomName          = "random name"
	deleteBeforePut     = "delete before put"
	dropWhenFull        = "drop when full"
	oldFile             = "append to an old file"
	countsNotRead       = "counts not read back"
	cleanupAfterUnknown = "cleanup after unknown"
	pushBeforeSync      = "push before sync"
	frameAfterEnd       = "frame after the end"
	tornOrDamaged       = "torn or damaged"
	oneProcess          = "one process"
	names               = "names are identity"
	schemaOfTheWindow   = "the window's own schema"

	i1 = "I1 ack is durable"
	i2 = "I2 one path"
	i3 = "I3 names are identity"
	i4 = "I4 delete last"
	i5 = "I5 fail closed"
	i6 = "I6 bounded"
	i7 = "I7 conservation"
	i8 = "I8 isolation"
)

// mutations is the whole list.
func mutations() []mutation {
	return slices.Concat(journalMutations, proofMutations,
		committerMutations, flushMutations, replayMutations, memoryMutations, accountMutations,
		writerMutations, bucketMutations, serverMutations, schemaMutations, commandMutations)
}

// apply returns the mutated file.
func (m *mutation) apply(root string) ([]byte, error) {
	source, err := os.ReadFile(filepath.Join(root, m.file))
	if err != nil {
		return nil, err
	}
	text := string(source)
	for _, e := range m.edits {
		if n := strings.Count(text, e.old); n != 1 {
			return nil, fmt.Errorf("%s has %d times, not once:\n%s", m.file, n, e.old)
		}
		text = strings.Replace(text, e.old, e.new, 1)
	}
	return []byte(text), nil
}

// findRoot finds the repository: the nearest parent of the working directory that
// has the gateway.
func findRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "cmd", "parquay", "main.go")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("no parent of the working directory has cmd/parquay")
		}
		dir = filepath.Dir(dir)
	}
}
