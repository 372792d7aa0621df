package transport_test

import (
	"flag"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestMatrix plays every cell: what fails, at which step, whether anything was sent,
// and how often the endpoint was asked, with the proxies of the kit. The table that
// it prints (-v) is what a user may expect; [matrixCell.expect] says why.
func TestMatrix(t *testing.T) {
	cells := matrixCells(schemes...)
	assert.Len(t, cells, 6*3*8*2)
	report := runMatrix(t, kitRig{newCA(t), newCA(t)}, cells)
	t.Log(report)
	assert.Len(t, report.missing, 10)
	if !someOnly() {
		assert.Equal(t, 278, report.played())
	}
}

// someOnly tells whether the test was asked for a part of its cells.
func someOnly() bool {
	return strings.Contains(flag.Lookup("test.run").Value.String(), "/") || flag.Lookup("test.skip").Value.String() != ""
}

// runMatrix plays those cells that there are, and that the rig can play.
func runMatrix(t *testing.T, rig matrixRig, cells []matrixCell) *matrixReport {
	t.Helper()
	report := &matrixReport{cells: cells, results: make(map[matrixCell]string), missing: make(map[matrixCell]string)}
	var waiting []func()
	for _, c := range cells {
		want, reason := c.expect(rig.dialect(c))
		if reason == "" {
			reason = rig.cannot(c)
		}
		if reason != "" {
			report.missing[c] = reason
			continue
		}
		run := func() {
			t.Run(c.name(), func(t *testing.T) {
				rig.play(t, c, func(t *testing.T, s *matrixScene) {
					got := c.play(t, s)
					report.note(c, got.String())
					c.check(t, s, want, got)
					c.checkFallback(t, rig.dialect(c), got)
				})
			})
		}
		if c.fault == faultMute {
			waiting = append(waiting, run)
		} else {
			run()
		}
	}
	// Those that wait for a time limit do it together. The others are through by then:
	// some start programs, and a program that is just being started has all sockets of
	// this process for a moment, those that are being closed included.
	var all sync.WaitGroup
	for _, run := range waiting {
		all.Go(run)
	}
	all.Wait()
	return report
}
