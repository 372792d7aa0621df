package resource_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/quota"
)

func TestLimitIsReadAsWritten(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	for _, c := range []struct {
		in   resource.Limit
		want quota.Limit
	}{
		{resource.Limit{Unit: "requests", Max: 60, Window: "1m"}, quota.Limit{Unit: quota.Requests, Max: 60, Window: quota.Rolling(time.Minute)}},
		{resource.Limit{Unit: "usd", Max: 2.5, Window: "day"}, quota.Limit{Unit: quota.Cost, Max: 2_500_000_000, Window: quota.Daily(0, nil)}},
		{resource.Limit{Unit: "tokens", Max: 9, Window: "week", On: "Sunday", At: "09:30"}, quota.Limit{Unit: quota.Tokens, Max: 9, Window: quota.Weekly(time.Sunday, 9*time.Hour+30*time.Minute, nil)}},
		{resource.Limit{Unit: "input_tokens", Max: 9, Window: "month", On: "31", Zone: "Europe/Berlin"}, quota.Limit{Unit: quota.InputTokens, Max: 9, Window: quota.Monthly(31, 0, berlin)}},
		{resource.Limit{Unit: "output_tokens", Max: 9, Window: "total"}, quota.Limit{Unit: quota.OutputTokens, Max: 9, Window: quota.Total()}},
		{resource.Limit{Unit: "in_flight", Max: 3}, quota.Limit{Unit: quota.InFlight, Max: 3}},
	} {
		got, err := c.in.Quota()
		require.NoError(t, err, "%+v", c.in)
		assert.Equal(t, c.want, got)
	}
}

func TestLimitSaysWhatToWriteInstead(t *testing.T) {
	for want, l := range map[string]resource.Limit{
		"write requests, input_tokens":  {Unit: "apples", Max: 1, Window: "1m"},
		"whole number":                  {Unit: "tokens", Max: 1.5, Window: "1m"},
		"above 0":                       {Unit: "usd", Window: "1m"},
		"in_flight has none":            {Unit: "in_flight", Max: 1, Window: "1m"},
		"window is missing":             {Unit: "requests", Max: 1},
		`window "soon" is not known`:    {Unit: "requests", Max: 1, Window: "soon"},
		`zone "Mars" is not known`:      {Unit: "requests", Max: 1, Window: "day", Zone: "Mars"},
		`zone "Local" is not known`:     {Unit: "requests", Max: 1, Window: "day", Zone: "Local"},
		`"Frog" is no day of the week`:  {Unit: "requests", Max: 1, Window: "week", On: "Frog"},
		`on "32" is no day of a month`:  {Unit: "requests", Max: 1, Window: "month", On: "32"},
		`at "25:00" is no time of the `: {Unit: "requests", Max: 1, Window: "day", At: "25:00"},
	} {
		_, err := l.Quota()
		assert.ErrorContains(t, err, want)
	}
}

func TestKeyLimitsFollowThePriceRate(t *testing.T) {
	k := resource.Key{RequestsPerMinute: 5, InFlight: 2, PriceRate: 2, Quotas: []resource.Quota{{Window: "5h", USD: 10, Tokens: 100}}}
	limits, err := k.Limits()
	require.NoError(t, err)
	assert.Equal(t, []quota.Limit{
		{Unit: quota.Requests, Max: 5, Window: quota.Rolling(time.Minute)},
		{Unit: quota.InFlight, Max: 2},
		{Unit: quota.Cost, Max: 5_000_000_000, Window: quota.Rolling(5 * time.Hour)},
		{Unit: quota.Tokens, Max: 100, Window: quota.Rolling(5 * time.Hour)},
	}, limits, "who is charged twice may use half")
	_, err = resource.Key{Quotas: []resource.Quota{{Window: "day"}}}.Limits()
	assert.ErrorContains(t, err, "quotas[0]: limits nothing")
	_, err = resource.Key{PriceRate: -1}.Limits()
	assert.ErrorContains(t, err, "price_rate")
}

func TestScheduleIsReadAsWritten(t *testing.T) {
	s, err := resource.Schedule{Spans: []resource.Span{{Days: []string{"monday"}, From: "22:00", To: "24:00"}}}.Balancer()
	require.NoError(t, err)
	assert.Equal(t, []balancer.Span{{Days: []time.Weekday{time.Monday}, From: 22 * time.Hour, To: 24 * time.Hour}}, s.Spans)
	_, err = resource.Schedule{Spans: []resource.Span{{From: "7", To: "08:00"}}}.Balancer()
	assert.ErrorContains(t, err, "spans[0].from")
	_, err = resource.Schedule{}.Balancer()
	assert.ErrorContains(t, err, "spans are missing")
}

func TestHealthSettingsBecomeAPolicy(t *testing.T) {
	p, err := (*resource.Health)(nil).Policy(time.Minute)
	require.NoError(t, err)
	assert.Equal(t, time.Minute, p.Rest)
	p, err = (&resource.Health{Failures: 7, Rest: resource.Duration(time.Second)}).Policy(time.Minute)
	require.NoError(t, err)
	assert.Equal(t, 7, p.Failures)
	assert.Equal(t, time.Second, p.Rest, "the account wins")
}
