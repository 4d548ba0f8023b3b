// What verify holds the bucket against: journals, and what a gateway says of its
// events.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"parquay/buffer"
	"parquay/buffer/journal"
	"parquay/buffer/journal/vfs"
	"parquay/server"
	"parquay/writer"
)

// readJournals reads the windows of journals, and of their quarantines; nil for no
// journal.
func readJournals(dirs []string) ([]writer.Journaled, error) {
	if len(dirs) == 0 {
		return nil, nil
	}
	list := []writer.Journaled{}
	for _, dir := range dirs {
		dir = journalIn(dir)
		windows, err := buffer.Survey(vfs.OS{}, dir)
		if err != nil {
			return nil, err
		}
		for _, w := range windows {
			list = append(list, journaled(w, ""))
		}
		aside, err := buffer.Survey(vfs.OS{}, filepath.Join(dir, "quarantine"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, w := range aside {
			list = append(list, journaled(w, "it is in quarantine"))
		}
	}
	return list, nil
}

// journalIn is the journal in a directory, or itself.
func journalIn(dir string) string {
	inner := filepath.Join(dir, "journal")
	if _, err := (vfs.OS{}).Stat(inner); err == nil {
		return inner
	}
	return dir
}

// inJournals tells whether one of the journals has a window at the moment.
func inJournals(dirs []string) func(incarnation string, window uint64) (bool, error) {
	return func(incarnation string, window uint64) (bool, error) {
		id, err := journal.ParseIncarnation(incarnation)
		if err != nil {
			return false, nil // no journal has it
		}
		for _, dir := range dirs {
			now, err := journal.Look(vfs.OS{}, journalIn(dir))
			if err != nil {
				return false, err
			}
			if slices.Contains(now.Windows(), journal.WindowID{Incarnation: id, Window: window}) {
				return true, nil
			}
		}
		return false, nil
	}
}

// journaled gives the writer what the buffer has surveyed.
func journaled(w buffer.Surveyed, problem string) writer.Journaled {
	j := writer.Journaled{
		Incarnation: w.ID.Incarnation.String(), Window: w.ID.Window, Open: w.Open,
		Files: make(map[writer.FileID]int64, len(w.Files)), Problem: problem,
	}
	for id, rows := range w.Files {
		j.Files[writer.FileID(id)] = rows
	}
	if w.Unread != nil {
		j.Problem = w.Unread.Error()
	}
	for _, d := range w.Damage {
		j.Problem = strings.TrimPrefix(j.Problem+"; "+d.String(), "; ")
	}
	return j
}

// claimsOf asks a gateway what it has accepted.
func claimsOf(ctx context.Context, admin string) (*writer.Claims, error) {
	incarnation, accounts, err := askAccounts(ctx, admin)
	if err != nil {
		return nil, err
	}
	claims := &writer.Claims{Incarnation: incarnation, Least: map[string]int64{}}
	for _, a := range accounts {
		claims.Least[a.Tenant] = a.Accepted + a.Rejected
	}
	claims.Most = func(ctx context.Context) (map[string]int64, error) {
		later, accounts, err := askAccounts(ctx, admin)
		if err == nil && later != incarnation {
			err = fmt.Errorf("%s was started again meanwhile", admin)
		}
		most := map[string]int64{}
		for _, a := range accounts {
			most[a.Tenant] = a.Received
		}
		return most, err
	}
	return claims, nil
}

// askAccounts gets the accounts of all tenants, and whose they are.
func askAccounts(ctx context.Context, admin string) (incarnation string, accounts []server.Account, err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	url := strings.TrimSuffix(admin, "/") + "/admin/tenants"
	fail := func(err error) (string, []server.Account, error) {
		return "", nil, fmt.Errorf("ask for the accounts: %s: %w", url, err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fail(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fail(err)
	}
	defer response.Body.Close() // read only
	var answer struct {
		Incarnation string
		Tenants     []server.Account
	}
	err = json.NewDecoder(response.Body).Decode(&answer)
	switch {
	case response.StatusCode != http.StatusOK:
		return fail(errors.New(response.Status))
	case err != nil:
		return fail(err)
	case answer.Incarnation == "":
		return fail(errors.New("it does not say which process it is: its version is too old"))
	}
	return answer.Incarnation, answer.Tenants, nil
}
