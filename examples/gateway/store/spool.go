package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

// spooled is a file of batches that could not be written.
type spooled struct {
	Version  int            `json:"version"`
	Database string         `json:"database"` // whose they are
	Batches  []spooledBatch `json:"batches"`
}

type spooledBatch struct {
	batch
	Attempts [][]resource.Attempt `json:"attempts"` // of each row
	Lost     []spooledSum         `json:"lost"`
}

// spooledSum is one of the sums; which one says what is set.
type spooledSum struct {
	Usage   *usageKey   `json:"usage,omitempty"`
	Quarter *quarterKey `json:"quarter,omitempty"`
	Account *accountKey `json:"account,omitempty"`
	Of      usage       `json:"of"`
	Did     attempts    `json:"did,omitzero"`
}

const spoolVersion = 1

// spool puts all that waits into a file, which has its whole name only when it is whole.
func (w *writer) spool(cause error) error {
	file := spooled{Version: spoolVersion, Database: w.db.id}
	rows := 0
	for w.next() {
		file.Batches = append(file.Batches, pack(w.batch))
		rows += len(w.batch.Rows)
		w.batch = nil
	}
	data, err := json.Marshal(file)
	if err != nil {
		return failed(err, "writing what the database did not take")
	}
	path := w.spoolPath()
	err = os.MkdirAll(w.db.config.SpoolDir, 0o700)
	if err == nil {
		err = writeFile(path, data)
	}
	if err != nil {
		return failed(errors.Join(err, cause), "writing what the database did not take")
	}
	w.db.log.Error("records could not be written; the next start reads them from the file", "file", path, "rows", rows, "error", cause)
	return nil
}

func (w *writer) spoolPath() string {
	return filepath.Join(w.db.config.SpoolDir, "spool-"+w.id+".json")
}

func writeFile(path string, data []byte) (err error) {
	partial := path + ".partial"
	f, err := os.OpenFile(partial, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600) //nolint:gosec // in the operator's folder
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(partial, path)
}

func pack(b *batch) spooledBatch {
	s := spooledBatch{batch: *b}
	for i := range b.Rows {
		s.Attempts = append(s.Attempts, b.Rows[i].Attempts)
	}
	for key, u := range b.lost.usages {
		s.Lost = append(s.Lost, spooledSum{Usage: &key, Of: u})
	}
	for key, u := range b.lost.quarters {
		s.Lost = append(s.Lost, spooledSum{Quarter: &key, Of: u})
	}
	for key, a := range b.lost.accounts {
		s.Lost = append(s.Lost, spooledSum{Account: &key, Did: a})
	}
	return s
}

func (s *spooledBatch) unpack() *batch {
	b := s.batch
	b.lost = newSums()
	for i := range min(len(b.Rows), len(s.Attempts)) {
		b.Rows[i].Attempts = s.Attempts[i]
	}
	for _, sum := range s.Lost {
		switch {
		case sum.Usage != nil:
			b.lost.usages[*sum.Usage] = sum.Of
		case sum.Quarter != nil:
			b.lost.quarters[*sum.Quarter] = sum.Of
		case sum.Account != nil:
			b.lost.accounts[*sum.Account] = sum.Did
		}
	}
	return &b
}

// readSpool writes what earlier programs could not, and removes their files. A file of
// another database is left for it; one that cannot be read is left, and said.
func (db *DB) readSpool(ctx context.Context) error {
	entries, err := os.ReadDir(db.config.SpoolDir)
	if errors.Is(err, fs.ErrNotExist) {
		return failed(os.MkdirAll(db.config.SpoolDir, 0o700), "making the folder for what the database does not take")
	}
	if err != nil {
		return failed(err, "looking for what an earlier program could not write")
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "spool-") || !strings.HasSuffix(e.Name(), ".json") {
			continue
		}
		path := filepath.Join(db.config.SpoolDir, e.Name())
		if err := db.readSpoolFile(ctx, path); err != nil {
			return failed(err, "reading %s, which an earlier program could not write to the database", path)
		}
	}
	return nil
}

func (db *DB) readSpoolFile(ctx context.Context, path string) error {
	data, err := os.ReadFile(path) //nolint:gosec // in the operator's folder
	if errors.Is(err, fs.ErrNotExist) {
		return nil // another program was faster
	}
	if err != nil {
		return err
	}
	var file spooled
	if err := json.Unmarshal(data, &file); err != nil || file.Version != spoolVersion {
		return fmt.Errorf("it is damaged, or of a newer program: move it away to start without it (version %d): %w", file.Version, err)
	}
	if file.Database != db.id {
		return nil
	}
	rows := 0
	for i := range file.Batches {
		b := file.Batches[i].unpack()
		rows += len(b.Rows)
		if err := db.apply(ctx, b); err != nil {
			return err
		}
	}
	db.log.Info("records of an earlier program were written", "file", path, "rows", rows)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
