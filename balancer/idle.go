package balancer

import "time"

// idleness finds out which models no request has asked for in a while, in steps of a
// minute, so that what once failed is not read from the store for ever.
type idleness struct {
	next time.Time // step
	ages []int64   // of the domains at the last steps, the newest last
}

// forget drops what has been idle for askedFor, once a minute.
func (i *idleness) forget(ds *domains, now time.Time) {
	if now.Before(i.next) {
		return
	}
	i.next = now.Add(time.Minute)
	if i.ages = append(i.ages, ds.age.Add(1)); len(i.ages) > int(askedFor/time.Minute) {
		ds.forgetIdle(i.ages[0], now)
		i.ages = i.ages[1:]
	}
}
