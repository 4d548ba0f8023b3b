// Package e2e tests the real Parquay binary from outside: HTTP in, a bucket out.
//
// Nothing of the main module is imported. The binary is built once a run and
// started as any operator starts it; a ledger client notes every event before it
// sends it and every answer after; and a checker reads the finished files with
// arrow-go, a Parquet implementation that Parquay does not use, and compares them
// with the ledger. Between the two the process is killed, its store is stopped,
// its disk fails.
//
//	process  the binary and an S3-compatible store as processes
//	ledger   what was sent, and what was answered
//	check    what is in the bucket, and whether the ledger agrees
//	disk     real disks to break: in a file or in memory, cut off, frozen, full
//	storefault  a proxy before the store, which spoils requests
//	measure  a command: events a second, CPU and memory of the gateway alone
//	wire     the least of an HTTP client, for what measures
//
// Tests of disks need root and some programs, tests of system calls strace; without
// them they skip, and say what is missing.
//
// Variables change what a run does:
//
//	E2E_KILLS=n        kills of each kill test (15)
//	E2E_FULL=1         a million distinct things of each kind, not 200,000; and of the
//	                   faults that have no variable of their own, as many as below
//	E2E_CUTS=n         power cuts of each kind of disk (3; 200)
//	E2E_FAILPOINTS=n   ends before, after and in the middle of each named step (1; 10)
//	E2E_CALLS=n        failures of each kind of system call (1; 10)
//	E2E_DAMAGES=n      journals that are spoilt (1; 30)
//	E2E_FULL_DISKS=n   disks filled at once (2; 30)
//	E2E_OOMS=n         ends for want of memory (2; 20)
//	E2E_MIXES=n        gateways that are killed while everything happens to the store (2; 150)
//	E2E_RATE=n         events a second that the ledger client sends at most (20000)
//	E2E_STOPS=n        stops that are cut short (12)
//	E2E_ROLLS=n        replacements of all replicas by another version (2)
//	E2E_PREVIOUS=rev   the other version (HEAD~1)
//	E2E_SOAK=duration  how long the soak test takes (20s)
//	E2E_SEED=n         the random choices of a run, as its log names them
//	E2E_BINARY=file    test this binary instead of building one
//	E2E_RACE=1         build the binary with the race detector
//	E2E_KEEP=dir       keep each test's directories and logs in dir
//	PARQUAY_VERSITYGW  the store's binary, else .cache/bin/versitygw of the
//	                   repository, else the PATH's; without one its tests skip
package e2e
