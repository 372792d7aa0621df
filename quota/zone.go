package quota

import (
	"fmt"
	"sync"
	"time"
)

const (
	maxOffset = 24 * 60 * 60 // seconds; more than any zone there ever was
	maxZones  = 4096         // some seven times as many as have names
)

// zones has one *time.Location for each name, so that windows can be compared: a zone that is loaded twice has two. Beyond
// maxZones, which takes a program that makes up zones, each Location is its own.
var zones struct {
	sync.RWMutex
	byName map[string]*time.Location
}

// in is the window in a zone: by its offset if it never had another, by its name otherwise; time.Local is itself.
func (w Window) in(zone *time.Location) Window {
	if zone == nil || zone == time.UTC {
		return w
	}
	if zone == time.Local { // by whatever name this machine has for it, or none
		w.zone = zone
		return w
	}
	now := time.Unix(0, 0).In(zone)
	if start, end := now.ZoneBounds(); start.IsZero() && end.IsZero() {
		_, offset := now.Zone()
		w.offset = int32(min(max(offset, -2*maxOffset), 2*maxOffset)) // more is as wrong
		return w
	}
	w.zone = named(zone)
	return w
}

// named is the first zone of that name.
func named(zone *time.Location) *time.Location {
	name := zone.String()
	zones.RLock()
	known := zones.byName[name]
	zones.RUnlock()
	if known != nil {
		return known
	}
	zones.Lock()
	defer zones.Unlock()
	if known := zones.byName[name]; known != nil {
		return known
	}
	if zones.byName == nil {
		zones.byName = make(map[string]*time.Location)
	}
	if len(zones.byName) < maxZones {
		zones.byName[name] = zone
	}
	return zone
}

// location is the zone whose clock the window goes by.
func (w Window) location() *time.Location {
	switch {
	case w.zone != nil:
		return w.zone
	case w.offset == 0:
		return time.UTC
	default:
		return time.FixedZone(w.zoneName(), int(w.offset))
	}
}

// zoneName is "Europe/Berlin", or "UTC" or "UTC+05:45" for a zone that always has the same offset.
func (w Window) zoneName() string {
	if w.zone != nil {
		return w.zone.String()
	}
	if w.offset == 0 {
		return "UTC"
	}
	sign, n := '+', w.offset
	if n < 0 {
		sign, n = '-', -n
	}
	text := fmt.Sprintf("UTC%c%02d:%02d", sign, n/3600, n/60%60)
	if n%60 != 0 {
		text += fmt.Sprintf(":%02d", n%60)
	}
	return text
}
