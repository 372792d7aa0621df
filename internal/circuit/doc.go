// Package circuit keeps a broken store from costing each of its callers a time-out. A [Breaker] gives each call a time
// limit; once one has failed, calls fail at once for a short while, and then one at a time tries the store.
package circuit
