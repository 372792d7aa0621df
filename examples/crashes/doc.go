// Package crashes shows that programs which share limits overspend nothing, though they are killed in the middle and
// though the store goes away. It has tests alone.
package crashes
