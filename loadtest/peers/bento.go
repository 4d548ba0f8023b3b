// Bento: HTTP into a buffer in memory, batches of it into Parquet files.

package main

import (
	"context"
	"os"
	"path/filepath"

	"parquay/loadtest/peers/report"
	"parquay/loadtest/peers/tree"
)

// bentoVersion is the one that bento/go.mod asks for.
const bentoVersion = "1.10.0"

type bento struct {
	program
	tools
	installed string
	address   string
}

func (b *bento) Facts() report.Facts {
	return report.Facts{
		Key: report.Bento, Name: "Bento",
		Config:     "[loadtest/peers/bento/bento.yaml](../loadtest/peers/bento/bento.yaml)",
		Durability: "none: an answer means that the events are in memory",
		Order:      "as they came",
		Layout:     "one folder, a batch a file; times and prices stay text, since its encoder knows no timestamps in this version; not validated",
	}
}

// Install builds it with only the components that the configuration names: the
// program is its own, and a hundred other inputs and outputs would not make it faster.
func (b *bento) Install(ctx context.Context) (version string, err error) {
	dir, err := b.once(ctx, "bento-"+bentoVersion, func(ctx context.Context, dir string) error {
		for _, name := range []string{"go.mod", "main.go"} {
			text, err := os.ReadFile(filepath.Join(b.root, "loadtest", "peers", "bento", name))
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, name), text, 0o644)
			}
			if err != nil {
				return err
			}
		}
		// Its versions are those that Bento's own go.mod asks for, and the toolchain
		// checks their sums: so a thousand lines of them need not be kept here.
		return command(ctx, dir, "go", "build", "-mod=mod", "-o", "bento", ".")
	})
	b.installed = dir
	return bentoVersion, err
}

func (b *bento) Start(ctx context.Context, w workplace) error {
	b.address = w.address
	config := filepath.Join(b.root, "loadtest", "peers", "bento", "bento.yaml")
	if err := b.start(w, []string{"BENTO_ADDRESS=" + w.address, "BENTO_OUT=" + w.out}, filepath.Join(b.installed, "bento"), "-c", config); err != nil {
		return err
	}
	return b.ready(ctx, "http://"+w.address+"/ready")
}

func (b *bento) Feed(ctx context.Context, e *events, connections int) (sending, error) {
	return endpoint{b.address, "/post", 200}.send(ctx, e, connections, 0)
}

func (b *bento) Stop(ctx context.Context) (tree.Usage, error) { return b.terminate(ctx) }
