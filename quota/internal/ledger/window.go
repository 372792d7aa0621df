package ledger

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aitransport/aitransport/quota"
)

const maxWindows = 4096 // as many zones as package quota knows

// windows has those that were in limits or states before, by their ID, so that a zone is loaded once, and one that cannot
// be loaded by its name is known where it is used. Beyond maxWindows, each is looked at anew.
var windows struct {
	sync.RWMutex
	byID map[string]quota.Window
}

// remember keeps a window whose ID is not empty.
func remember(w quota.Window) { keep(w.ID(), w) }

func keep(id string, w quota.Window) {
	windows.Lock()
	defer windows.Unlock()
	if windows.byID == nil {
		windows.byID = make(map[string]quota.Window)
	}
	if len(windows.byID) < maxWindows {
		windows.byID[id] = w
	}
}

// windowOf is the window whose ID it is.
func windowOf(id string) (quota.Window, error) {
	windows.RLock()
	w, ok := windows.byID[id]
	windows.RUnlock()
	if ok {
		return w, nil
	}
	w, err := parseWindow(id)
	if err != nil {
		return w, fmt.Errorf("window %q: %w", id, err)
	}
	if w.ID() != id {
		return w, fmt.Errorf("window %q: %w", id, errDamaged)
	}
	keep(id, w)
	return w, nil
}

// parseWindow reads what Window.ID writes.
func parseWindow(id string) (w quota.Window, err error) {
	kind, rest, _ := strings.Cut(id, "/")
	day := 0
	switch kind {
	case "total":
		return quota.Total(), nil
	case "rolling":
		d, err := time.ParseDuration(rest)
		return quota.Rolling(d), err
	case "weekly", "monthly":
		var n string
		n, rest, _ = strings.Cut(rest, "/")
		if day, err = strconv.Atoi(n); err != nil {
			return w, err
		}
	case "daily":
	default:
		return w, errors.New("this program does not know its kind: update it")
	}
	clock, name, _ := strings.Cut(rest, "/")
	at, err := time.ParseDuration(clock)
	if err != nil {
		return w, err
	}
	zone, err := zoneOf(name)
	if err != nil {
		return w, err
	}
	switch kind {
	case "weekly":
		return quota.Weekly(time.Weekday(day), at, zone), nil
	case "monthly":
		return quota.Monthly(day, at, zone), nil
	default:
		return quota.Daily(at, zone), nil
	}
}

// zoneOf is the zone of a name such as "Europe/Berlin", "UTC" or "UTC+05:45".
func zoneOf(name string) (*time.Location, error) {
	offset, ok := strings.CutPrefix(name, "UTC")
	if !ok || offset == "" {
		zone, err := time.LoadLocation(name)
		if err != nil {
			return nil, fmt.Errorf("install the zones of package time, or import time/tzdata: %w", err)
		}
		return zone, nil
	}
	sign := 1
	if offset[0] == '-' {
		sign = -1
	}
	seconds := 0
	for i, part := range strings.Split(offset[1:], ":") {
		n, err := strconv.Atoi(part)
		if err != nil || i > 2 {
			return nil, errDamaged
		}
		seconds += n * [...]int{3600, 60, 1}[i]
	}
	return time.FixedZone("", sign*seconds), nil
}
