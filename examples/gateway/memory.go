package main

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
)

// spare is how much memory is given for collecting garbage less often.
const spare = 64 << 20

// collectSeldom has garbage collected when there is as much of it as there is memory in
// use and spare together. What a gateway keeps is a few MB, so that it would otherwise
// collect several times a second; the spare memory itself is address space and is never
// touched. Who sets GOGC or GOMEMLIMIT decides by himself. The memory is spare until done
// is called.
func collectSeldom() (done func()) {
	if os.Getenv("GOGC") != "" || debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return func() {}
	}
	untouched := make([]byte, spare)
	return func() { runtime.KeepAlive(untouched) }
}
