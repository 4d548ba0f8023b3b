// Flink: files of events into Parquet files by hour, as a batch job of SQL.

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"parquay/loadtest/peers/report"
	"parquay/loadtest/peers/tree"
)

// flinkVersion is that of the package in the Python registry, which has all of Flink
// but its SQL gateway, that the client runs in its own process, and the Parquet format,
// which needs Hadoop's classes and, for zstd, a library. Those are in Maven's.
const flinkVersion = "2.3.0"

var flinkJars = []string{
	"org.apache.flink:flink-sql-gateway:" + flinkVersion,
	"org.apache.flink:flink-sql-gateway-api:" + flinkVersion,
	"org.apache.flink:flink-sql-parquet:" + flinkVersion,
	"org.apache.hadoop:hadoop-client-api:3.4.2",
	"org.apache.hadoop:hadoop-client-runtime:3.4.2",
	"com.github.luben:zstd-jni:1.5.6-9",
}

type flink struct {
	program
	tools
	python, jars string // folders
	w            workplace
}

func (f *flink) Facts() report.Facts {
	return report.Facts{
		Key: report.Flink, Name: "Flink SQL, batch", Offline: true,
		Config:     "[loadtest/peers/flink](../loadtest/peers/flink)",
		Durability: "does not apply: it reads files that are there",
		Order:      "none",
		Layout:     "a folder for each hour; timestamps, decimals and maps typed, columns declared; job and task manager in one process",
	}
}

func (f *flink) Install(ctx context.Context) (version string, err error) {
	output, err := exec.CommandContext(ctx, "java", "-version").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("there is no Java that works: %w", err)
	}
	line, _, _ := strings.Cut(string(output), "\n")
	f.python, err = f.once(ctx, "flink-"+flinkVersion, func(ctx context.Context, dir string) error {
		return pip(ctx, dir, "apache-flink-libraries=="+flinkVersion)
	})
	if err != nil {
		return "", err
	}
	f.jars, err = f.once(ctx, "flink-jars-"+flinkVersion, func(ctx context.Context, dir string) error {
		return maven(ctx, dir, flinkJars...)
	})
	return flinkVersion + ", " + strings.ReplaceAll(line, `"`, ""), err
}

// Start has nothing to do.
func (f *flink) Start(_ context.Context, w workplace) error {
	f.w = w
	return nil
}

func (f *flink) Feed(_ context.Context, e *events, _ int) (sending, error) {
	text, err := os.ReadFile(filepath.Join(f.config(), "convert.sql"))
	if err != nil {
		return sending{}, fmt.Errorf("read Flink's statements: %w", err)
	}
	statements := strings.NewReplacer(
		"${SOURCE}", "file://"+e.files, "${TARGET}", "file://"+f.w.out, "${CORES}", strconv.Itoa(runtime.NumCPU()),
	).Replace(string(text))
	name := filepath.Join(f.w.dir, "convert.sql")
	if err := os.WriteFile(name, []byte(statements), 0o644); err != nil {
		return sending{}, fmt.Errorf("write Flink's statements: %w", err)
	}
	homes, err := filepath.Glob(filepath.Join(f.python, "lib", "python*", "site-packages", "pyflink"))
	if err != nil || len(homes) != 1 {
		return sending{}, fmt.Errorf("find Flink in its package: %d folders", len(homes))
	}
	classes := []string{
		filepath.Join(homes[0], "lib", "*"), filepath.Join(homes[0], "opt", "flink-sql-client-"+flinkVersion+".jar"),
		filepath.Join(homes[0], "opt", "flink-python-"+flinkVersion+".jar"), filepath.Join(f.jars, "*"),
	}
	args := []string{
		"@" + filepath.Join(f.config(), "java.options"), "-Dlog4j.configurationFile=" + filepath.Join(f.config(), "log4j.properties"),
		"-Djava.io.tmpdir=" + f.w.dir, "-cp", strings.Join(classes, ":"), "org.apache.flink.table.client.SqlClient",
		"-hist", filepath.Join(f.w.dir, "history"), "-f", name,
	}
	return sending{}, f.start(f.w, []string{"FLINK_CONF_DIR=" + f.config()}, "java", args...)
}

func (f *flink) config() string { return filepath.Join(f.root, "loadtest", "peers", "flink") }

func (f *flink) Stop(ctx context.Context) (tree.Usage, error) {
	usage, err := f.finish(ctx)
	// The client's exit code is 0 also after a statement that failed.
	if text := f.Tail(); err == nil && strings.Contains(text, "[ERROR]") {
		err = fmt.Errorf("a statement failed: %s", text)
	}
	return usage, err
}
