package balancer

import (
	"container/list"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestWhoComesFromAnotherLineKeepsItsPlace: before those who came later, behind those who
// came earlier or at the same time.
func TestWhoComesFromAnotherLineKeepsItsPlace(t *testing.T) {
	var q queue
	came := time.Now()
	join := func(after time.Duration) *list.Element { return q.join(came.Add(after), false) }
	third, fifth, second, first, fourth := join(3), join(5), join(2), join(1), join(3)
	for _, next := range []*list.Element{first, second, third, fourth, fifth} {
		assert.True(t, q.mayLook(next))
		assert.Same(t, next, q.line.Front())
		q.leave(next)
	}
	assert.Zero(t, q.waiting.Load())
}
