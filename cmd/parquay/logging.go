// The log: text for a person at a terminal, JSON for a collector.

package main

import (
	"io"
	"io/fs"
	"log/slog"
	"os"
)

// newLogger returns the logger that the settings ask for, which were checked.
func newLogger(s Settings, w io.Writer) *slog.Logger {
	var level slog.Level
	if level.UnmarshalText([]byte(s.LogLevel)) != nil {
		level = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: level}
	if logsText(s, w) {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

// logsText says whether a person reads the log.
func logsText(s Settings, w io.Writer) bool {
	return s.LogFormat == "text" || (s.LogFormat == "" && isTerminal(w))
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&fs.ModeCharDevice != 0
}
