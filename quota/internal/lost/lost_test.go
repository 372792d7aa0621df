package lost_test

import (
	"fmt"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/aitransport/aitransport/quota/internal/lost"
)

func TestTheLostAreTheirKeys(t *testing.T) {
	t.Parallel()
	var l lost.List
	assert.Empty(t, l.Of("a"))
	l.Done("a", []string{"1"})
	l.Add("a", "1", time.Minute)
	l.Add("a", "2", math.MaxInt64)
	l.Add("b", "3", time.Minute)
	assert.Equal(t, []string{"1", "2"}, l.Of("a"))
	assert.Equal(t, []string{"1", "2"}, l.Of("a"), "until they are done")
	l.Done("a", []string{"1", "3"})
	l.Done("a", nil)
	assert.Equal(t, []string{"2"}, l.Of("a"))
	assert.Equal(t, []string{"3"}, l.Of("b"))
	l.Done("a", []string{"2"})
	assert.Empty(t, l.Of("a"))
}

func TestTheLostGoWithTheirTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var l lost.List
		l.Add("a", "1", time.Minute)
		l.Add("a", "2", time.Hour)
		time.Sleep(2*time.Minute - 1)
		assert.Equal(t, []string{"1", "2"}, l.Of("a"), "the store knows them for two ttls")
		time.Sleep(time.Nanosecond)
		assert.Equal(t, []string{"2"}, l.Of("a"))
		time.Sleep(2 * time.Hour)
		assert.Empty(t, l.Of("a"))
	})
}

func TestTheLostAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var l lost.List
		for i := range lost.Most {
			l.Add(fmt.Sprint(i%100), fmt.Sprint(i), time.Duration(1+i%2)*time.Minute)
		}
		l.Add("new", "refused", time.Minute)
		assert.Empty(t, l.Of("new"), "the oldest are the ones that may have been made")
		ids := l.Of("0")
		assert.Len(t, ids, lost.AtOnce)
		assert.Equal(t, []string{"0", "100"}, ids[:2])
		time.Sleep(2 * time.Minute)
		l.Add("new", "remembered", time.Minute)
		assert.Equal(t, []string{"remembered"}, l.Of("new"), "half of them are over")
		assert.Empty(t, l.Of("0"))
		assert.Len(t, l.Of("1"), lost.AtOnce)
	})
}

func TestOneKeyDoesNotTakeAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var l lost.List
		for i := range 2 * lost.MostOfKey {
			l.Add("a", fmt.Sprint(i), time.Duration(1+i%2)*time.Minute)
		}
		l.Add("b", "0", time.Minute)
		assert.Len(t, l.Of("b"), 1)
		n := 0
		for ids := l.Of("a"); len(ids) > 0; ids = l.Of("a") {
			n += len(ids)
			l.Done("a", ids)
		}
		assert.Equal(t, lost.MostOfKey, n)
		for i := range lost.MostOfKey {
			l.Add("a", fmt.Sprint(i), time.Duration(1+i%2)*time.Minute)
		}
		time.Sleep(2 * time.Minute)
		l.Add("a", "new", time.Minute)
		assert.Len(t, l.Of("a"), lost.AtOnce)
		for ids := l.Of("a"); len(ids) > 0; ids = l.Of("a") {
			l.Done("a", ids)
			n = len(ids)
		}
		assert.Equal(t, (lost.MostOfKey/2+1)%lost.AtOnce, n, "the new one is there, in place of one that is over")
	})
}

func TestTheLostOfManyGoroutines(t *testing.T) {
	t.Parallel()
	var l lost.List
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 200 {
				key := fmt.Sprint(i % 3)
				l.Add(key, fmt.Sprint(g, " ", i), time.Hour)
				l.Done(key, l.Of(key))
			}
		})
	}
	all.Wait()
	for key := range 3 {
		for ids := l.Of(fmt.Sprint(key)); len(ids) > 0; ids = l.Of(fmt.Sprint(key)) {
			l.Done(fmt.Sprint(key), ids)
		}
	}
	for i := range lost.Most - 1 { // there is room for all again
		l.Add(fmt.Sprint("key ", i%100), fmt.Sprint(i), time.Hour)
	}
	l.Add("b", "1", time.Hour)
	assert.Equal(t, []string{"1"}, l.Of("b"))
}
