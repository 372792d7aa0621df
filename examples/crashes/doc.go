// Package crashes shows that programs which share limits overspend nothing, though they are killed in the middle and
// though the store goes away, whether or not they lease slices of the limits. It has tests alone.
package crashes
