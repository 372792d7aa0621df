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
	join := func(after time.Duration) *list.Element { return q.join(came.Add(after)) }
	third, fifth, second, first, fourth := join(3), join(5), join(2), join(1), join(3)
	for _, next := range []*list.Element{first, second, third, fourth, fifth} {
		assert.True(t, q.mayLook(next))
		assert.Same(t, next, q.line.Front())
		q.leave(next)
	}
	assert.Zero(t, q.waiting.Load())
}

// TestWhatIsForOthersIsForThemAsLongAsItIs: whoever finds nothing for himself lets the next
// look, and those behind him who did so too, until that has changed.
func TestWhatIsForOthersIsForThemAsLongAsItIs(t *testing.T) {
	var q queue
	places := make([]*list.Element, 4)
	for i := range places {
		places[i] = q.join(time.Now())
	}
	called := func() (all []int) {
		for i, e := range places {
			select {
			case <-e.Value.(*waiter).call:
				all = append(all, i)
			default:
			}
		}
		return all
	}
	mayLook := func() (all []int) {
		for i, e := range places {
			if q.mayLook(e) {
				all = append(all, i)
			}
		}
		return all
	}
	q.notify()
	assert.Equal(t, []int{0}, called())
	q.pass(places[0], true)
	assert.Equal(t, []int{1}, called())
	q.pass(places[1], true)
	assert.Equal(t, []int{2}, called())
	assert.Equal(t, []int{0, 1, 2}, mayLook())
	q.notify()
	assert.Equal(t, []int{0, 1, 2}, called())
	q.pass(places[0], true)
	assert.Empty(t, called(), "they have been called")

	q.pass(places[0], false)
	assert.Equal(t, []int{0}, mayLook())
	q.notify()
	assert.Equal(t, []int{0}, called())
	q.pass(places[0], true)
	assert.Equal(t, []int{1, 2}, called())
	assert.Equal(t, []int{0, 1, 2}, mayLook())
}
