package logfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	// retry is how long after a failure a file is not opened again.
	retry = time.Second

	// maxSameDay is how many files one day may have beside the first: a new one begins
	// when the clock is set back, say.
	maxSameDay = 1000
)

// daily is a file of a day. A sink's lock guards it.
type daily struct {
	dir, name string
	keep      time.Duration

	file   *os.File // nil: it could not be opened
	ended  bool     // the last line that was written has its end
	day    string   // of what the file holds
	failed time.Time
	cause  error // why it could not be opened
}

func (d *daily) path() string { return filepath.Join(d.dir, d.name+".log") }

func (d *daily) write(line []byte, now time.Time) error {
	if d.file != nil && d.day != now.Format(time.DateOnly) {
		if err := d.reopen(now); err != nil {
			return err
		}
	}
	if d.file == nil {
		if now.Sub(d.failed) < retry && !now.Before(d.failed) {
			return d.cause
		}
		if err := d.open(now); err != nil {
			return err
		}
	}
	if !d.ended { // a full disk took half a line
		line = append([]byte{'\n'}, line...)
	}
	n, err := d.file.Write(line)
	if n > 0 {
		d.ended = line[n-1] == '\n'
	}
	return err
}

func (d *daily) reopen(now time.Time) error {
	err := d.close()
	if openErr := d.open(now); openErr != nil {
		return openErr
	}
	return err
}

// open opens the file of today; one of an earlier day is put aside first, and those whose
// time is over are removed.
func (d *daily) open(now time.Time) (err error) {
	defer func() { d.failed, d.cause = now, err }()
	today := now.Format(time.DateOnly)
	err = d.putAside(today, now.Location())
	d.removeOld(now)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(d.path(), os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	d.file, d.day, d.ended = file, today, endsLine(file)
	return nil
}

// endsLine tells whether a file is empty or its last byte ends a line.
func endsLine(file *os.File) bool {
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil || size == 0 {
		return true
	}
	var last [1]byte
	_, err = file.ReadAt(last[:], size-1)
	return err != nil || last[0] == '\n'
}

// putAside renames the file after the day on which it was last written, unless that is
// today.
func (d *daily) putAside(today string, zone *time.Location) error {
	info, err := os.Stat(d.path())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	day := d.day
	if day == "" {
		day = info.ModTime().In(zone).Format(time.DateOnly)
	}
	if day == today || info.Size() == 0 {
		return nil
	}
	for n := range maxSameDay {
		aside := filepath.Join(d.dir, d.name+"-"+day+".log")
		if n > 0 {
			aside = filepath.Join(d.dir, fmt.Sprintf("%s-%s.%d.log", d.name, day, n))
		}
		// Link fails where the name is taken; Rename would lose what has it.
		err = os.Link(d.path(), aside)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil {
			return renameUnlessThere(d.path(), aside)
		}
		return os.Remove(d.path())
	}
	return err
}

// renameUnlessThere is for file systems without links.
func renameUnlessThere(from, to string) error {
	if _, err := os.Lstat(to); err == nil {
		return fmt.Errorf("rename %s: %s is there already", from, to)
	}
	return os.Rename(from, to)
}

// removeOld removes files of days that are not kept. What cannot be removed stays until
// the next time.
func (d *daily) removeOld(now time.Time) {
	if d.keep <= 0 {
		return
	}
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return
	}
	oldest := now.Add(-d.keep).Format(time.DateOnly)
	for _, e := range entries {
		rest, isOurs := strings.CutPrefix(e.Name(), d.name+"-")
		rest, isLog := strings.CutSuffix(rest, ".log")
		day, _, _ := strings.Cut(rest, ".")
		if _, err := time.Parse(time.DateOnly, day); isOurs && isLog && err == nil && day < oldest && e.Type().IsRegular() {
			_ = os.Remove(filepath.Join(d.dir, e.Name()))
		}
	}
}

func (d *daily) close() error {
	if d.file == nil {
		return nil
	}
	err := d.file.Close()
	d.file = nil
	return err
}
