// Tenants to test with.

package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"parquay/loadtest/scenario"
)

func makeTenants(_ context.Context, args []string, out, _ io.Writer) error {
	set := flags("tenants", "tenants [FLAGS] N", "Makes N tenants: a file for the gateway (PARQUAY_TENANTS), and one with their keys for -keys.", out)
	file := set.String("file", "tenants.json", "the gateway's `file`")
	keys := set.String("keys", "tenants.keys", "`file` of names and keys")
	if err := parse(set, args, 1); err != nil {
		return err
	}
	n, err := strconv.Atoi(set.Arg(0))
	if err != nil || n < 1 || n > scenario.MaxTenants {
		return usageError{fmt.Errorf("%q tenants: there must be 1 to %d", set.Arg(0), scenario.MaxTenants)}
	}
	if err := writeTenants(n, *file, *keys); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%d tenants: start the gateway with PARQUAY_TENANTS=%s, and load it with -tenants %d -keys %s\n", n, *file, n, *keys)
	return err
}

// writeTenants writes both files. They hold secrets: nobody else may read the keys.
func writeTenants(n int, file, keys string) (err error) {
	type key struct {
		ID     string `json:"id"`
		SHA256 string `json:"sha256"`
	}
	type tenant struct {
		Name string `json:"name"`
		Keys []key  `json:"keys"`
	}
	var all struct {
		Tenants []tenant `json:"tenants"`
	}
	f, err := os.OpenFile(keys, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("write the keys: %w", err)
	}
	lines := bufio.NewWriter(f)
	for i := range n {
		name, id := fmt.Sprintf("tenant-%06d", i+1), strings.ToLower(rand.Text()[:12])
		secret := rand.Text() + rand.Text()
		hash := sha256.Sum256([]byte(secret))
		all.Tenants = append(all.Tenants, tenant{name, []key{{id, hex.EncodeToString(hash[:])}}})
		fmt.Fprintf(lines, "%s pqy_%s_%s\n", name, id, secret)
	}
	if err := errors.Join(lines.Flush(), f.Close()); err != nil {
		return fmt.Errorf("write the keys: %w", err)
	}
	text, err := json.Marshal(all)
	if err != nil {
		return fmt.Errorf("write the tenants: %w", err)
	}
	if err := os.WriteFile(file, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the tenants: %w", err)
	}
	return nil
}
